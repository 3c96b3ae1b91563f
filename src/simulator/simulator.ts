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
import { DEFAULT_MODELS, Library } from './models.ts'
import { handle } from './routes.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'

export interface SimulatorOptions extends Partial<Omit<EngineLimits, 'slotsOf'>> {
  readonly clock?: Clock
  /** Names of the models on its disk. Those that look like embedding models can do nothing else and have one slot. */
  readonly models?: readonly string[]
  /** Every valid name is a model. */
  readonly anyModel?: boolean
  /** Answers of one's own; undefined from it means the made-up text. */
  readonly script?: (input: ModelInput) => Script | undefined
}

export interface Simulator {
  readonly engine: Engine
  readonly faults: Faults
  /** Port 0 takes any free one. Rejects when the address cannot be had. */
  listen(port?: number, host?: string): Promise<{ url: string; port: number }>
  /** Ends the listener and every connection, at once; listen() works again afterwards. Calls that ran are aborted. */
  close(): Promise<void>
  snapshot(): EngineSnapshot
}

/** Ollama's own defaults where it has any; a small machine otherwise. */
const DEFAULTS: Omit<EngineLimits, 'slotsOf'> = {
  numParallel: 1,
  maxQueue: 512,
  maxLoaded: 3,
  loadMs: 0,
  keepAliveMs: 300_000,
  promptTokensPerSecond: 1000,
  outputTokensPerSecond: 50,
  slowdown: 0.1,
}

const LONGEST_HEAD = 1024 * 1024

/** Ollama's wire API over the engine. Throws a RangeError for a model name that is none. */
export function createSimulator(options: SimulatorOptions = {}): Simulator {
  const clock = options.clock ?? systemClock
  const { clock: _, models = DEFAULT_MODELS, anyModel = false, script = () => undefined, ...limits } = options
  const library = new Library(models, anyModel, () => clock.wallTime())
  const slotsOf = (model: string) => (library.find(model)?.embeddingOnly ? 1 : undefined)
  const ollama: SimulatedOllama = {
    clock,
    engine: new Engine(clock, { ...DEFAULTS, ...limits, slotsOf }),
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
      const ending = listening
      listening = undefined
      await ending?.stop()
    },
  }
}

/** One listener and its connections. */
class HttpListener {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(ollama: SimulatedOllama) {
    // Go's server as Ollama sets it up has no timeout of any kind.
    this.#server = createServer({
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
      maxHeaderSize: LONGEST_HEAD,
    })
    const serve = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
      handle(new HttpExchange(request, response, ollama.clock, awaitsContinue), ollama)
    }
    this.#server.on('request', serve(false))
    this.#server.on('checkContinue', serve(true))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      // Breaks are the client's business; without a listener they would end the process.
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
