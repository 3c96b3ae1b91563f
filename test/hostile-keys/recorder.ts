import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What an upstream heard: the first line and the flat headers of a request. */
export interface Heard {
  readonly line: string
  readonly headers: readonly string[]
}

/** An upstream that keeps the head of every request and answers as the test says. */
export class Recorder {
  readonly heard: Heard[] = []
  readonly url: string
  readonly #server: Server

  private constructor(server: Server, heard: Heard[]) {
    this.#server = server
    this.heard = heard
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** `answer` returns false for a request that gets the usual answer: `{}`, a version, a list of three models. */
  static async start(
    answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
  ): Promise<Recorder> {
    const heard: Heard[] = []
    const server = createServer((request, response) => {
      heard.push({ line: `${request.method} ${request.url}`, headers: request.rawHeaders })
      request.resume().on('end', () => {
        if (answer(request, response)) return
        if (request.url === '/api/version') response.end('{"version":"0.33.0"}')
        else if (request.url === '/api/tags') response.end(JSON.stringify({ models: MODELS }))
        else response.end('{}')
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Recorder(server, heard)
  }

  /** Whether any header of any request has this text. */
  has(text: string): boolean {
    return JSON.stringify(this.heard.map(({ headers }) => headers))
      .toLowerCase()
      .includes(text.toLowerCase())
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

const MODELS = ['llama3.2:latest', 'secret:latest', 'qwen3:8b'].map((name) => ({ name, model: name }))
