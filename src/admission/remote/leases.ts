import type { Clock } from '../../clock.ts'
import type { Limits } from '../contract.ts'
import { LocalAdmission } from '../local-admission.ts'
import type { LocalPermit } from '../local-permit.ts'
import type { LocalTicket } from '../local-ticket.ts'
import type { AdmissionObserver, LaneObserver, Outcome } from '../observer.ts'
import { Refusal } from '../refusal.ts'
import { type AcquireRequest, type AcquireResult, CLAIM_MS, LEASE_MS } from './protocol.ts'

/** A taken slot as it outlives the object. Times are milliseconds since 1970: no other clock survives a restart. */
export interface Lease {
  readonly id: string
  readonly model: string
  readonly grantedAt: number
  readonly expiresAt: number
}

/** What outlives the object. Everything written is durable before any answer leaves. */
export interface LeaseStore {
  leases(): Iterable<Lease>
  saveLease(row: Lease): void
  dropLease(id: string): void
  /** Limits that an admin has set, by model key; `*` are the defaults. */
  limits(): Iterable<readonly [model: string, limits: Partial<Limits>]>
  saveLimits(model: string, limits: Partial<Limits>): void
  /** Asks for `expire` to be called at this time, in milliseconds since 1970. A later request replaces it. */
  wakeAt(time: number): void
}

export interface LeasesParts<L extends LaneObserver> {
  readonly clock: Clock
  readonly observer: AdmissionObserver<L>
  /** In force where no admin has set others. */
  readonly defaults: Limits
  readonly maxWaitingBytes: number
  readonly store: LeaseStore
  readonly random?: () => number
}

type Settled = (turn: AcquireResult) => void

type Entry<L extends LaneObserver> =
  | { readonly ticket: LocalTicket<L>; readonly settled: Settled[] }
  | { readonly permit: LocalPermit<L>; readonly row: Lease }

const NO_LIMIT: Limits = { parallel: Number.MAX_SAFE_INTEGER, queue: 0 }

/**
 * Slots on loan to isolates that may vanish at any moment, over the same admission core as everywhere.
 * A call is known by an id of its caller's making, so that every request may come twice. A granted slot has to be
 * claimed and then renewed; what is not goes back to the lane. Told the time, it has no timers of its own.
 */
export class Leases<L extends LaneObserver = LaneObserver> {
  readonly admission: LocalAdmission<L>
  readonly #clock: Clock
  readonly #store: LeaseStore
  readonly #limits: Map<string, Partial<Limits>>
  readonly #entries = new Map<string, Entry<L>>()
  #wakesAt = Number.POSITIVE_INFINITY

  /** Takes up what an earlier life of the object has left in the store. */
  constructor({ clock, store, defaults, ...parts }: LeasesParts<L>) {
    this.#clock = clock
    this.#store = store
    this.#limits = new Map(store.limits())
    // Slots given out before count whatever the limits are now, so those come last.
    this.admission = new LocalAdmission({ ...parts, clock, defaults: NO_LIMIT })
    for (const row of store.leases()) this.#takeUp(row)
    this.admission.configure('*', { ...defaults, ...this.#limits.get('*') })
    for (const [model, own] of this.#limits) if (model !== '*') this.admission.configure(model, own)
    this.expire()
  }

  /** Changes limits for good; returns what is in force now. */
  configure(model: string, change: Partial<Limits>): Limits {
    const own = { ...this.#limits.get(model), ...change }
    this.#limits.set(model, own)
    this.#store.saveLimits(model, own)
    return this.admission.configure(model, change)
  }

  /** Calls back once with the slot or the refusal. Asking again with the same id asks for the same slot. */
  acquire(id: string, request: AcquireRequest, settled: Settled): void {
    if (this.#clock.wallTime() >= this.#wakesAt) this.expire()
    const known = this.#entries.get(id)
    if (known && 'permit' in known) settled(granted(known.permit))
    else if (known) known.settled.push(settled)
    else this.#arrive(id, request, settled)
  }

  /** The caller has heard of its slot. False when it had gone back by then. */
  claim(id: string): boolean {
    return this.renew(id)
  }

  /** The caller still holds its slot: the lease runs anew. False when it had gone back by then. */
  renew(id: string): boolean {
    const entry = this.#entries.get(id)
    const now = this.#clock.wallTime()
    if (entry === undefined || !('permit' in entry) || entry.row.expiresAt <= now) return false
    this.#hold({ ...entry, row: { ...entry.row, expiresAt: now + LEASE_MS } })
    return true
  }

  /**
   * The call is over, or its client left the line. `loadMs`: of its time, what loading the model took. `served`: Ollama
   * answered it without an error.
   */
  release(id: string, outcome: Outcome, loadMs: number, served = false): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    const now = this.#clock.now()
    if ('ticket' in entry) entry.ticket.cancel(now)
    else this.#giveBack(entry, outcome, now, loadMs, served)
  }

  /** Takes back what was not claimed or renewed in time. To be called when the store wakes us; any time is fine. */
  expire(): void {
    const now = this.#clock.wallTime()
    for (const entry of this.#entries.values()) {
      // How long it really ran is unknown, so the lane must not learn from it: failed.
      if ('permit' in entry && entry.row.expiresAt <= now) this.#giveBack(entry, 'failed', this.#clock.now())
    }
    this.#wakesAt = Number.POSITIVE_INFINITY
    for (const entry of this.#entries.values()) if ('permit' in entry) this.#wakeBy(entry.row.expiresAt)
  }

  #arrive(id: string, { model, waitMs, bytes }: AcquireRequest, settled: Settled): void {
    const now = this.#clock.now()
    try {
      const turn = this.admission.acquire({ model, deadline: now + waitMs, bytes }, now)
      if ('release' in turn) this.#grant(id, model, turn, [settled])
      else this.#standInLine(id, model, turn, settled)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      settled(refused(error))
    }
  }

  #standInLine(id: string, model: string, ticket: LocalTicket<L>, first: Settled): void {
    const settled = [first]
    this.#entries.set(id, { ticket, settled })
    ticket.onSettled((result) => {
      if (!(result instanceof Refusal)) return this.#grant(id, model, result, settled)
      this.#entries.delete(id)
      for (const tell of settled) tell(refused(result))
    })
  }

  #grant(id: string, model: string, permit: LocalPermit<L>, settled: readonly Settled[]): void {
    const grantedAt = this.#clock.wallTime()
    this.#hold({ permit, row: { id, model, grantedAt, expiresAt: grantedAt + CLAIM_MS } })
    for (const tell of settled) tell(granted(permit))
  }

  #hold(entry: Extract<Entry<L>, { permit: unknown }>): void {
    this.#entries.set(entry.row.id, entry)
    this.#store.saveLease(entry.row)
    this.#wakeBy(entry.row.expiresAt)
  }

  #giveBack(
    entry: Extract<Entry<L>, { permit: unknown }>,
    outcome: Outcome,
    now: number,
    loadMs = 0,
    served = false,
  ) {
    this.#entries.delete(entry.row.id)
    this.#store.dropLease(entry.row.id)
    entry.permit.release(outcome, now, loadMs, served)
  }

  /** A slot from before the restart, with the time since when it is held. */
  #takeUp(row: Lease): void {
    const now = this.#clock.now() - Math.max(0, this.#clock.wallTime() - row.grantedAt)
    const deadline = Number.POSITIVE_INFINITY
    const permit = this.admission.acquire({ model: row.model, deadline, bytes: 0 }, now)
    if ('release' in permit) this.#entries.set(row.id, { permit, row })
  }

  #wakeBy(time: number): void {
    if (time >= this.#wakesAt) return
    this.#wakesAt = time
    this.#store.wakeAt(time)
  }
}

function granted({ waitMs }: { readonly waitMs: number }): AcquireResult {
  return { granted: true, waitMs }
}

function refused({ code, facts }: Refusal): AcquireResult {
  return { granted: false, code, facts }
}
