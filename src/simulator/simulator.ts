import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import type { ModelInput, Script } from './answer.ts'
import { Engine, type EngineSnapshot } from './engine.ts'
import type { EngineLimits } from './engine-call.ts'
import { Faults } from './faults.ts'
import { HttpExchange } from './http-exchange.ts'
import { Ids } from './ids.ts'
import type { ModelSpec } from './model-spec.ts'
import { DEFAULT_MODELS, Library } from './models.ts'
import { handle } from './routes.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'

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
  /** Port 0 takes any free port. Rejects when the address is not available. */
  listen(port?: number, host?: string): Promise<{ url: string; port: number }>
  /** Closes the port and every connection at once, which aborts running calls. listen() works again afterwards. */
  close(): Promise<void>
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

const MAX_HEAD_BYTES = 1024 * 1024

/** Ollama's HTTP API in front of the engine. Throws a RangeError for an invalid model name. */
export function createSimulator(options: SimulatorOptions = {}): Simulator {
  const clock = options.clock ?? systemClock
  const { clock: _, models = DEFAULT_MODELS, anyModel = false, script = () => undefined, ...limits } = options
  const wallTime = () => clock.wallTime()
  const library = new Library(models, anyModel, wallTime)
  const ollama: SimulatedOllama = {
    clock,
    wallTime,
    engine: new Engine(clock, { ...DEFAULTS, ...limits }),
    library,
    blobs: new Set(),
    faults: new Faults(),
    ids: new Ids(),
    script,
  }
  let listening: HttpListener | undefined
  return {
    engine: ollama.engine,
    faults: ollama.faults,
    snapshot: () => ollama.engine.snapshot(),
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

/** One open port and its connections. */
class HttpListener {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(ollama: SimulatedOllama) {
    // Ollama's server has no timeouts.
    this.#server = createServer({
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
      maxHeaderSize: MAX_HEAD_BYTES,
    })
    const serve = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
      handle(new HttpExchange(request, response, ollama.clock, awaitsContinue), ollama)
    }
    this.#server.on('request', serve(false))
    this.#server.on('checkContinue', serve(true))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      // A broken connection is no error of the simulator, but an 'error' event without a listener ends the process.
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  async start(port: number, host: string): Promise<{ url: string; port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, resolve)
    })
    const address = this.#server.address() as AddressInfo
    const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return { url: `http://${shown}:${address.port}`, port: address.port }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.destroy()
    })
  }
}
