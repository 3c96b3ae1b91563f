import { NO_LIMITS } from '../../callers/caller.ts'
import type { Clock } from '../../clock.ts'
import type { CallReport, Limits } from '../contract.ts'
import { LocalAdmission } from '../local-admission.ts'
import { LocalPermit } from '../local-permit.ts'
import type { LocalTicket } from '../local-ticket.ts'
import type { Outcome } from '../observer.ts'
import { Refusal } from '../refusal.ts'
import type { TurnSettings } from '../turns/contract.ts'
import { BusyWatch } from './busy-watch.ts'
import { callerFrom, factsOf } from './caller-facts.ts'
import { endOf, type LeaseBudgets } from './lease-budgets.ts'
import type { Lease, LeaseStore } from './lease-store.ts'
import type { LeasesParts } from './leases-parts.ts'
import { type AcquireRequest, type AcquireResult, CLAIM_MS, LEASE_MS, refused } from './protocol.ts'

type Settled = (answer: AcquireResult) => void

interface WaitingCall {
  readonly ticket: LocalTicket
  readonly settled: Settled[]
}

interface LeasedSlot {
  readonly permit: LocalPermit
  readonly lease: Lease
}

const NO_LIMIT: Limits = { parallel: Number.MAX_SAFE_INTEGER, queue: 0 }

/**
 * Lends slots to isolates that may vanish at any moment, over the same admission core as everywhere.
 * The isolate makes the id of a call, so that each request may come twice. An isolate must claim a granted slot and then
 * renew the lease; otherwise the slot goes back to its lane. Leases has no timers: the store wakes it.
 */
export class Leases {
  readonly admission: LocalAdmission
  readonly #clock: Clock
  readonly #store: LeaseStore
  readonly #budgets: LeaseBudgets
  readonly #limits: Map<string, Partial<Limits>>
  readonly #watch: BusyWatch
  readonly #entries = new Map<string, WaitingCall | LeasedSlot>()
  #wakesAt = Number.POSITIVE_INFINITY

  /** Takes up the leases and limits that the store has kept from before a restart. */
  constructor({ clock, store, budgets, defaults, auto, turns, ...parts }: LeasesParts) {
    this.#clock = clock
    this.#store = store
    this.#budgets = budgets
    this.#limits = new Map(store.limits())
    this.#watch = new BusyWatch(turns.watch)
    // Slots granted before the restart count whatever the limits are now, so the limits are set last.
    this.admission = new LocalAdmission({
      ...parts,
      clock,
      defaults: NO_LIMIT,
      turns: { ...turns, watch: this.#watch },
    })
    this.#takeUpAll(turns.settings)
    const set = this.#limits.get('*')
    this.admission.configure('*', { ...defaults, ...set }, auto && set?.parallel === undefined)
    for (const [model, own] of this.#limits) if (model !== '*') this.admission.configure(model, own)
    this.expire()
  }

  /** Changes limits durably. Returns the limits in force afterwards. */
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
    if (known && 'permit' in known) settled(this.#granted(known.permit))
    else if (known) known.settled.push(settled)
    else this.#arrive(id, request, settled)
  }

  /** The isolate has heard of its slot. False when the slot had gone back by then. */
  claim(id: string): boolean {
    return this.renew(id)
  }

  /** The isolate still uses its slot, so the lease runs anew. False when the slot had gone back by then. */
  renew(id: string): boolean {
    const entry = this.#entries.get(id)
    const now = this.#clock.wallTime()
    if (entry === undefined || !('permit' in entry) || entry.lease.expiresAt <= now) return false
    this.#hold({ ...entry, lease: { ...entry.lease, expiresAt: now + LEASE_MS } })
    return true
  }

  /** The ticket of a call in line. */
  ticket(id: string): LocalTicket | undefined {
    const entry = this.#entries.get(id)
    return entry && 'ticket' in entry ? entry.ticket : undefined
  }

  /** Ollama has begun to answer the call. */
  began(id: string): void {
    const entry = this.#entries.get(id)
    if (entry && 'permit' in entry) entry.permit.began(this.#clock.now())
  }

  /** The call is over, or its client left the line. */
  release(id: string, outcome: Outcome, report?: CallReport): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    const now = this.#clock.now()
    if ('ticket' in entry) entry.ticket.cancel(now)
    else this.#giveBack(entry, outcome, now, report)
  }

  /** Takes back slots that were not claimed or renewed in time. Call this when the store wakes the object, or earlier. */
  expire(): void {
    const now = this.#clock.wallTime()
    for (const entry of this.#entries.values()) {
      if (!('permit' in entry) || entry.lease.expiresAt > now) continue
      // The true length of the call is unknown, so the lane must not learn from it: failed. While the model loads, that
      // would say that Ollama cannot load it, and an isolate that died says nothing of the kind.
      const outcome = this.#isLoading(entry.permit) ? 'cancelled' : 'failed'
      this.#giveBack(entry, outcome, this.#clock.now())
    }
    this.#wakesAt = Number.POSITIVE_INFINITY
    for (const entry of this.#entries.values()) if ('permit' in entry) this.#wakeBy(entry.lease.expiresAt)
  }

  #arrive(id: string, { waitMs, ...asked }: AcquireRequest, settled: Settled): void {
    const now = this.#clock.now()
    try {
      const call = { ...asked, caller: callerFrom(asked.caller), deadline: now + waitMs }
      const refusal = this.#budgets.refuses(call.caller, call.model)
      if (refusal) throw refusal
      const answer = this.admission.acquire(call, now)
      if (answer instanceof LocalPermit) this.#grant(id, answer, [settled])
      else this.#standInLine(id, answer, settled)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      settled(refused(error))
    }
  }

  #standInLine(id: string, ticket: LocalTicket, first: Settled): void {
    const settled = [first]
    this.#keep(id, { ticket, settled })
    ticket.onSettled((result) => {
      if (!(result instanceof Refusal)) return this.#grant(id, result, settled)
      this.#forget(id)
      for (const tell of settled) tell(refused(result))
    })
  }

  #grant(id: string, permit: LocalPermit, settled: readonly Settled[]): void {
    const { model, work = 'run', options = '', keepsLoaded, caller, user, class: of } = permit.call
    const grantedAt = this.#clock.wallTime()
    const times = { grantedAt, expiresAt: grantedAt + CLAIM_MS }
    const by = { caller: factsOf(caller), user, class: of ?? 'normal' }
    const call = { model, slots: permit.slots, work, options, keepsLoaded, ...by }
    this.#hold({ permit, lease: { id, ...call, ...times } })
    for (const tell of settled) tell(this.#granted(permit))
  }

  #granted(permit: LocalPermit): AcquireResult {
    return { granted: true, waitMs: permit.waitMs, slots: permit.slots, loads: this.#isLoading(permit) }
  }

  #isLoading({ call }: LocalPermit): boolean {
    const runner = this.admission.model(call.model)?.lane.runner
    const loading = this.admission.turns.runners().filter(({ state }) => state === 'loading')
    return loading.some((each) => each.runner === runner)
  }

  #hold(entry: LeasedSlot): void {
    this.#keep(entry.lease.id, entry)
    this.#store.saveLease(entry.lease)
    this.#wakeBy(entry.lease.expiresAt)
  }

  #keep(id: string, entry: WaitingCall | LeasedSlot): void {
    this.#entries.set(id, entry)
    this.#watch.busy = true
  }

  #forget(id: string): void {
    this.#entries.delete(id)
    this.#watch.busy = this.#entries.size > 0
  }

  #giveBack(entry: LeasedSlot, outcome: Outcome, now: number, report?: CallReport) {
    this.#forget(entry.lease.id)
    this.#end(entry.lease, now - entry.permit.grantedAt, report)
    entry.permit.release(outcome, now, report)
  }

  /** Drops a lease and tells its end in one write of the store, so that no call is charged twice. */
  #end(lease: Lease, heldMs: number, report?: CallReport): void {
    this.#store.dropLease(lease.id)
    this.#budgets.ended(endOf(lease, heldMs, report, this.#clock.wallTime()))
  }

  /** Ollama has all of these calls, so none of them waits for a turn, and their runners count as loaded. */
  #takeUpAll(settings: TurnSettings): void {
    for (const lease of [...this.#store.leases()]) {
      if (lease.expiresAt <= this.#clock.wallTime()) this.#end(lease, Number.POSITIVE_INFINITY)
      else {
        this.#takeUp(lease)
        // The first finds the machine free. So its lane learns its load options, which it does only in the order of turns.
        this.admission.orderTurns({ ...settings, ordered: false })
      }
    }
    this.admission.orderTurns(settings)
  }

  /** Takes a slot again that was granted before the restart, as of the time of its grant. */
  #takeUp(lease: Lease): void {
    const { id, grantedAt, expiresAt: _, caller, ...call } = lease
    const now = this.#clock.now() - Math.max(0, this.#clock.wallTime() - grantedAt)
    const deadline = Number.POSITIVE_INFINITY
    // With limits, one that was lowered would leave a slot out. They come with the caller's next call.
    const unlimited = { ...callerFrom(caller), limits: NO_LIMITS }
    const permit = this.admission.acquire({ ...call, caller: unlimited, deadline, bytes: 0 }, now)
    if (permit instanceof LocalPermit) this.#keep(id, { permit, lease })
  }

  #wakeBy(time: number): void {
    if (time >= this.#wakesAt) return
    this.#wakesAt = time
    this.#store.wakeAt(time)
  }
}
