import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { node, type Started, startProxy } from '../conformance/pair.ts'
import { RawCall } from '../conformance/raw-call.ts'
import { ScriptedOllama } from '../conformance/scripted-ollama.ts'
import { until } from '../support/until.ts'
import { Nginx } from './nginx.ts'

/** One that has come to Ollama and is answered by the test. */
export interface OllamaCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** nginx before the proxy before an Ollama that answers as the test says: one slot, one place in line. */
export class Site {
  readonly nginx: Nginx
  readonly #proxy: Started
  readonly #ollama: ScriptedOllama
  readonly #arrived: OllamaCall[]
  readonly #clients: RawCall[] = []

  private constructor(nginx: Nginx, proxy: Started, ollama: ScriptedOllama, arrived: OllamaCall[]) {
    this.nginx = nginx
    this.#proxy = proxy
    this.#ollama = ollama
    this.#arrived = arrived
  }

  static async start(which: 'shipped' | 'plain' = 'shipped'): Promise<Site> {
    const arrived: OllamaCall[] = []
    const ollama = await ScriptedOllama.start((request, response) => {
      arrived.push({ request, response })
    })
    let proxy: Started | undefined
    try {
      proxy = await startProxy(node, ollama.url, ['--parallel', '1', '--max-queue', '1'])
      return new Site(await Nginx.start(proxy.port, which), proxy, ollama, arrived)
    } catch (error) {
      await proxy?.stop('SIGKILL')
      await ollama.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.leave('rst')
    await this.nginx.stop()
    await this.#proxy.stop('SIGKILL')
    await this.#ollama.stop()
  }

  /** Sends a request to nginx as it stands. */
  call(text: string): RawCall {
    const client = new RawCall(this.nginx.port)
    this.#clients.push(client)
    client.send(text)
    return client
  }

  /** How many calls Ollama has got that no test has taken. */
  get arrived(): number {
    return this.#arrived.length
  }

  /** Waits for the next call that comes to Ollama. */
  async atOllama(): Promise<OllamaCall> {
    await until('the call is at Ollama', () => this.#arrived.length > 0)
    const taken = this.#arrived.shift()
    assert.ok(taken)
    return taken
  }

  /** Calls that run and calls in line, as the proxy itself tells. */
  async load(): Promise<[active: number, queued: number]> {
    const response = await fetch(`${this.#proxy.url}/health`)
    const { concurrency }: { concurrency: { active_requests: number; queued_requests: number } } =
      await response.json()
    return [concurrency.active_requests, concurrency.queued_requests]
  }

  becomes(active: number, queued: number): Promise<void> {
    return until(`${active} run and ${queued} wait`, async () => {
      const [running, waiting] = await this.load()
      return running === active && waiting === queued
    })
  }
}
