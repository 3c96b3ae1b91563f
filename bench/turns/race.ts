import { Engine } from '../../src/simulator/engine.ts'
import type { EngineFigures } from '../../src/simulator/engine-call.ts'
import { inventModel } from '../../src/simulator/model-spec.ts'
import { type RunnerRequest, requestRunner } from '../../src/simulator/runner-request.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { type SharedMachine, SLOT, type TurnCall } from './workload.ts'

/** One call that came to its end. Times in clock milliseconds. */
export interface Served {
  readonly call: TurnCall
  /** The runner began to compute. */
  readonly startedAt: number
  readonly endedAt: number
}

/** What came of the calls of a workload. */
export interface Race {
  /** In the order of their ends. */
  readonly served: readonly Served[]
  /** Calls that never came to an end. Anything but 0 is a defect of the contestant. */
  readonly stuck: number
  readonly loads: number
  /** Loads by reason, where the contestant tells. */
  readonly reasons: Readonly<Record<string, number>>
}

/** How the answer to a call comes. */
interface Answering {
  readonly firstByte?: () => void
  readonly done?: (figures: EngineFigures) => void
}

/** The machine of one race, in virtual time. */
export interface World {
  readonly clock: ManualClock
  readonly engine: Engine
  readonly machine: SharedMachine
  /** Counts a load for the reasons of the race. */
  loadedFor(reason: string): void
  /** Ollama gets the call. */
  send(call: TurnCall, answering?: Answering): void
}

/** Ollama alone. */
export const ALONE = 'straight'
/** The lanes without turns. */
export const NO_TURNS = 'turns off'
/** What the targets are for. */
export const TURNS = 'turns auto'

/** Decides when Ollama gets each call. */
export interface Contestant {
  readonly name: string
  /** The result is told of each call that arrives. */
  enter(world: World): (call: TurnCall) => void
}

/** Ollama's OLLAMA_KEEP_ALIVE. */
const KEEP_ALIVE_MS = 300_000
/** Nobody is refused, so that all contestants do the same work. Ollama's own number is 512. */
const MAX_QUEUE = 1e6
const STEP_MS = 60_000
/** No contestant needs longer than one load for each call, one call at a time. Anything longer has no end. */
const PATIENCE = 2

/**
 * The machine of one race, in virtual time on the simulator's engine. A call takes the same time in its slot whatever
 * runs beside it, so that the time that all calls take at least is known. `over` is told of each call as it ends.
 */
export function worldOf(
  machine: SharedMachine,
  over: (served: Served) => void,
  loadedFor: (reason: string) => void,
): World {
  const clock = new ManualClock()
  const engine = new Engine(clock, {
    numParallel: machine.slots,
    maxQueue: MAX_QUEUE,
    maxLoaded: machine.together,
    loadMs: machine.loadMs,
    keepAliveMs: KEEP_ALIVE_MS,
    promptTokensPerSecond: SLOT.promptRate,
    outputTokensPerSecond: SLOT.outputRate,
    slowdown: 0,
  })
  const send: World['send'] = (call, { firstByte, done } = {}) => {
    const { model, promptTokens, outputTokens, keepAliveMs, numCtx } = call
    const runner = numCtx === undefined ? {} : { runner: runnerOf(model, numCtx) }
    const handle = engine.submit({
      ...{ model, promptTokens, outputTokens, keepAliveMs, ...runner },
      ...(firstByte ? { onToken: (index: number) => index === 0 && firstByte() } : {}),
      onDone: (figures) => {
        const endedAt = clock.now()
        done?.(figures)
        over({ call, startedAt: endedAt - figures.promptMs - figures.outputMs, endedAt })
      },
    })
    if (!handle) throw new Error('the engine has refused a call')
  }
  return { clock, engine, machine, loadedFor, send }
}

/** Runs calls through a contestant, until all of them have ended. */
export function race(calls: readonly TurnCall[], machine: SharedMachine, contestant: Contestant): Race {
  const served: Served[] = []
  const reasons: Record<string, number> = {}
  const world = worldOf(
    machine,
    (each) => served.push(each),
    (reason) => {
      reasons[reason] = (reasons[reason] ?? 0) + 1
    },
  )
  const { clock, engine } = world
  const arrive = contestant.enter(world)
  let next = 0
  const arriveNext = (): void => {
    for (let call = calls[next]; call && call.atMs <= clock.now(); call = calls[++next]) arrive(call)
    const following = calls[next]
    if (following) clock.after(following.atMs - clock.now(), arriveNext)
  }
  clock.after(0, arriveNext)
  const lastAt = calls.at(-1)?.atMs ?? 0
  const oneByOneMs = calls.reduce((sum, { serviceMs }) => sum + serviceMs + machine.loadMs, 0)
  const latest = lastAt + PATIENCE * oneByOneMs
  while (served.length < calls.length && clock.now() < latest) clock.advance(STEP_MS)
  const { loads } = engine.snapshot().total
  return { served, stuck: calls.length - served.length, loads, reasons }
}

const runners = new Map<string, RunnerRequest>()

function runnerOf(model: string, numCtx: number): RunnerRequest {
  const key = `${model} ${numCtx}`
  const runner =
    runners.get(key) ?? requestRunner(inventModel({ name: model }, 0), new Map([['num_ctx', numCtx]]))
  runners.set(key, runner)
  return runner
}
