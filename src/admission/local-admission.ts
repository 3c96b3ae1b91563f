import { type Clock, Sweep } from '../clock.ts'
import type { Admission, Call, LanesView, Limits, Upstream } from './contract.ts'
import { Lane, type LaneParts } from './lane.ts'
import type { LocalPermit } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import type { AdmissionObserver } from './observer.ts'
import { Waiting } from './waiting.ts'

/** Idle lanes that are remembered: made-up names must not grow the process. */
export const REMEMBERED_LANES = 1_000

/** The longest time that a ticket stays in line past its deadline while no slot becomes free. */
const SWEEP_MS = 250

export interface AdmissionParts {
  readonly clock: Clock
  readonly observer: AdmissionObserver
  readonly upstream: Upstream
  readonly defaults: Limits
  /** Limits of single models, by key. A limit that is left out follows the defaults. */
  readonly models?: ReadonlyMap<string, Partial<Limits>>
  /** Bytes of bodies that may be read or wait, all lanes together. */
  readonly maxWaitingBytes: number
  /** 0 ≤ x < 1; spreads the returns of refused clients. */
  readonly random?: () => number
}

/** The lanes of this process, by model key. */
export class LocalAdmission implements Admission, LanesView {
  /** What calls hold together before they have a slot. */
  readonly waiting: Waiting
  readonly #clock: Clock
  readonly #observer: AdmissionObserver
  readonly #laneParts: Omit<LaneParts, 'observer'>
  readonly #lanes = new Map<string, Lane>()
  readonly #own = new Map<string, Partial<Limits>>()
  readonly #sweep: Sweep
  #defaults: Limits
  #closed = false
  #paused = false

  constructor({ clock, observer, upstream, defaults, models, maxWaitingBytes, random }: AdmissionParts) {
    this.#clock = clock
    this.#observer = observer
    this.#defaults = defaults
    this.waiting = new Waiting(maxWaitingBytes)
    this.#laneParts = { upstream, waiting: this.waiting, random: random ?? Math.random }
    this.#sweep = new Sweep(clock, SWEEP_MS, (now) => this.#expire(now))
    for (const [model, own] of models ?? []) this.configure(model, own)
  }

  get defaults(): Limits {
    return this.#defaults
  }

  /** True once `close` was called: no call is admitted any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Whether lanes that are opened from now on begin paused. */
  get paused(): boolean {
    return this.#paused
  }

  lanes(): Iterable<Lane> {
    return this.#lanes.values()
  }

  lane(model: string): Lane | undefined {
    return this.#lanes.get(model)
  }

  acquire(call: Call, now = this.#clock.now()): LocalPermit | LocalTicket {
    const lane = this.#lanes.get(call.model) ?? this.#open(call.model)
    if (this.#closed) throw lane.refuse('shutting_down', now)
    const answer = lane.arrive(call, now)
    if (this.waiting.calls > 0 && !this.#sweep.planned) this.#sweep.plan(call.deadline - now)
    return answer
  }

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

  /** Removes limits of one model, so that the model follows the defaults again. */
  clearOverrides(model: string, limits: readonly (keyof Limits)[]): void {
    const own: { -readonly [K in keyof Limits]?: Limits[K] } = { ...this.#own.get(model) }
    for (const limit of limits) delete own[limit]
    if (Object.keys(own).length > 0) this.#own.set(model, own)
    else this.#own.delete(model)
    this.#lanes.get(model)?.setLimits(this.#limitsOf(model), this.#clock.now())
  }

  /**
   * Holds the calls of one model in line, or with `*` the calls of all models. `false` starts them at once.
   * Returns the lanes that are paused, or go on, because of it.
   */
  pause(model: string, paused: boolean): readonly Lane[] {
    const now = this.#clock.now()
    const lanes = model === '*' ? [...this.#lanes.values()] : [this.#lanes.get(model) ?? this.#open(model)]
    if (model === '*') this.#paused = paused
    for (const lane of lanes) lane.pause(paused, now)
    return lanes
  }

  /** Admits no call any more and refuses all calls in line. Running calls keep their slots. */
  close(): void {
    this.#closed = true
    const now = this.#clock.now()
    for (const lane of this.#lanes.values()) lane.dismissAll(now)
    this.#sweep.stop()
  }

  #limitsOf(model: string): Limits {
    return { ...this.#defaults, ...this.#own.get(model) }
  }

  #open(model: string): Lane {
    this.#makeRoom()
    const observer = this.#observer.lane(model)
    const lane = new Lane(model, this.#limitsOf(model), { ...this.#laneParts, observer })
    if (this.#paused) lane.pause(true, this.#clock.now())
    this.#lanes.set(model, lane)
    return lane
  }

  /**
   * Forgets one idle lane where a thousand are remembered. Lanes that never served go first, so that made-up names do
   * not push a real model out. Among equals the lane that was unused for longest goes. Lanes with own limits stay.
   */
  #makeRoom(): void {
    if (this.#lanes.size < REMEMBERED_LANES) return
    let idle = 0
    let first: Lane | undefined
    for (const lane of this.#lanes.values()) {
      if (!this.#isForgettable(lane)) continue
      idle++
      if (!first || byForgetting(lane, first) < 0) first = lane
    }
    if (idle > REMEMBERED_LANES) this.#forgetSurplus()
    else if (first && idle === REMEMBERED_LANES) this.#lanes.delete(first.model)
  }

  /** For when more lanes than are remembered were busy at once. Sorting costs more, and is rarely needed. */
  #forgetSurplus(): void {
    const idle = [...this.#lanes.values()].filter((lane) => this.#isForgettable(lane))
    idle.sort(byForgetting)
    for (const lane of idle.slice(0, idle.length - REMEMBERED_LANES + 1)) this.#lanes.delete(lane.model)
  }

  #isForgettable(lane: Lane): boolean {
    return lane.idle && lane.paused === this.#paused && !this.#own.has(lane.model)
  }

  /** Returns the next deadline in any line; undefined when no call waits. */
  #expire(now: number): number | undefined {
    let earliest = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes.values()) earliest = Math.min(earliest, lane.expire(now))
    return this.waiting.calls > 0 ? earliest : undefined
  }
}

/** Sorts the lane that is forgotten first to the front. */
function byForgetting(a: Lane, b: Lane): number {
  return Number(a.served) - Number(b.served) || a.lastUsed - b.lastUsed
}
