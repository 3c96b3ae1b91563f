import type { LocalAdmission } from '../../admission/local-admission.ts'
import type { LeaseEnd } from '../../admission/remote/lease-budgets.ts'
import type { LeaseStore } from '../../admission/remote/lease-store.ts'
import type { AcquireRequest, AcquireResult } from '../../admission/remote/protocol.ts'
import { foregroundClock } from '../../clock.ts'
import type { Config } from '../../config/schema.ts'
import { createShares } from '../../gate/shares.ts'
import type { PresentCall, Shares } from '../../telemetry/shares.ts'

interface SharesOfLeasesParts {
  readonly config: Config
  readonly store: Pick<LeaseStore, 'leases'>
  readonly admission: () => Pick<LocalAdmission, 'lanes'>
}

/** How the slots are shared among the calls of all isolates, as far as the one object that all share knows them. */
export class SharesOfLeases {
  readonly shares: Shares

  constructor({ admission, config, store }: SharesOfLeasesParts) {
    this.shares = createShares({
      clock: foregroundClock,
      config: () => config,
      open: () => openCalls(store, admission()),
    })
  }

  /** A request for a slot is answered. */
  answered({ class: of = 'normal' }: AcquireRequest, answer: AcquireResult): void {
    if (answer.granted) this.shares.waited(of, answer.waitMs)
  }

  /** A lease is over. */
  ended({ caller, class: of, slots, slotMs }: LeaseEnd): void {
    const key = caller.key?.name ?? null
    this.shares.ended({ caller: caller.id, key, class: of, slots, slotMs, waitMs: null })
  }
}

function* openCalls(
  store: SharesOfLeasesParts['store'],
  admission: Pick<LocalAdmission, 'lanes'>,
): Iterable<PresentCall> {
  const now = foregroundClock.wallTime()
  for (const { caller, class: of, slots, grantedAt } of store.leases()) {
    const slotMs = slots * Math.max(0, now - grantedAt)
    yield { caller: caller.id, class: of, state: 'running', slots, slotMs }
  }
  for (const lane of admission.lanes())
    for (const { call } of lane.waiting())
      yield {
        caller: call.caller.id,
        class: call.class ?? 'normal',
        state: 'waiting',
        slots: 0,
        slotMs: 0,
      }
}
