import type { IncomingMessage, ServerResponse } from 'node:http'
import { until } from '../support/until.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

/** A call that Ollama has and that the test answers. */
export class HeldCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  #cut = false

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request
    this.response = response
    response.once('close', () => {
      this.#cut = !response.writableFinished
    })
  }

  /** The proxy closed the connection before the answer was whole. */
  get cut(): boolean {
    return this.#cut
  }

  /** Answers with these pieces, each a chunk. */
  answer(type: string, pieces: readonly string[], status = 200): void {
    this.response.writeHead(status, { 'Content-Type': type })
    for (const piece of pieces) this.response.write(piece)
    this.response.end()
  }
}

/** An Ollama that is silent until the test answers. The test knows its calls by their X-Request-Id. */
export class HeldOllama {
  readonly url: string
  readonly #scripted: ScriptedOllama
  readonly #calls: Map<string, HeldCall>

  private constructor(scripted: ScriptedOllama, calls: Map<string, HeldCall>) {
    this.url = scripted.url
    this.#scripted = scripted
    this.#calls = calls
  }

  static async start(): Promise<HeldOllama> {
    const calls = new Map<string, HeldCall>()
    const scripted = await ScriptedOllama.start((request, response) => {
      const name = String(request.headers['x-request-id'])
      if (request.method === 'POST') calls.set(name, new HeldCall(request, response))
      else response.writeHead(404).end()
    })
    return new HeldOllama(scripted, calls)
  }

  /** Waits until the call of this name is here. */
  async call(name: string): Promise<HeldCall> {
    let found: HeldCall | undefined
    await until(`${name} is at Ollama`, () => {
      found = this.#calls.get(name)
      return found !== undefined
    })
    if (found === undefined) throw new Error(`${name} is not at Ollama`)
    return found
  }

  has(name: string): boolean {
    return this.#calls.has(name)
  }

  stop(): Promise<void> {
    return this.#scripted.stop()
  }
}
