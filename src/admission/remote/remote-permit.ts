import type { Cancel, Clock } from '../../clock.ts'
import type { Call, Permit, Slot, Upstream } from '../contract.ts'
import type { Outcome } from '../observer.ts'
import { type AdmissionStub, LEASE_MS, RENEW_EVERY_MS } from './protocol.ts'

/** So long before its lease ends a call that cannot renew it gives up: by then nobody else has the slot. */
const MARGIN_MS = 2_000
const RETRY_RENEWAL_MS = 2_000
/** How often a release is tried; then the lease ends it. */
const ATTEMPTS = 5
const FIRST_PAUSE_MS = 100

/** What one request needs to deal with a gate. */
export interface RemoteParts {
  readonly clock: Clock
  /** The Ollama that the slots are on. */
  readonly upstream: Upstream
  /** A new connection to the admission of all isolates. A connection that has failed stays broken. */
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
  readonly claimedAt: number
}

/** A slot on lease: renewed while the call runs, and reported lost before it can be another's. */
export class RemotePermit implements Permit {
  readonly call: Call
  readonly slot: Slot
  readonly waitMs: number
  readonly #parts: RemoteParts
  readonly #id: string
  readonly #over: () => void
  #gate: AdmissionStub
  #renewal: Cancel
  #fence: Cancel
  #held = true
  #onLost: (() => void) | undefined

  constructor(
    parts: RemoteParts,
    gate: AdmissionStub,
    id: string,
    call: Call,
    { waitMs, claimedAt }: ClaimedSlot,
    over: () => void,
  ) {
    this.#parts = parts
    this.#gate = gate
    this.#id = id
    this.call = call
    this.slot = { upstream: parts.upstream }
    this.waitMs = waitMs
    this.#over = over
    this.#renewal = parts.clock.after(RENEW_EVERY_MS, () => void this.#renew())
    this.#fence = this.#fenceFrom(claimedAt)
  }

  onLost(listener: () => void): void {
    this.#onLost = listener
  }

  release(outcome: Outcome, _now: number, loadMs = 0, served = false): void {
    if (!this.#held) return
    this.#held = false
    this.#renewal()
    this.#fence()
    void deliverRelease(this.#parts, this.#gate, { id: this.#id, outcome, loadMs, served }).then(this.#over)
  }

  async #renew(): Promise<void> {
    const { clock, connect } = this.#parts
    const renewedAt = clock.now()
    let next = RENEW_EVERY_MS
    try {
      const renewed = await this.#gate.renew(this.#id)
      if (!this.#held) return
      this.#fence()
      if (!renewed) return this.#onLost?.()
      this.#fence = this.#fenceFrom(renewedAt)
    } catch {
      this.#gate = connect()
      next = RETRY_RENEWAL_MS
    }
    if (this.#held) this.#renewal = clock.after(next, () => void this.#renew())
  }

  #fenceFrom(heard: number): Cancel {
    const { clock } = this.#parts
    return clock.after(heard + LEASE_MS - MARGIN_MS - clock.now(), () => this.#onLost?.())
  }
}

/** What the gate is told of a call that is over. */
interface Release {
  readonly id: string
  readonly outcome: Outcome
  readonly loadMs: number
  readonly served: boolean
}

/** Until the gate has it, or the lease has run out by itself. */
export async function deliverRelease(
  { clock, connect }: RemoteParts,
  first: AdmissionStub,
  { id, outcome, loadMs, served }: Release,
): Promise<void> {
  let gate = first
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await gate.release(id, outcome, loadMs, served)
    } catch {
      await pauseAfter(clock, attempt)
      gate = connect()
    }
  }
}

/** Waits before the next attempt; longer after each. `failures` that came before this one. */
export function pauseAfter(clock: Clock, failures: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(FIRST_PAUSE_MS * 2 ** failures, resolve)
  })
}
