import assert from 'node:assert/strict'
import { until } from '../support/until.ts'
import { HeldOllama } from './held-ollama.ts'
import { type Started, startProxy, type Target, type Variables } from './pair.ts'
import { parseAnswer } from './raw-answer.ts'
import { RawCall } from './raw-call.ts'

export type Headers = Readonly<Record<string, string>>

export const NOTIFY: Headers = { 'X-Queue-Notify': '1' }

export interface Asked {
  readonly path?: string
  /** Each model has one slot. A test that names a model of its own waits for nobody else. */
  readonly model?: string
  /** Undefined leaves the key out. */
  readonly stream?: boolean
  readonly headers?: Headers
  /** Of the body, besides the model. */
  readonly fields?: object
  /** The whole body, instead of JSON. */
  readonly body?: string
  readonly version?: string
  /** Of what stands before the proxy. */
  readonly port?: number
}

/** A call that waits for its slot. `release` lets the call go to Ollama. */
export interface InLine {
  readonly call: RawCall
  release(): Promise<void>
}

const SIGN = /^(?: |: queue[^\n]*\n\n|event: ping\ndata: \{"type": "ping"\}\n\n)/

/** The signs of life at the beginning of a body, and all that follows. */
export function withoutSigns(body: string): { readonly signs: readonly string[]; readonly rest: string } {
  const signs: string[] = []
  let rest = body
  for (let found = SIGN.exec(rest); found; found = SIGN.exec(rest)) {
    signs.push(found[0])
    rest = rest.slice(found[0].length)
  }
  return { signs, rest }
}

/** The variable with which signs come after a tenth of a second, and ten times a second. */
export function quickSigns(when: 'auto' | 'always' | 'off' = 'auto'): Variables {
  return { WAITING: JSON.stringify({ when, after: 0.1, every: 0.1 }) }
}

/** A proxy with one slot a model, whose calls get signs of life soon, before an Ollama that is silent until it is told. */
export class SignsSetUp {
  readonly proxy: Started
  readonly ollama: HeldOllama
  readonly #calls: RawCall[] = []
  #controls = 0

  private constructor(proxy: Started, ollama: HeldOllama) {
    this.proxy = proxy
    this.ollama = ollama
  }

  static async start(
    target: Target,
    { serve = [], variables = {} }: { serve?: readonly string[]; variables?: Variables } = {},
  ): Promise<SignsSetUp> {
    const ollama = await HeldOllama.start()
    try {
      const args = ['--parallel', '1', '--turns', 'off', ...serve]
      return new SignsSetUp(
        await startProxy(target, ollama.url, args, { ...quickSigns(), ...variables }),
        ollama,
      )
    } catch (error) {
      await ollama.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    for (const call of this.#calls) call.leave('rst')
    await this.proxy.stop('SIGKILL')
    await this.ollama.stop()
  }

  /** Sends a call that asks for signs of life, unless `headers` say otherwise. */
  send(name: string, asked: Asked = {}): RawCall {
    const call = new RawCall(asked.port ?? this.proxy.port)
    this.#calls.push(call)
    call.send(requestOf(name, asked))
    return call
  }

  /** Sends a call, behind one that has the slot of its model, and waits for the first sign of life. */
  async inLine(name: string, asked: Asked = {}): Promise<InLine> {
    const before = `${name}-before`
    const { authorization } = asked.headers ?? {}
    this.send(before, { ...asked, headers: authorization === undefined ? {} : { authorization } })
    const running = await this.ollama.call(before)
    const call = this.send(name, asked)
    await this.sign(call)
    assert.ok(!this.ollama.has(name), 'the call is in line')
    return {
      call,
      release: async () => {
        running.answer('application/json', ['{"done":true}'])
        await this.ollama.call(name)
      },
    }
  }

  /** Sends a call, and waits for the first sign of life while Ollama has the call and is silent. */
  async silent(name: string, asked: Asked = {}): Promise<RawCall> {
    const call = this.send(name, asked)
    await this.ollama.call(name)
    await this.sign(call)
    return call
  }

  /** Waits until a sign of life has come, or another one. */
  async sign(call: RawCall): Promise<void> {
    const before = signsIn(call)
    await until('a sign of life', () => signsIn(call) > before || call.closed)
    assert.ok(signsIn(call) > before, `the answer ended:\n${call.received}`)
  }

  /** Fails when a call gets a byte while a call that asks for signs gets three of them. */
  async staysSilent(call: RawCall, headers: Headers = NOTIFY): Promise<void> {
    const { received } = call
    this.#controls++
    const name = `control-${this.#controls}`
    const control = this.send(name, { model: name, stream: true, headers })
    for (let count = 0; count < 3; count++) await this.sign(control)
    control.leave('rst')
    assert.equal(call.received, received)
  }

  /** The figures of one model, as they are now. */
  async stats(model: string, headers: Headers = {}): Promise<ModelLoad> {
    // Whatever was asked below /admin, the page is then made anew.
    await (await fetch(`${this.proxy.url}/admin/nothing`, { headers })).text()
    const page = (await (await fetch(`${this.proxy.url}/queue/stats`, { headers })).json()) as {
      readonly models: Readonly<Record<string, ModelLoad>>
    }
    return page.models[model] ?? NO_CALLS
  }

  /** Waits until the model has so many calls that run, and so many in line. */
  becomes(model: string, active: number, queued: number, headers?: Headers): Promise<void> {
    return until(`${active} run and ${queued} wait`, async () => {
      const { active_requests, queued_requests } = await this.stats(model, headers)
      return active_requests === active && queued_requests === queued
    })
  }

  /** The line of the log about a call, once the call is over. */
  async logged(id: string): Promise<LoggedCall> {
    const find = () => this.proxy.output.split('\n').find((line) => line.includes(`"request_id":"${id}"`))
    await until(`${id} is in the log`, () => find() !== undefined)
    return JSON.parse(find() ?? '') as LoggedCall
  }
}

interface LoggedCall {
  readonly status: number
  readonly late_status?: number | null
  readonly outcome: string
  readonly signs_ms?: number
  readonly bytes_out: number
  readonly tokens_out: number | null
}

interface ModelLoad {
  readonly active_requests: number
  readonly queued_requests: number
  readonly total_processed: number
  readonly total_rejected: number
}

const NO_CALLS: ModelLoad = { active_requests: 0, queued_requests: 0, total_processed: 0, total_rejected: 0 }

const CHAT = { messages: [{ role: 'user', content: 'x' }], max_tokens: 9 }

export function requestOf(name: string, asked: Asked = {}): string {
  const { path = '/api/chat', headers = NOTIFY, version = '1.1' } = asked
  const { fields = CHAT, model = 'llama3.2', stream } = asked
  const { body = JSON.stringify({ ...fields, model, stream }) } = asked
  const lines = Object.entries({
    Host: 'localhost',
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Request-Id': name,
    ...headers,
  })
  return `POST ${path} HTTP/${version}\r\n${lines.map(([key, value]) => `${key}: ${value}\r\n`).join('')}\r\n${body}`
}

function signsIn({ received }: RawCall): number {
  return received.includes('\r\n\r\n') ? withoutSigns(parseAnswer(received).body).signs.length : 0
}
