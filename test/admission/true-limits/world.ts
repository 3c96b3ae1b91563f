import assert from 'node:assert/strict'
import type { LaneView, Permit } from '../../../src/admission/contract.ts'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../src/admission/local-permit.ts'
import type { Outcome } from '../../../src/admission/observer.ts'
import { reportOf } from '../../../src/relay/call-report.ts'
import { Engine } from '../../../src/simulator/engine.ts'
import type { EngineFigures, EngineHandle, EngineLimits } from '../../../src/simulator/engine-call.ts'
import { Stats } from '../../../src/telemetry/stats.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { aCall, FAR, OLLAMA } from '../support/builders.ts'

/** What Ollama is given by each client. Times in milliseconds. */
interface Habit {
  readonly model?: string
  readonly promptTokens: (random: () => number) => number
  readonly outputTokens: (random: () => number) => number
  /** The share of calls on routes of OpenAI and Anthropic, whose answers tell no durations. */
  readonly openai?: number
  /** The share of calls that ask for a stream. */
  readonly streamed?: number
  /** The share of calls whose client leaves, at a random moment of its first two seconds. */
  readonly leaves?: number
  /** The share of streams whose client stops reading for 20 seconds in the middle. */
  readonly stops?: number
  /** Pause of a client between two calls. */
  readonly thinkMs?: (random: () => number) => number
}

/** A call that came to its end. */
interface Ended {
  readonly at: number
  readonly sentAt: number
  /** Other calls ran beside it when it was sent. */
  readonly contended: boolean
  /** Time in line inside Ollama, as a share of the time that Ollama had the call. */
  readonly waitedShare: number
  /** Milliseconds that the call would take alone on the machine. */
  readonly workMs: number
}

interface WorldParts extends Partial<EngineLimits> {
  /** Slots inside Ollama. */
  readonly inside: number
  /** Where `auto` begins; `chosen`: an operator chose the number. */
  readonly outside: number
  readonly chosen?: boolean
  readonly seed?: number
}

const LIMITS: EngineLimits = {
  numParallel: 1,
  maxQueue: 512,
  maxLoaded: 3,
  loadMs: 2_000,
  keepAliveMs: 300_000,
  promptTokensPerSecond: 1_000,
  outputTokensPerSecond: 50,
  slowdown: 0.1,
  overheadMs: 5,
}

export const MODEL = 'llama2'

/** Calls that differ in nothing. */
export const EQUAL: Habit = { promptTokens: () => 100, outputTokens: () => 50 }

/** Prompts of 20 to 1 020 tokens, and answers of exponential length with a mean of 170. */
export const CHAT: Habit = {
  promptTokens: (random) => 20 + random() * 1_000,
  outputTokens: (random) => 20 + Math.floor(-Math.log(1 - random()) * 150),
}

/** The lanes in front of a simulated Ollama, both in virtual time. Clients come back as soon as they are served. */
export class LimitWorld {
  readonly clock = new ManualClock()
  readonly admission: LocalAdmission
  readonly ended: Ended[] = []
  /** The limits in force, each with the number of contended calls that had ended before. */
  readonly changes: { readonly parallel: number; readonly after: number; readonly at: number }[] = []
  readonly random: () => number
  engine: Engine
  /** Ends a call that runs, because Ollama is gone. */
  readonly #running = new Set<() => void>()
  #stopped = false

  constructor({ inside, outside, chosen = false, seed = 1, ...limits }: WorldParts) {
    this.random = randomFrom(seed)
    this.engine = new Engine(this.clock, { ...LIMITS, ...limits, numParallel: inside })
    this.admission = new LocalAdmission({
      clock: this.clock,
      observer: new Stats(this.clock),
      upstream: OLLAMA,
      defaults: { parallel: outside, queue: 512 },
      auto: !chosen,
      maxWaitingBytes: FAR,
      random: this.random,
      measured: ({ effective, runsFewer }) => {
        const after = this.ended.filter(({ contended }) => contended).length
        this.changes.push({ parallel: runsFewer ?? effective.parallel, after, at: this.clock.now() })
      },
    })
  }

  /** Work of the calls that ended, in milliseconds. Calls differ in length, so a number of calls says less. */
  get served(): number {
    return this.ended.reduce((sum, { workMs }) => sum + workMs, 0)
  }

  get lane(): LaneView {
    const lane = this.admission.model(MODEL)?.lane
    assert.ok(lane)
    return lane
  }

  /** Another Ollama process with another number of slots. What runs is lost. */
  restart(inside: number): void {
    this.engine = new Engine(this.clock, { ...LIMITS, numParallel: inside })
    for (const fail of [...this.#running]) fail()
  }

  /** Clients that each have one call at a time, through the proxy. */
  clients(count: number, habit: Habit): void {
    for (let i = 0; i < count; i++) this.#next(habit)
  }

  /** Clients of Ollama that the proxy does not see. */
  outsiders(count: number, habit: Habit, from = 0, until = Number.POSITIVE_INFINITY): void {
    const again = () => {
      if (this.#stopped || this.clock.now() >= until) return
      this.engine.submit({ ...this.#work(habit), onDone: () => this.#after(habit, again) })
    }
    for (let i = 0; i < count; i++) this.clock.after(from, again)
  }

  stop(): void {
    this.#stopped = true
  }

  #after(habit: Habit, run: () => void): void {
    const ms = habit.thinkMs?.(this.random) ?? 0
    this.clock.after(ms, run)
  }

  #next(habit: Habit): void {
    if (this.#stopped) return
    const answer = this.admission.acquire(aCall({ model: habit.model ?? MODEL, deadline: FAR * 10 }))
    if (answer instanceof LocalPermit) this.#run(answer, habit)
    else answer.onSettled((result) => result instanceof LocalPermit && this.#run(result, habit))
  }

  #run(permit: Permit, habit: Habit): void {
    const sentAt = this.clock.now()
    const streamed = this.random() < (habit.streamed ?? 0.5)
    const openai = this.random() < (habit.openai ?? 0)
    const contended = this.lane.active > 1
    let firstByteMs: number | undefined
    let handle: EngineHandle | undefined
    const fail = () => over('failed')
    const over = (outcome: Outcome, figures?: EngineFigures) => {
      if (!this.#running.delete(fail)) return
      const tookMs = this.clock.now() - sentAt
      const none = { totalMs: null, promptMs: null, evalMs: null, loadMs: 0 }
      const told = figures && !openai ? durations(figures) : none
      const times = { firstByteMs: firstByteMs ?? tookMs, tookMs, streamed }
      const report = reportOf({ ...told, tokensIn: 1, tokensOut: 1, failed: false }, times, true)
      if (figures && permit.call.model === MODEL)
        this.ended.push({
          at: this.clock.now(),
          sentAt,
          contended,
          waitedShare: figures.waitMs / figures.totalMs,
          workMs: workOf(figures),
        })
      permit.release(outcome, this.clock.now(), outcome === 'done' ? report : undefined)
      this.#after(habit, () => this.#next(habit))
    }
    const stop = () => {
      handle?.pause()
      this.clock.after(20_000, () => handle?.resume())
    }
    this.#running.add(fail)
    handle = this.engine.submit({
      ...this.#work(habit),
      onToken: streamed
        ? (index) => {
            firstByteMs ??= this.clock.now() - sentAt
            if (index === 5 && this.random() < (habit.stops ?? 0)) stop()
          }
        : undefined,
      onDone: (figures) => over('done', figures),
    })
    if (this.random() >= (habit.leaves ?? 0)) return
    this.clock.after(this.random() * 2_000, () => {
      handle?.cancel()
      over('cancelled')
    })
  }

  #work({ model = MODEL, promptTokens, outputTokens }: Habit) {
    return { model, promptTokens: promptTokens(this.random), outputTokens: outputTokens(this.random) }
  }
}

function workOf({ promptTokens, outputTokens }: EngineFigures): number {
  const { promptTokensPerSecond, outputTokensPerSecond } = LIMITS
  return 1_000 * (promptTokens / promptTokensPerSecond + outputTokens / outputTokensPerSecond)
}

function durations({ totalMs, loadMs, promptMs, outputMs }: EngineFigures) {
  return { totalMs, loadMs, promptMs, evalMs: outputMs }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Equal on every machine: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
