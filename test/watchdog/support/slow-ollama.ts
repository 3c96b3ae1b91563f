import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../src/admission/local-permit.ts'
import type { Arrival } from '../../../src/cli/load/arrivals.ts'
import { parseTrace } from '../../../src/cli/load/trace.ts'
import { Engine } from '../../../src/simulator/engine.ts'
import type { EngineFigures, EngineHandle } from '../../../src/simulator/engine-call.ts'
import { Stats } from '../../../src/telemetry/stats.ts'
import type { Standstill, WatchedCall } from '../../../src/watchdog/contract.ts'
import { Watchdog } from '../../../src/watchdog/watchdog.ts'
import { aCall, OLLAMA } from '../../admission/support/builders.ts'
import type { Random } from '../../admission/turns/support/random.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { anOverCall, MODEL } from './builders.ts'

const FILE = join(import.meta.dirname, '../../../bench/traces/azure2023_conv.csv')
const BYTES_A_TOKEN = 4
const PASS_MS = 1_000
export const MOST_TOKENS = 128 * 1_024

/** The calls of the Azure trace, in their order. */
const TRACE: readonly Arrival[] = parseTrace(readFileSync(FILE, 'utf8'), FILE)

/** A machine, and how it is used. */
export interface Setting {
  readonly slots: number
  /** Calls that the proxy sends at once; more than `slots` wait inside Ollama. */
  readonly parallel: number
  /** Tokens a second. */
  readonly promptRate: number
  readonly outputRate: number
  /** How much each further slot that computes slows the others down, as a share. */
  readonly slowdown: number
  readonly loadMs: number
  readonly keepAliveMs: number
  /** Shares of the calls: answers in one piece, calls on OpenAI's routes, clients that leave early, giant prompts. */
  readonly whole: number
  readonly v1: number
  readonly leaving: number
  readonly giant: number
  /** Milliseconds after which the proxy cuts a call without a byte off. Infinity: never. */
  readonly firstByteMs: number
  /** Work that arrives, as a share of what the machine can do. */
  readonly load: number
}

interface PlayedCall {
  readonly id: string
  readonly arrivedAt: number
  readonly promptTokens: number
  readonly outputTokens: number
  readonly streams: boolean
  readonly v1: boolean
  /** Milliseconds after its sending at which its client leaves. */
  readonly patienceMs: number
  sentAt: number
  tokens: number
  firstAt: number | undefined
  handle: EngineHandle | undefined
  permit: LocalPermit | undefined
}

/** A part of the trace through admission, in front of the simulator's engine, with a watchdog over both. */
export class SlowOllama {
  readonly clock = new ManualClock()
  readonly found: Standstill[] = []
  readonly over: string[] = []
  /** Calls that have ended well, cut off, left and refused. */
  readonly ends = { done: 0, cut: 0, left: 0, refused: 0 }
  /** Milliseconds that the longest answer in one piece took. */
  longestMs = 0
  readonly engine: Engine
  readonly watchdog: Watchdog
  readonly #setting: Setting
  readonly #admission: LocalAdmission
  readonly #running = new Set<PlayedCall>()
  #names = 0

  constructor(setting: Setting) {
    this.#setting = setting
    const { clock } = this
    this.engine = new Engine(clock, {
      numParallel: setting.slots,
      maxQueue: 512,
      maxLoaded: 1,
      loadMs: setting.loadMs,
      keepAliveMs: setting.keepAliveMs,
      promptTokensPerSecond: setting.promptRate,
      outputTokensPerSecond: setting.outputRate,
      slowdown: setting.slowdown,
    })
    this.#admission = new LocalAdmission({
      clock,
      observer: new Stats(clock),
      upstream: OLLAMA,
      defaults: { parallel: setting.parallel, queue: 10_000 },
      maxWaitingBytes: Number.POSITIVE_INFINITY,
    })
    this.watchdog = new Watchdog({
      clock,
      running: () => Array.from(this.#running, watchedOf),
      memory: () => () => 'unknown',
      stick: (runner, stuck) => this.#admission.stick(runner, stuck),
      runnerOf: () => MODEL,
      probe: (_, done) => this.#probe(done),
      found: (standstill) => void this.found.push(standstill),
      over: (_, why) => void this.over.push(why),
    })
    const pass = () => {
      if (this.#running.size > 0) this.watchdog.pass(clock.now())
      clock.after(PASS_MS, pass)
    }
    pass()
  }

  /** The calls that Ollama has now. */
  get running(): readonly WatchedCall[] {
    return Array.from(this.#running, watchedOf)
  }

  /** So many calls of the trace from a random one on, at the load of the setting. Returns the milliseconds that they take to arrive. */
  plan(random: Random, calls: number): number {
    const { firstByteMs, giant, leaving, load, promptRate, outputRate, slots, v1, whole } = this.#setting
    const from = random.below(TRACE.length - calls)
    const part = TRACE.slice(from, from + calls).map((arrival) => ({
      ...arrival,
      promptTokens: random.chance(giant) ? 2_000 + random.below(MOST_TOKENS - 2_000) : arrival.promptTokens,
    }))
    const workMs = part.reduce(
      (sum, { promptTokens, outputTokens }) =>
        sum + (1_000 * promptTokens) / promptRate + (1_000 * outputTokens) / outputRate,
      0,
    )
    const begin = part[0]?.atMs ?? 0
    const span = (part.at(-1)?.atMs ?? 0) - begin
    const scale = workMs / (slots * load) / span
    for (const { atMs, promptTokens, outputTokens } of part) {
      const call = {
        promptTokens,
        outputTokens,
        streams: !random.chance(whole),
        v1: random.chance(v1),
        patienceMs: Math.min(random.chance(leaving) ? random.below(120_000) : firstByteMs, firstByteMs),
      }
      this.clock.after((atMs - begin) * scale, () => this.#arrive(call))
    }
    return span * scale
  }

  #arrive(
    described: Pick<PlayedCall, 'promptTokens' | 'outputTokens' | 'streams' | 'v1' | 'patienceMs'>,
  ): void {
    const { clock } = this
    const call: PlayedCall = {
      ...described,
      id: `c${this.#names++}`,
      arrivedAt: clock.now(),
      sentAt: 0,
      tokens: 0,
      firstAt: undefined,
      handle: undefined,
      permit: undefined,
    }
    try {
      const answer = this.#admission.acquire(aCall({ model: MODEL, deadline: Number.POSITIVE_INFINITY }))
      if (answer instanceof LocalPermit) this.#send(call, answer)
      else
        answer.onSettled((settled) => {
          if (settled instanceof LocalPermit) this.#send(call, settled)
        })
    } catch {
      this.ends.refused++
    }
  }

  #send(call: PlayedCall, permit: LocalPermit): void {
    const { clock } = this
    const { promptTokens, outputTokens, streams, patienceMs } = call
    call.permit = permit
    call.sentAt = clock.now()
    this.#running.add(call)
    call.handle = this.engine.submit({
      model: MODEL,
      promptTokens,
      outputTokens,
      ...(streams && {
        onToken: () => {
          call.firstAt ??= clock.now()
          call.tokens++
        },
      }),
      onDone: (figures) => this.#done(call, figures),
    })
    if (patienceMs < Number.POSITIVE_INFINITY)
      clock.after(patienceMs, () => {
        const isCut = patienceMs === this.#setting.firstByteMs
        if (!this.#running.has(call) || (isCut && call.firstAt !== undefined)) return
        call.handle?.cancel()
        this.ends[isCut ? 'cut' : 'left']++
        this.#end(call, isCut ? 'timed_out' : 'cancelled')
      })
  }

  #done(call: PlayedCall, { loadMs, outputMs, promptMs }: EngineFigures): void {
    this.ends.done++
    if (!call.streams) this.longestMs = Math.max(this.longestMs, this.clock.now() - call.sentAt)
    call.firstAt ??= this.clock.now()
    this.#end(call, 'done', call.v1 ? { loadMs: 0 } : { loadMs, promptMs, evalMs: outputMs })
  }

  #end(call: PlayedCall, outcome: 'done' | 'timed_out' | 'cancelled', told: object = { loadMs: 0 }): void {
    const now = this.clock.now()
    const { arrivedAt, firstAt, outputTokens, promptTokens, sentAt, streams, tokens, v1 } = call
    this.#running.delete(call)
    this.watchdog.ended(
      anOverCall({
        requestId: call.id,
        path: v1 ? '/v1/chat/completions' : '/api/chat',
        outcome,
        status: outcome === 'timed_out' ? 504 : 200,
        sentMs: sentAt - arrivedAt,
        firstByteMs: firstAt === undefined ? null : firstAt - arrivedAt,
        totalMs: now - arrivedAt,
        parts: streams && firstAt !== undefined ? tokens + 1 : null,
        tokensOut: outcome === 'done' ? outputTokens : null,
        promptMs: null,
        evalMs: null,
        bytesIn: promptTokens * BYTES_A_TOKEN,
        ...told,
      }),
    )
    call.permit?.release(outcome, now)
  }

  /** The gate sends its probe past the slots. */
  #probe(done: (answered: boolean) => void): void {
    const cancel = this.clock.after(60_000, () => {
      handle?.cancel()
      done(false)
    })
    const handle = this.engine.submit({
      model: MODEL,
      promptTokens: 1,
      outputTokens: 1,
      onDone: () => {
        cancel()
        done(true)
      },
    })
  }
}

function watchedOf({ id, sentAt, promptTokens, tokens, firstAt, streams }: PlayedCall): WatchedCall {
  return {
    id,
    runner: MODEL,
    model: MODEL,
    sentAt,
    promptBytes: promptTokens * BYTES_A_TOKEN,
    bytesOut: tokens,
    begun: firstAt !== undefined,
    wantsStream: streams,
    wantsTools: false,
    heldBack: false,
    options: undefined,
  }
}
