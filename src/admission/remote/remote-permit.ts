import type { Cancel, Clock } from '../../clock.ts'
import type { Call, CallReport, Permit, Slot, Upstream } from '../contract.ts'
import type { Outcome } from '../observer.ts'
import { type AdmissionStub, LEASE_MS, RENEW_EVERY_MS } from './protocol.ts'

/** A call that cannot renew its lease gives up this long before the lease ends, while no other call has the slot yet. */
const MARGIN_MS = 2_000
const RETRY_RENEWAL_MS = 2_000
/** Attempts to deliver a release. After the last one the end of the lease frees the slot. */
const ATTEMPTS = 5
const FIRST_PAUSE_MS = 100

/** The means of one request to reach the admission of all isolates, the origin. */
export interface RemoteParts {
  readonly clock: Clock
  /** The Ollama that the slots are on. */
  readonly upstream: Upstream
  /** A new connection to the origin. A connection that has failed stays broken. */
  readonly connect: () => AdmissionStub
  /** An id that no other call has. */
  readonly newId: () => string
  /** Keeps the request's context alive until the promise is settled, as far as the platform lets it. */
  readonly keepAlive: (work: Promise<void>) => void
}

/**
 * `claimedAt`: clock milliseconds just before the claim was sent. The lease begins later, when the claim arrives, so a
 * measure from here never overestimates the lease.
 */
export interface ClaimedSlot {
  readonly waitMs: number
  readonly slots: number
  /** As in AcquireResult. */
  readonly loads: boolean
  readonly claimedAt: number
}

/** A leased slot. The lease is renewed while the call runs, and reported lost before another call can have the slot. */
export class RemotePermit implements Permit {
  readonly call: Call
  readonly slot: Slot
  readonly waitMs: number
  readonly slots: number
  readonly #parts: RemoteParts
  readonly #id: string
  readonly #over: () => void
  #origin: AdmissionStub
  #renewal: Cancel
  #fence: Cancel
  #held = true
  /** The origin waits to hear that Ollama answers. */
  #tells: boolean
  #onLost: (() => void) | undefined

  constructor(
    parts: RemoteParts,
    origin: AdmissionStub,
    id: string,
    call: Call,
    { waitMs, slots, loads, claimedAt }: ClaimedSlot,
    over: () => void,
  ) {
    this.#parts = parts
    this.#origin = origin
    this.#id = id
    this.call = call
    this.slot = { upstream: parts.upstream }
    this.waitMs = waitMs
    this.slots = slots
    this.#tells = loads
    this.#over = over
    this.#renewal = parts.clock.after(RENEW_EVERY_MS, () => void this.#renew())
    this.#fence = this.#fenceFrom(claimedAt)
  }

  onLost(listener: () => void): void {
    this.#onLost = listener
  }

  /** Told once and not again: where the origin does not hear of it, /api/ps or the release tells the same later. */
  began(): void {
    if (!this.#tells) return
    this.#tells = false
    void this.#tell()
  }

  release(outcome: Outcome, _now: number, report?: CallReport): void {
    if (!this.#held) return
    this.#held = false
    this.#renewal()
    this.#fence()
    void deliverRelease(this.#parts, this.#origin, { id: this.#id, outcome, report }).then(this.#over)
  }

  async #tell(): Promise<void> {
    try {
      await this.#origin.began(this.#id)
    } catch {
      // The origin is out of reach, or has restarted and counts the model as loaded.
    }
  }

  async #renew(): Promise<void> {
    const { clock, connect } = this.#parts
    const renewedAt = clock.now()
    let next = RENEW_EVERY_MS
    try {
      const renewed = await this.#origin.renew(this.#id)
      if (!this.#held) return
      this.#fence()
      if (!renewed) return this.#onLost?.()
      this.#fence = this.#fenceFrom(renewedAt)
    } catch {
      this.#origin = connect()
      next = RETRY_RENEWAL_MS
    }
    if (this.#held) this.#renewal = clock.after(next, () => void this.#renew())
  }

  #fenceFrom(leasedAt: number): Cancel {
    const { clock } = this.#parts
    return clock.after(leasedAt + LEASE_MS - MARGIN_MS - clock.now(), () => this.#onLost?.())
  }
}

/** A call that is over. */
interface Release {
  readonly id: string
  readonly outcome: Outcome
  readonly report?: CallReport | undefined
}

/** Repeats the release until the origin has it, or until the lease has ended by itself. */
export async function deliverRelease(
  { clock, connect }: RemoteParts,
  first: AdmissionStub,
  { id, outcome, report }: Release,
): Promise<void> {
  let origin = first
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await origin.release(id, outcome, report)
    } catch {
      await pauseAfter(clock, attempt)
      origin = connect()
    }
  }
}

/** Waits before the next attempt, twice as long after each. `failures`: the number of attempts that failed before. */
export function pauseAfter(clock: Clock, failures: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(FIRST_PAUSE_MS * 2 ** failures, resolve)
  })
}
