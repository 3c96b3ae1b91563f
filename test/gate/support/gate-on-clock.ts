import type { TestContext } from 'node:test'
import { loadConfig } from '../../../src/config/load.ts'
import type { GateEnv } from '../../../src/gate/contract.ts'
import { createGate } from '../../../src/gate/gate.ts'
import { parseTarget } from '../../../src/ollama/target.ts'
import { FetchClientRequest } from '../../../src/runtimes/fetch/client-request.ts'
import { FetchUpstream } from '../../../src/runtimes/fetch/upstream.ts'
import { processCrypto } from '../../../src/runtimes/process/crypto.ts'
import { createSimulator, type SimulatorOptions } from '../../../src/simulator/simulator.ts'
import type { Log } from '../../../src/telemetry/call-log.ts'
import type { Reply, UpstreamQuestion } from '../../../src/upstream/asking.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { noUsage } from '../../support/no-usage.ts'

/** Steps in which the time passes: those in which the relay looks at its calls. */
const STEP_MS = 250
/** After so many steps the bytes on the way arrive before the time goes on. */
const STEPS_A_TURN = 8

/** An Ollama whose time limits for questions are those of the clock. */
class UpstreamOnClock extends FetchUpstream {
  readonly #clock: ManualClock

  constructor(name: string, url: string, credentials: undefined, clock: ManualClock) {
    super(name, url, credentials, (address, init) => fetch(address, init))
    this.#clock = clock
  }

  override async ask(question: UpstreamQuestion): Promise<Reply> {
    const limit = new AbortController()
    const cancel = this.#clock.after(question.timeoutMs, () => limit.abort())
    const { method, body = null } = question
    try {
      const answer = await fetch(this.url.origin + question.path, { method, body, signal: limit.signal })
      return { status: answer.status, body: await answer.text(), whole: true }
    } finally {
      cancel()
    }
  }
}

/** A call as its client has it. */
export class Asked {
  /** With the head of the answer. */
  readonly answer: Promise<Response>
  /** All of the answer is there. Rejects when the answer breaks. */
  readonly over: Promise<void>
  /** What has come of the answer. */
  text = ''
  readonly #leave: AbortController

  /** `reads`: the client reads its answer. */
  constructor(answer: Promise<Response>, leave: AbortController, reads: boolean) {
    this.answer = answer
    this.#leave = leave
    this.over = reads ? this.#read() : Promise.resolve()
    for (const promise of [this.answer, this.over]) promise.catch(() => {})
  }

  /** The client leaves. */
  leave(): void {
    this.#leave.abort()
  }

  async #read(): Promise<void> {
    const { body } = await this.answer
    const decoder = new TextDecoder()
    if (body !== null) for await (const part of body) this.text += decoder.decode(part)
  }
}

/**
 * The whole gate of Node and Bun and a simulated Ollama, both on a clock that the test moves. Between them there are real
 * sockets; the clients are objects. The gate has one slot a model unless `config` says more.
 */
export async function aGateOnClock(
  t: TestContext,
  { config = '', ...options }: SimulatorOptions & { config?: string } = {},
) {
  const clock = new ManualClock()
  const simulator = createSimulator({
    clock,
    models: ['llama3.2', 'mistral', 'all-minilm'],
    outputTokensPerSecond: 2,
    promptTokensPerSecond: 1_000,
    slowdown: 0,
    ...options,
  })
  const { url } = await simulator.listen()
  const texts = [config]
  const load = () =>
    loadConfig({
      flags: {},
      env: { CONFIG_FILE: 'x', OLLAMA_URL: url, OLLAMA_NUM_PARALLEL: '1', REQUEST_TIMEOUT: '100000' },
      readFile: () => texts.at(-1) ?? '',
      ownAddresses: [],
    })
  const lines: string[] = []
  const log: Log = {
    call: ({ outcome, reason, status }) => lines.push(`call ${reason ?? outcome} ${status}`),
    debug() {},
    info: (line, fields) => lines.push(fields?.reason === undefined ? line : `${line}: ${fields.reason}`),
    warn: (line) => lines.push(line),
    error: (line) => lines.push(line),
  }
  const gate = createGate<GateEnv>({
    clock,
    log,
    loaded: load(),
    runtimeName: 'node',
    version: '0.0.0',
    crypto: processCrypto,
    usage: noUsage(),
    parallel: 1,
    upstream: new UpstreamOnClock('ollama', url, undefined, clock),
    clientRequest: (_, request, target) => new FetchClientRequest({ request, target, address: '127.0.0.1' }),
    peer: () => ({ address: '127.0.0.1', port: 8080, httpVersion: '1.1' }),
    host: () => 'localhost:8080',
    memory: async () => null,
    own: { hostname: 'proxy', addresses: [] },
    dashboard: () => new Response(),
    reloading: { read: load, setLogLevel() {}, slotsPerModel: async () => 1 },
  })
  t.after(async () => {
    gate.close()
    await simulator.close()
  })

  const send = async (path: string, init: RequestInit = {}) =>
    gate.fetch(
      new Request(`http://localhost:8080${path}`, {
        ...init,
        headers: { host: 'localhost:8080', 'content-type': 'application/json', ...init.headers },
      }),
      { target: parseTarget(path) },
    )
  /** What is on the way arrives. */
  const settle = async () => {
    // While Ollama's port is closed, nothing is on the way.
    for (let round = 0; round < 3; round++)
      await fetch(`${url}/api/version`).then(
        (answer) => answer.text(),
        () => '',
      )
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  const ask = (path: string, body: object, reads = true): Asked => {
    const leave = new AbortController()
    const json = JSON.stringify(body)
    const headers = { 'content-length': String(json.length) }
    return new Asked(send(path, { method: 'POST', body: json, headers, signal: leave.signal }), leave, reads)
  }
  const page = async (path: string) => (await send(path)).json()
  gate.start('http://localhost:8080')
  await settle()
  return {
    ask,
    clock,
    gate,
    lines,
    simulator,
    settle,
    /** A call that has been asked, and is with Ollama or in line by now. */
    async asked(path: string, body: object, reads = true): Promise<Asked> {
      const asked = ask(path, body, reads)
      await settle()
      return asked
    },
    /** The time passes, and everything happens that happens in it. */
    async elapse(seconds: number): Promise<void> {
      for (let step = 1; step <= (seconds * 1_000) / STEP_MS; step++) {
        clock.advance(STEP_MS)
        if (step % STEPS_A_TURN === 0) await settle()
      }
      await settle()
    },
    page,
    metrics: async () => (await send('/metrics')).text(),
    post: (path: string, body: object = {}) =>
      send(path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    /** The configuration is another one from now on. */
    async reconfigure(text: string): Promise<void> {
      texts.push(text)
      await gate.reload?.()
    },
    /** What the page of a model says. */
    async model(model = 'llama3.2') {
      return (await page(`/queue/stats?model=${model}`)) as Readonly<Record<string, unknown>>
    },
  }
}

export type GateOnClock = Awaited<ReturnType<typeof aGateOnClock>>
