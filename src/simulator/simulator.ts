import type { Clock } from '../clock.ts'
import { foregroundClock, systemClock } from '../clock.ts'
import type { ModelInput, Script } from './answer.ts'
import { Engine, type EngineSnapshot } from './engine.ts'
import type { EngineLimits } from './engine-call.ts'
import { Faults } from './faults.ts'
import type { Hang } from './hangs.ts'
import { HttpListener } from './http-listener.ts'
import { Ids } from './ids.ts'
import type { LoadFaultInput } from './load-faults.ts'
import type { ModelSpec } from './model-spec.ts'
import { DEFAULT_MODELS, Library } from './models.ts'
import { runnerKeyOf } from './runner-request.ts'
import type { RestartOptions, SimulatedOllama } from './simulated-ollama.ts'

export interface SimulatorOptions extends Partial<EngineLimits> {
  readonly clock?: Clock
  /** The models on disk. The simulator makes up the facts that a name or a spec leaves open (families.ts). */
  readonly models?: readonly (string | ModelSpec)[]
  /** Every valid name is the name of a model on disk. */
  readonly anyModel?: boolean
  /** Gives the text of an answer. Undefined: the simulator makes the text up. */
  readonly script?: (input: ModelInput) => Script | undefined
}

export interface Simulator {
  readonly engine: Engine
  readonly faults: Faults
  /** Loads of the model fail, under all its names. Undefined: they succeed again. Throws a RangeError for an unknown name. */
  failLoads(name: string, fault: LoadFaultInput | undefined): void
  /** The model stands still, under all its names. Undefined: it goes on. Throws a RangeError for an unknown name. */
  hang(name: string, hang: Hang | undefined): void
  /** Port 0 takes any free port. Rejects when the address is not available. */
  listen(port?: number, host?: string): Promise<{ url: string; port: number }>
  /** Closes the port and every connection at once, which aborts running calls. listen() works again afterwards. */
  close(): Promise<void>
  /**
   * As a restart of Ollama: the models, the lines and the connections are gone at once, and the same port opens again.
   * The disk, the counters and the faults stay, but no model hangs any more. Resolves when the port is open.
   */
  restart(options?: RestartOptions): Promise<void>
  snapshot(): EngineSnapshot
}

/** Ollama's own defaults, where Ollama has a default. The rates are those of a small machine. */
const DEFAULTS: EngineLimits = {
  numParallel: 1,
  maxQueue: 512,
  maxLoaded: 3,
  loadMs: 0,
  keepAliveMs: 300_000,
  promptTokensPerSecond: 1000,
  outputTokensPerSecond: 50,
  slowdown: 0.1,
}

/** Ollama's HTTP API in front of the engine. Throws a RangeError for an invalid model name. */
export function createSimulator(options: SimulatorOptions = {}): Simulator {
  const clock = options.clock ?? systemClock
  const { clock: _, models = DEFAULT_MODELS, anyModel = false, script = () => undefined, ...limits } = options
  const wallTime = () => clock.wallTime()
  const library = new Library(models, anyModel, wallTime)
  const engine = new Engine(clock, { ...DEFAULTS, ...limits })
  for (const spec of models) if (typeof spec !== 'string') failLoads(spec.name, spec.loadFault)
  const ollama: SimulatedOllama = {
    clock,
    wallTime,
    engine,
    library,
    blobs: new Set(),
    faults: new Faults(),
    ids: new Ids(),
    script,
    restart,
  }
  let listening: HttpListener | undefined

  function keyOf(name: string): string {
    const model = library.find(name)
    if (!model) throw new RangeError(`no such model: ${JSON.stringify(name)}`)
    return runnerKeyOf(model)
  }

  function failLoads(name: string, fault: LoadFaultInput | undefined): void {
    engine.loadFaults.set(keyOf(name), fault)
  }

  async function restart({ numParallel, closedMs = 0 }: RestartOptions = {}): Promise<void> {
    const stopped = listening
    if (!stopped?.address) throw new Error('the simulator does not listen')
    const { port, host } = stopped.address
    const restarted = new HttpListener(ollama)
    listening = restarted
    ollama.engine.restart(numParallel)
    await stopped.stop()
    // A process without an open port would end before a timer that does not keep the process alive.
    const waiting = clock === systemClock ? foregroundClock : clock
    if (closedMs > 0) await new Promise<void>((resolve) => waiting.after(closedMs, resolve))
    // close() may have come in the meantime.
    if (listening === restarted) await restarted.start(port, host)
  }

  return {
    engine,
    faults: ollama.faults,
    failLoads,
    hang: (name, hang) => engine.hangs.set(keyOf(name), hang),
    restart,
    snapshot: () => engine.snapshot(),
    async listen(port = 0, host = '127.0.0.1') {
      if (listening) throw new Error('the simulator listens already')
      const started = new HttpListener(ollama)
      listening = started
      try {
        return await started.start(port, host)
      } catch (error) {
        listening = undefined
        throw error
      }
    },
    async close() {
      const closing = listening
      listening = undefined
      await closing?.stop()
    },
  }
}
