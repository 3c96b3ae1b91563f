import assert from 'node:assert/strict'
import { until } from '../support/until.ts'
import type { ModelStats, Pair } from './pair.ts'
import { RawCall } from './raw-call.ts'

/** Asks for `made-up-<from>` up to `<to>`, `depth` at a time on each of eight connections: as attackers pipeline. */
export async function askForMadeUpModels(pair: Pair, from: number, to: number, depth: number): Promise<void> {
  let next = from
  const connection = async (): Promise<void> => {
    while (next < to) {
      const call = new RawCall(pair.proxy.port)
      for (let answers = depth; answers <= 500 && next < to; answers += depth) {
        for (let each = 0; each < depth; each++) {
          call.post('/api/chat', `{"model":"made-up-${next++}","messages":[{}]}`)
        }
        await until('their answers', () => call.received.split('not found"}').length > answers, 10_000)
      }
      call.leave('fin')
    }
  }
  await Promise.all(Array.from({ length: 8 }, connection))
}

/** Two models that Ollama has, with their lanes and figures. */
export class RealModels {
  readonly #pair: Pair
  readonly #figures: object

  private constructor(pair: Pair, figures: object) {
    this.#pair = pair
    this.#figures = figures
  }

  /** Calls both models once, and waits until the proxy knows their runners. */
  static async called(pair: Pair): Promise<RealModels> {
    for (const model of ['llama3.2', 'mistral']) {
      const body = JSON.stringify({ model, prompt: 'x', options: { num_predict: 1 } })
      await (await fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', body })).text()
    }
    await until('their runners are known', async () =>
      Object.values(await pair.models()).every(({ runner }) => runner.startsWith('sha256-')),
    )
    return new RealModels(pair, lasting(await pair.models()))
  }

  /** Waits for two seconds at most until no other name is left, and compares all that lasts. */
  async areAlone(): Promise<void> {
    const names = Object.keys(this.#figures).length
    const others = async () => Object.keys(await this.#pair.models()).length - names
    await until('no made-up name is left', async () => (await others()) === 0, 2_000)
    assert.deepEqual(lasting(await this.#pair.models()), this.#figures)
  }
}

/** The figures that only calls of the model itself may change. */
function lasting(models: Readonly<Record<string, ModelStats>>): object {
  const figures = Object.entries(models).map(
    ([name, { runner, aliases, parallel_limit, limit_reason, total_processed }]) =>
      [name, { runner, aliases, parallel_limit, limit_reason, total_processed }] as const,
  )
  return Object.fromEntries(figures)
}
