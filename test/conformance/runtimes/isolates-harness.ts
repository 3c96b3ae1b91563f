import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../support/until.ts'
import { type ModelStats, type Started, startSimulator } from '../pair.ts'
import { RawCall } from '../raw-call.ts'
import { type RunningWorkers, startWorkers, type WorkersOptions } from './miniflare.ts'

export const TOKENS_PER_SECOND = 50
/** Two models run at once here, and the leases of one have nothing to do with those of the other. */
const VARIABLES = { OLLAMA_NUM_PARALLEL: '2', LOG_LEVEL: 'error', TURNS: 'off' }
/** The longest answer that the simulator gives: 80 s. */
const UNTIL_CUT = 4_000

export interface Answer {
  readonly status: number
  /** It came to its end. */
  readonly done: boolean
  /** Of performance.now(). */
  readonly endedAt: number
}

/** Processes with isolates in them, and the one gate object that they share, before one simulator. */
export class IsolatesHarness {
  readonly #folder: string
  readonly #simulator: Started
  readonly #processes = new Map<string, RunningWorkers>()
  readonly #urls = new Map<string, string>()

  private constructor(folder: string, simulator: Started) {
    this.#folder = folder
    this.#simulator = simulator
  }

  static async open(): Promise<IsolatesHarness> {
    const folder = await mkdtemp(join(tmpdir(), 'guard-'))
    const rates = ['--token-rate', String(TOKENS_PER_SECOND), '--prompt-rate', '100000']
    return new IsolatesHarness(
      folder,
      await startSimulator(['--parallel', '16', '--load-time', '0', ...rates]),
    )
  }

  /** The object is in the process called `gate`. A second isolate of a process is called `<name>-1`. */
  async start(name: string, options: WorkersOptions = {}): Promise<void> {
    const workers = await startWorkers(
      { OLLAMA_URL: this.#simulator.url, ...VARIABLES },
      { storage: join(this.#folder, 'storage'), registry: join(this.#folder, 'registry'), ...options },
    )
    this.#processes.set(name, workers)
    for (const [index, url] of workers.urls.entries()) {
      this.#urls.set(index === 0 ? name : `${name}-${index}`, url)
    }
  }

  async kill(name: string): Promise<void> {
    const workers = this.#process(name)
    this.#processes.delete(name)
    await workers.dispose()
  }

  resetGate(): Promise<void> {
    return this.#process('gate').resetGate()
  }

  async close(): Promise<void> {
    for (const workers of this.#processes.values()) await workers.dispose()
    await this.#simulator.stop('SIGKILL')
    await rm(this.#folder, { recursive: true })
  }

  #process(name: string): RunningWorkers {
    const workers = this.#processes.get(name)
    assert.ok(workers, name)
    return workers
  }

  url(isolate: string): string {
    const url = this.#urls.get(isolate)
    assert.ok(url, isolate)
    return url
  }

  /** A call whose slot is there once this resolves. */
  async stream(at: string, model: string, tokens = UNTIL_CUT): Promise<RawCall> {
    const call = new RawCall(Number(new URL(this.url(at)).port))
    call.post('/api/generate', generate(model, tokens))
    await until(`${model} streams at ${at}`, () => call.received.includes('"response"'))
    return call
  }

  /** Takes a place in line; resolves with the call itself once it has its place. */
  async standInLine(at: string, model: string): Promise<{ readonly answer: Promise<Answer> }> {
    const { queued_requests: before } = await this.stats(model)
    const answer = ask(this.url(at), model)
    // Whoever waits for it has to see it fail, nobody earlier.
    answer.catch(() => {})
    await this.lane(model, { queued_requests: before + 1 })
    return { answer }
  }

  async stats(model: string): Promise<ModelStats> {
    const response = await fetch(`${this.url('gate')}/queue/stats?model=${model}`)
    return (await response.json()) as ModelStats
  }

  /** Waits until the lane has these figures. */
  async lane(model: string, wanted: Partial<ModelStats>): Promise<void> {
    await until(`${model} has ${JSON.stringify(wanted)}`, async () => {
      const stats = await this.stats(model)
      return Object.entries(wanted).every(([key, value]) => stats[key as keyof ModelStats] === value)
    })
  }

  async limit(model: string, parallel: number): Promise<void> {
    const response = await fetch(`${this.url('gate')}/admin/queue/update`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, parallel_limit: parallel }),
    })
    assert.equal(response.status, 200)
  }

  /** The most requests that Ollama saw at a time. */
  async peak(model: string): Promise<number | undefined> {
    const response = await fetch(`${this.#simulator.url}/_sim/state`)
    const { models } = (await response.json()) as { models: Record<string, { peakOnWire: number }> }
    return models[`${model}:latest`]?.peakOnWire
  }
}

export async function ask(url: string, model: string): Promise<Answer> {
  const response = await fetch(`${url}/api/generate`, { method: 'POST', body: generate(model, 1) })
  const done = (await response.text()).includes('"done":true')
  return { status: response.status, done, endedAt: performance.now() }
}

function generate(model: string, tokens: number): string {
  return JSON.stringify({ model, prompt: 'x', options: { num_predict: tokens } })
}
