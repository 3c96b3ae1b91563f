import type { Cancel, Clock } from '../clock.ts'
import type { Call, Limits } from './contract.ts'
import { Lane } from './lane.ts'
import type { LocalPermit } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { AdmissionObserver, LaneObserver } from './observer.ts'
import { Waiting } from './waiting.ts'

/** Idle lanes that are remembered; made-up names must not grow the process. */
export const REMEMBERED_LANES = 1_000

/** Longest time a ticket stays in line past its deadline while no slot frees. */
const SWEEP_MS = 250

export interface AdmissionParts<L extends LaneObserver> {
  readonly clock: Clock
  readonly observer: AdmissionObserver<L>
  readonly defaults: Limits
  /** Limits of single models, by key; what is left out follows the defaults. */
  readonly models?: ReadonlyMap<string, Partial<Limits>>
  /** Bytes of bodies that may be read or wait, all lanes together. */
  readonly maxWaitingBytes: number
  /** 0 ≤ x < 1; spreads the returns of refused clients. */
  readonly random?: () => number
}

/** Lanes by model key: who may run, who waits, who is refused. */
export class LocalAdmission<L extends LaneObserver = LaneObserver> {
  readonly #clock: Clock
  readonly #observer: AdmissionObserver<L>
  readonly #random: () => number
  readonly #waiting: Waiting
  readonly #lanes = new Map<string, Lane<L>>()
  readonly #own = new Map<string, Partial<Limits>>()
  #defaults: Limits
  #sweep: Cancel | undefined
  #closed = false
  #paused = false

  constructor(parts: AdmissionParts<L>) {
    this.#clock = parts.clock
    this.#observer = parts.observer
    this.#defaults = parts.defaults
    this.#random = parts.random ?? Math.random
    this.#waiting = new Waiting(parts.maxWaitingBytes)
    for (const [model, own] of parts.models ?? []) this.configure(model, own)
  }

  get defaults(): Limits {
    return this.#defaults
  }

  /** True once `close` was called: nobody is admitted any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Whether lanes that are opened from now on begin paused. */
  get paused(): boolean {
    return this.#paused
  }

  /** What calls hold together before they have a slot. */
  get waiting(): Waiting {
    return this.#waiting
  }

  lanes(): Iterable<Lane<L>> {
    return this.#lanes.values()
  }

  lane(model: string): Lane<L> | undefined {
    return this.#lanes.get(model)
  }

  /** A slot at once, or a ticket for one. Throws a Refusal when there is neither a slot nor a place in line. */
  acquire(call: Call, now = this.#clock.now()): LocalPermit<L> | LocalTicket<L> {
    const lane = this.#lanes.get(call.model) ?? this.#open(call.model)
    if (this.#closed) throw lane.refuse('shutting_down', now)
    const turn = lane.arrive(call, now)
    if (this.#waiting.calls > 0 && this.#sweep === undefined) this.#armSweep(call.deadline - now)
    return turn
  }

  /** Changes the limits of one model, or with `*` the defaults; returns what is in force now. */
  configure(model: string, change: Partial<Limits>): Limits {
    const now = this.#clock.now()
    if (model === '*') {
      this.#defaults = { ...this.#defaults, ...change }
      for (const lane of this.#lanes.values()) lane.setLimits(this.#limitsOf(lane.model), now)
      return this.#defaults
    }
    this.#own.set(model, { ...this.#own.get(model), ...change })
    const lane = this.#lanes.get(model) ?? this.#open(model)
    lane.setLimits(this.#limitsOf(model), now)
    return lane.limits
  }

  /** Takes limits of one model's own back: in these it follows the defaults again. */
  clearOverrides(model: string, limits: readonly (keyof Limits)[]): void {
    const own: { -readonly [K in keyof Limits]?: Limits[K] } = { ...this.#own.get(model) }
    for (const limit of limits) delete own[limit]
    if (Object.keys(own).length > 0) this.#own.set(model, own)
    else this.#own.delete(model)
    this.#lanes.get(model)?.setLimits(this.#limitsOf(model), this.#clock.now())
  }

  /**
   * Holds the calls of one model in line, or with `*` those of all; `false` lets them go on, at once.
   * Returns the lanes that are in that state now because of it.
   */
  pause(model: string, paused: boolean): readonly Lane<L>[] {
    const now = this.#clock.now()
    const lanes = model === '*' ? [...this.#lanes.values()] : [this.#lanes.get(model) ?? this.#open(model)]
    if (model === '*') this.#paused = paused
    for (const lane of lanes) lane.pause(paused, now)
    return lanes
  }

  /** Admits nobody any more and refuses everybody in line; running calls keep their slots. */
  close(): void {
    this.#closed = true
    const now = this.#clock.now()
    for (const lane of this.#lanes.values()) lane.dismiss(now)
    this.#sweep?.()
    this.#sweep = undefined
  }

  #limitsOf(model: string): Limits {
    return { ...this.#defaults, ...this.#own.get(model) }
  }

  #open(model: string): Lane<L> {
    this.#makeRoom()
    const lane = new Lane(
      model,
      this.#limitsOf(model),
      this.#observer.lane(model),
      this.#waiting,
      this.#random,
    )
    if (this.#paused) lane.pause(true, this.#clock.now())
    this.#lanes.set(model, lane)
    return lane
  }

  /**
   * Makes room among the idle lanes: those that never served go first, so that made-up names do not push a real model out,
   * and among equals the longest unused. Those with limits of their own stay.
   */
  #makeRoom(): void {
    if (this.#lanes.size < REMEMBERED_LANES) return
    let idle = 0
    let oldest: Lane<L> | undefined
    for (const lane of this.#lanes.values()) {
      if (!this.#forgettable(lane)) continue
      idle++
      if (!oldest || forgottenFirst(lane, oldest) < 0) oldest = lane
    }
    if (idle > REMEMBERED_LANES) this.#forgetSurplus()
    else if (oldest && idle === REMEMBERED_LANES) this.#lanes.delete(oldest.model)
  }

  /** When more lanes than we remember were busy at once: sorting is the dearer way, and rarely needed. */
  #forgetSurplus(): void {
    const idle = [...this.#lanes.values()].filter((lane) => this.#forgettable(lane))
    idle.sort(forgottenFirst)
    for (const lane of idle.slice(0, idle.length - REMEMBERED_LANES + 1)) this.#lanes.delete(lane.model)
  }

  #forgettable(lane: Lane<L>): boolean {
    return lane.idle && lane.paused === this.#paused && !this.#own.has(lane.model)
  }

  #armSweep(dueMs: number): void {
    this.#sweep = this.#clock.after(Math.min(Math.max(dueMs, 1), SWEEP_MS), () => {
      this.#sweep = undefined
      const now = this.#clock.now()
      let earliest = Number.POSITIVE_INFINITY
      for (const lane of this.#lanes.values()) earliest = Math.min(earliest, lane.expire(now))
      if (this.#waiting.calls > 0) this.#armSweep(earliest - now)
    })
  }
}

type Remembered = Pick<Lane, 'served' | 'lastUsed'>

/** For sorting: what is forgotten first comes first. */
function forgottenFirst(a: Remembered, b: Remembered): number {
  return Number(a.served) - Number(b.served) || a.lastUsed - b.lastUsed
}
