import assert from 'node:assert/strict'
import { type CallReport, CLOUD, type RunnerFacts } from '../../../../src/admission/contract.ts'
import { LocalAdmission } from '../../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../../src/admission/local-permit.ts'
import type { Outcome } from '../../../../src/admission/observer.ts'
import { Refusal } from '../../../../src/admission/refusal.ts'
import type { RunnerLeave, RunnerLoad, TurnSettings } from '../../../../src/admission/turns/contract.ts'
import { type Caller, type CallerLimits, EVERYBODY } from '../../../../src/callers/caller.ts'
import { reportOf } from '../../../../src/relay/call-report.ts'
import { Engine } from '../../../../src/simulator/engine.ts'
import type { EngineFigures, EngineLimits } from '../../../../src/simulator/engine-call.ts'
import { loadOptionsOf } from '../../../../src/simulator/load-options.ts'
import { inventModel } from '../../../../src/simulator/model-spec.ts'
import type { RunnerRequest } from '../../../../src/simulator/runner-request.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { OLLAMA } from '../../support/builders.ts'
import { Tally } from '../../support/recorder.ts'
import { LateWatch } from './late-watch.ts'
import { OwnTimers } from './own-timers.ts'
import { type Asked, PlayedCall } from './played-call.ts'

const TOKEN_MS = 250
const TOKENS_A_SECOND = 1_000 / TOKEN_MS
/** A deadline that no test reaches. */
const FAR_MS = 1e12
/** Ollama refuses a call at once, or its port is closed. */
const AT_ONCE_MS = 1
const BYTES = 100

/** A name that clients use. */
export interface WorldModel {
  readonly name: string
  /** Names with equal weights share a runner. Default: the name. `cloud`: Ollama's cloud answers. */
  readonly weights?: string
  readonly loadMs?: number
  /** Bytes in memory. Default: 0. */
  readonly size?: number
  /** Ollama runs one call at a time. */
  readonly isEmbedding?: boolean
}

export interface WorldParts extends Partial<EngineLimits> {
  readonly models: readonly WorldModel[]
  readonly turns?: Partial<TurnSettings>
  /** Slots as the proxy has them. Default: as Ollama has them. */
  readonly parallel?: number
  readonly queue?: number
  /** Default: true. False: names stand for themselves, and any name could be one. */
  readonly knowsModels?: boolean
}

const LIMITS: EngineLimits = {
  numParallel: 1,
  maxQueue: 512,
  maxLoaded: 1,
  loadMs: 4_000,
  keepAliveMs: 300_000,
  promptTokensPerSecond: 1_000,
  outputTokensPerSecond: TOKENS_A_SECOND,
  slowdown: 0,
}

const SETTINGS: TurnSettings = {
  ordered: true,
  maxWaitMs: 120_000,
  maxSwitching: 0.15,
  together: [],
}

/** An admission with turns in front of a simulated Ollama, both in virtual time, without sockets. */
export class TurnWorld {
  readonly clock = new ManualClock()
  /** The timers of admission alone. */
  readonly timers = new OwnTimers(this.clock)
  readonly engine: Engine
  /** Runners that fit into Ollama's memory by their number. */
  readonly maxLoaded: number
  readonly admission: LocalAdmission
  readonly watch: LateWatch
  readonly models = new Map<string, WorldModel>()
  readonly loads: RunnerLoad[] = []
  readonly leaves: RunnerLeave[] = []
  /** Calls that are not over. */
  readonly living = new Set<PlayedCall>()
  settings: TurnSettings
  /** Ollama's port is closed. */
  isDown = false
  /** Ollama has no room in its line of calls that wait for a load. */
  isFull = false
  /** Hears of each grant, before Ollama hears of the call. */
  granted: (call: PlayedCall) => void = () => {}
  /** The newest limits of each caller, by id. */
  readonly callers = new Map<string, CallerLimits>()
  /** What the proxy knows of the names. */
  readonly facts = new Map<string, RunnerFacts>()

  constructor({ models, turns, parallel, queue = 10_000, knowsModels = true, ...limits }: WorldParts) {
    const inside = { ...LIMITS, ...limits }
    this.engine = new Engine(this.clock, inside)
    this.maxLoaded = inside.maxLoaded
    for (const model of models) this.models.set(model.name, model)
    this.settings = { ...SETTINGS, ...turns }
    this.watch = new LateWatch({
      clock: this.clock,
      loaded: () => this.#inMemory(),
      read: (seen, askedAt) => this.admission.sawLoaded(seen, askedAt),
      unknown: () => this.admission.loadedUnknown(),
    })
    this.admission = new LocalAdmission({
      clock: this.timers,
      observer: { lane: () => new Tally() },
      upstream: OLLAMA,
      defaults: { parallel: parallel ?? inside.numParallel, queue },
      maxWaitingBytes: FAR_MS,
      random: () => 0.5,
      runners: { find: (name) => this.facts.get(name), complete: knowsModels, opened() {} },
      turns: {
        settings: this.settings,
        observer: {
          loaded: (load) => void this.loads.push(load),
          left: (leave) => void this.leaves.push(leave),
        },
        watch: this.watch,
      },
    })
    if (knowsModels) this.learnNames()
  }

  get now(): number {
    return this.clock.now()
  }

  /** Loads that Ollama has done. */
  get engineLoads(): number {
    return this.engine.snapshot().total.loads
  }

  /** The proxy reads which names share a runner. */
  learnNames(): void {
    this.facts.clear()
    for (const { name, weights = name, isEmbedding } of this.models.values())
      this.facts.set(name, {
        runner: weights === CLOUD ? CLOUD : `weights of ${weights}`,
        ...(isEmbedding && { forced: 'embedding' as const }),
      })
    this.admission.regroup()
  }

  /** A client comes. */
  ask(asked: Asked, caller: Caller = EVERYBODY): PlayedCall {
    this.callers.set(caller.id, caller.limits)
    const { model, work = 'run', numCtx, keepAliveMs, inputs = 1, patienceMs = FAR_MS } = asked
    const call = new PlayedCall(
      asked,
      {
        ...{ model, caller, bytes: BYTES, work },
        deadline: this.now + patienceMs,
        slots: work === 'run' ? inputs : 0,
        options: numCtx === undefined ? '' : `num_ctx=${numCtx}`,
        keepsLoaded: work === 'unload' ? false : keepAliveMs === undefined ? undefined : keepAliveMs > 0,
      },
      this.now,
    )
    this.living.add(call)
    try {
      const answer = this.admission.acquire(call.call)
      if (answer instanceof LocalPermit) this.#settled(call, answer)
      else {
        call.ticket = answer
        answer.onSettled((result) => this.#settled(call, result))
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#settled(call, error)
    }
    return call
  }

  /** `count` clients come at once. */
  askMany(count: number, asked: Asked, caller?: Caller): PlayedCall[] {
    return Array.from({ length: count }, () => this.ask(asked, caller))
  }

  /** An operator gives a caller other limits. */
  limitCaller(id: string, limits: CallerLimits): void {
    this.callers.set(id, limits)
    this.admission.callersChanged((each) => (each === id ? limits : undefined))
  }

  /** The client leaves, wherever its call is. */
  leave(call: PlayedCall, outcome: Outcome = 'cancelled'): void {
    if (call.state === 'line') assert.equal(call.ticket?.cancel(this.now), true, 'a call in line can leave')
    else if (call.state === 'running') {
      call.handle?.cancel()
      this.#over(call, outcome)
    }
  }

  /** A call that the proxy does not see. */
  askPast(asked: Asked): void {
    const { model, work = 'run' } = asked
    if (this.isDown || !this.models.has(model)) return
    if (work === 'unload') this.engine.unload(this.#runnerOf(asked).key)
    else this.engine.submit({ ...this.#work(asked), onDone: () => {} })
  }

  /** Ollama ends and all its calls with it. `downMs`: until it answers again; `tells`: the proxy notices. */
  restart(downMs: number, tells: boolean): void {
    this.isDown = downMs > 0
    this.engine.restart()
    const running = [...this.living].filter(({ state }) => state === 'running')
    for (const call of running) this.#over(call, 'failed')
    const back = () => {
      this.isDown = false
      if (tells) this.admission.forgetLearned()
    }
    if (downMs > 0) this.clock.after(downMs, back)
    else back()
  }

  orderTurns(change: Partial<TurnSettings>): void {
    this.settings = { ...this.settings, ...change }
    this.admission.orderTurns(this.settings)
  }

  /** Loads of this name fail. Undefined: no longer. */
  failLoads(model: string, fault: Parameters<Engine['loadFaults']['set']>[1]): void {
    this.engine.loadFaults.set(this.#runnerOf({ model }).key, fault)
  }

  /** The runner that Ollama could use for a call as it is loaded. */
  isLoaded({ model, numCtx }: Asked): boolean {
    const wanted = this.#runnerOf({ model, numCtx })
    const call = { model, runner: wanted, promptTokens: 0, outputTokens: 0 }
    return this.engine.loaded().some((runner) => runner.key === wanted.key && !runner.needsReload(call))
  }

  /** Until nobody lives, at most for so long. */
  settle(mostMs: number, stepMs = 1_000): void {
    const until = this.now + mostMs
    while (this.living.size > 0 && this.now < until) this.clock.advance(stepMs)
    const left = [...this.living].map(({ asked, state }) => `${asked.model} ${state}`)
    assert.deepEqual(left, [], `not over after ${mostMs} ms`)
  }

  #settled(call: PlayedCall, result: LocalPermit | Refusal): void {
    assert.equal(call.state, 'line', 'settled twice')
    if (result instanceof Refusal) {
      this.living.delete(call)
      call.over(result.code, this.now)
      return
    }
    call.state = 'running'
    call.permit = result
    call.grantedAt = this.now
    this.granted(call)
    if (call.asked.goneAtGrant === true) this.#over(call, 'cancelled')
    else this.#send(call)
  }

  /** As the relay does: the permit hears of the first byte, and is released with what the answer told. */
  #send(call: PlayedCall): void {
    const { asked, permit } = call
    const { model, work } = asked
    if (this.isDown) this.#answerAtOnce(call, 'failed')
    else if (this.isFull && !this.isLoaded(asked))
      this.#answerAtOnce(call, 'failed', { served: false, loadMs: 0, status: 503 })
    else if (!this.models.has(model) || asked.isBad === true) this.#answerAtOnce(call, 'done')
    else if (work === 'unload') {
      this.engine.unload(this.#runnerOf(asked).key)
      this.#answerAtOnce(call, 'done', { served: true, loadMs: 0 })
    } else {
      const streamed = asked.streamed === true && work !== 'load'
      let firstByteAt: number | undefined
      call.handle = this.engine.submit({
        ...this.#work(asked),
        ...(streamed && {
          onToken: (index: number) => {
            if (index !== 0) return
            firstByteAt = this.now
            permit?.began(this.now)
          },
        }),
        onDone: (figures) => {
          call.loadMs = figures.loadMs
          if (!streamed) permit?.began(this.now)
          const tookMs = this.now - (call.grantedAt ?? 0)
          const firstByteMs = tookMs - (this.now - (firstByteAt ?? this.now))
          this.#over(call, 'done', reportOf(told(asked, figures), { firstByteMs, tookMs, streamed }, true))
        },
        onLoadFailed: () => this.#over(call, 'failed', { served: false, loadMs: 0, status: 500 }),
      })
      // Ollama's own line is full.
      if (call.handle === undefined) this.#answerAtOnce(call, 'failed')
    }
  }

  #answerAtOnce(call: PlayedCall, outcome: Outcome, report: CallReport = { served: false, loadMs: 0 }): void {
    this.clock.after(AT_ONCE_MS, () => {
      if (report.served) call.permit?.began(this.now)
      if (call.state === 'running') this.#over(call, outcome, report)
    })
  }

  #over(call: PlayedCall, outcome: Outcome, report?: CallReport): void {
    assert.equal(call.state, 'running', 'released twice')
    this.living.delete(call)
    call.state = 'over'
    call.permit?.release(outcome, this.now, report)
    call.over(outcome, this.now)
  }

  #work(asked: Asked) {
    const { model, work, promptMs = 100, outputMs = 1_000, inputs = 1, keepAliveMs } = asked
    const isCloud = this.models.get(model)?.weights === CLOUD
    return {
      model,
      runner: isCloud ? ('cloud' as const) : this.#runnerOf(asked),
      promptTokens: promptMs * inputs,
      outputTokens: inputs > 1 ? 0 : Math.max(1, Math.ceil(outputMs / TOKEN_MS)),
      ...(inputs > 1 && { inputs: Array.from({ length: inputs }, () => promptMs) }),
      loadOnly: work === 'load',
      keepAliveMs,
    }
  }

  #runnerOf({ model, numCtx }: Pick<Asked, 'model' | 'numCtx'>): RunnerRequest {
    const {
      name,
      weights = name,
      loadMs,
      size = 0,
      isEmbedding = false,
    } = this.models.get(model) ?? {
      name: model,
    }
    const source = inventedModel(name, loadMs, size)
    const options = loadOptionsOf(
      source,
      new Map(numCtx === undefined ? [] : [['num_ctx', numCtx]]),
      undefined,
    )
    return { key: weights, source, options, singleSlot: isEmbedding }
  }

  #inMemory() {
    if (this.isDown) return undefined
    return this.engine.loaded().map(({ model, expiresInMs }) => ({
      model,
      expiresAt: Number.isFinite(expiresInMs) ? this.now + expiresInMs : undefined,
    }))
  }
}

const invented = new Map<string, ReturnType<typeof inventModel>>()

function inventedModel(name: string, loadMs: number | undefined, size: number) {
  const key = `${name} ${loadMs} ${size}`
  const model =
    invented.get(key) ??
    inventModel(
      {
        ...{ name, size, bytesPerToken: 0, family: 'llama', format: 'gguf', capabilities: ['completion'] },
        ...(loadMs !== undefined && { loadMs }),
      },
      0,
    )
  invented.set(key, model)
  return model
}

function told({ tells = 'all' }: Asked, { totalMs, loadMs, promptMs, outputMs }: EngineFigures) {
  const tokens = { tokensIn: 1, tokensOut: 1, failed: false }
  if (tells === 'nothing') return { totalMs: null, loadMs: 0, promptMs: null, evalMs: null, ...tokens }
  if (tells === 'load') return { totalMs, loadMs, promptMs: null, evalMs: null, ...tokens }
  return { totalMs, loadMs, promptMs, evalMs: outputMs, ...tokens }
}
