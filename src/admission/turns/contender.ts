import type { LaneView } from '../contract.ts'
import type { ServedLine } from '../fair/progress.ts'
import type { TurnRunner } from './contract.ts'
import { NOTHING, type Notes } from './notes.ts'

/** The calls in line of a contender, as turns see the line. */
interface TurnLine extends ServedLine {
  readonly living: number
  /** Calls that may run, as far as their callers have room. */
  readonly eligible: number
  /** The call that has waited longest, of those that may run. Its times are clock milliseconds. */
  oldest(): TurnCall | undefined
  /** The caller of the next call; undefined for a call that only loads. */
  readonly nextCaller: object | string | undefined
  /**
   * By how many of its own calls the caller of the next call is behind the callers that `other` has served since that
   * caller began to wait here. Below 0: ahead; -Infinity: not known, or calls go in the order of their arrival.
   * `otherMs`: mean milliseconds of the calls of `other`, for a runner that has served no call yet.
   */
  owedOver(other: ServedLine, otherMs: number | undefined): number
}

/** A call in line, as turns see the call. Its times are clock milliseconds. */
interface TurnCall {
  readonly enqueuedAt: number
  readonly call: { readonly deadline: number }
}

/** Which of its calls a lane may grant: all, one, or none. */
export type Admits = 'all' | 'one' | 'none'

/** The lane of a contender, as turns see the lane. */
export interface TurnLane extends Pick<LaneView, 'runner' | 'names' | 'effective' | 'paused' | 'stuck'> {
  /** Mean milliseconds that a slot is held; undefined before the first completion. */
  readonly estimate: { readonly meanMs: number | undefined }
  /** False for calls that load nothing here: cloud models, and names that stand for no model. */
  readonly contends: boolean
  /** The contender whose calls run, or ran last. */
  readonly current: object
  /** Calls that Ollama has, also those that take no slot. */
  readonly running: number
  /** The lane grants calls of this contender from now on. It grants waiting calls before this returns. */
  admit(contender: object, admits: Admits, now: number): void
  /** Both contenders turned out to be one: the options of `other` load the same runner. */
  unite(contender: object, other: object, now: number): void
  /** Refuses the calls in line of this contender, because its runner cannot be loaded. */
  refuseUnloadable(contender: object, retryAfterMs: number, now: number): void
}

/** A runner with one set of load options: this is what Ollama loads. Ollama loads a runner again for other options. */
export class Contender<Line extends TurnLine = TurnLine> implements TurnRunner {
  readonly lane: TurnLane
  readonly options: string
  /** Made for the first call that waits. */
  line: Line | undefined
  /** absent: not in memory, as far as this proxy knows. */
  state: 'absent' | 'loading' | 'loaded' | 'leaving' = 'absent'
  /** A call has arrived that may run and is not in line yet. */
  knocks = false
  #history: Notes = NOTHING
  /** Other options with which Ollama did not load the runner again. */
  #also: Set<string> | undefined

  constructor(lane: TurnLane, options: string) {
    this.lane = lane
    this.options = options
  }

  /** Tells this runner from others in what is learned of sets. Other options need other memory. */
  get id(): string {
    return this.options === '' ? this.runner : `${this.runner} ${this.options}`
  }

  get history(): Readonly<Notes> {
    return this.#history
  }

  get runner(): string {
    return this.lane.runner
  }

  get names(): readonly string[] {
    return this.lane.names
  }

  /** Calls in line. */
  get queued(): number {
    return this.line?.living ?? 0
  }

  /** Calls in line whose callers have room. */
  get eligible(): number {
    return this.line?.eligible ?? 0
  }

  /** Calls that could run now if the runner had the machine. */
  get waiting(): number {
    const { effective, paused, stuck } = this.lane
    if (paused || stuck || effective.parallel < 1) return 0
    return this.eligible + (this.knocks ? 1 : 0)
  }

  get running(): number {
    return this.lane.current === this ? this.lane.running : 0
  }

  /** Neither in memory nor wanted. A call that waits for its caller keeps the runner in play, but brings no turn. */
  get isOut(): boolean {
    if (this.state !== 'absent' || this.#history.doubted) return false
    return !this.knocks && this.queued === 0 && this.running === 0
  }

  /** In memory, or was there when Ollama was asked last. */
  get mayBeLoaded(): boolean {
    return this.state === 'loaded' || this.#history.doubted
  }

  /** Nothing to do, now or next. */
  get idle(): boolean {
    return this.running === 0 && this.waiting === 0
  }

  /** Clock milliseconds since when the first call waits that may run. */
  waitingSince(now: number): number {
    return this.line?.oldest()?.enqueuedAt ?? now
  }

  /** By how many of its own calls the next caller is behind those that `other` serves. Nobody is behind itself. */
  owedOver({ line, lane }: Contender): number {
    const own = this.line
    const isKnown = own !== undefined && line !== undefined && own.nextCaller !== line.nextCaller
    return isKnown ? own.owedOver(line, lane.estimate.meanMs) : Number.NEGATIVE_INFINITY
  }

  /**
   * Clock milliseconds at which the first call has waited so long that it may end the turn of a runner with work: `maxMs`,
   * but no more than half of the time that the call has at all.
   */
  agesAt(maxMs: number, now: number): number {
    const first = this.line?.oldest()
    if (first === undefined) return now + maxMs
    const { enqueuedAt, call } = first
    return enqueuedAt + Math.min(maxMs, (call.deadline - enqueuedAt) / 2)
  }

  /** Idle for so long that Ollama has unloaded the runner meanwhile. */
  hasExpired(now: number): boolean {
    return this.running === 0 && this.#history.expiresAt < now
  }

  /** What is remembered, to be changed. */
  get notes(): Notes {
    if (this.#history === NOTHING) this.#history = { ...NOTHING }
    return this.#history
  }

  become(state: Contender['state'], now: number): void {
    this.state = state
    this.notes.since = now
  }

  /** The last running call is over. */
  becameIdle(now: number): void {
    const { notes } = this
    notes.idleSince = now
    notes.expiresAt = Number.POSITIVE_INFINITY
    notes.isQuiet = true
  }

  /** A call has come while no call ran. */
  called(now: number): void {
    const known = this.#history
    if (!known.isQuiet) return
    const ms = now - known.idleSince
    known.quietMs = known.quietMs === undefined ? ms : (known.quietMs + ms) / 2
    known.isQuiet = false
  }

  serves(options: string): boolean {
    return options === this.options || this.#also?.has(options) === true
  }

  /** The options of `other` load the same runner. */
  unite(other: Contender): void {
    this.#also = new Set([...(this.#also ?? []), ...(other.#also ?? []), other.options])
  }

  /** `told`: Ollama's own figure, which counts more than one that was measured here. */
  learnLoad(ms: number, told: boolean): void {
    const { notes } = this
    if (notes.loadIsTold && !told) return
    notes.loadMs = notes.loadMs === undefined || told !== notes.loadIsTold ? ms : (notes.loadMs + ms) / 2
    notes.loadIsTold = told
  }
}

/** The runner as the turns show it. */
export function runnerOf({ runner, names, options }: Contender): TurnRunner {
  return { runner, names, options }
}
