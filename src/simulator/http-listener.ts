import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { HttpExchange } from './http-exchange.ts'
import { handle } from './routes.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'

const MAX_HEAD_BYTES = 1024 * 1024

/** One open port and its connections. */
export class HttpListener {
  readonly #server: Server
  #address: { readonly port: number; readonly host: string } | undefined
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

  /** Where the port is open. Undefined before that. */
  get address(): { readonly port: number; readonly host: string } | undefined {
    return this.#address
  }

  async start(port: number, host: string): Promise<{ url: string; port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, resolve)
    })
    const address = this.#server.address() as AddressInfo
    this.#address = { port: address.port, host }
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
