import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An Ollama that answers as the test says, for what the simulator never does. It tells its version like any other, and has no list of models. */
export class ScriptedOllama {
  readonly url: string
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(answer: RequestListener): Promise<ScriptedOllama> {
    // Ollama takes as much.
    const server = createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => {
      if (request.url === '/api/version') response.end('{"version":"0.33.0"}')
      else if (request.url === '/api/tags') response.writeHead(404).end()
      else answer(request, response)
    })
    server.maxHeadersCount = 0
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new ScriptedOllama(server)
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
