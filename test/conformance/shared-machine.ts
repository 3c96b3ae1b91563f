import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import type { Pair } from './pair.ts'
import { head, RawCall } from './raw-call.ts'

/** Three models of the simulator, so that two of them can be kept from memory. */
export const MODELS = ['llama3.2', 'mistral', 'llama2'] as const

/** Room for one model; a load takes 0.3 s, and a token 10 ms. */
export const ONE_MODEL = [
  ...['--parallel', '4', '--max-loaded', '1', '--load-time', '0.3'],
  ...['--token-rate', '100', '--prompt-rate', '100000'],
]

/** More tokens than any test waits for. */
const ENDLESS = 4_000
const WATCH_EVERY_MS = 10

export interface Answered {
  readonly status: number
  readonly text: string
}

export async function ask(url: string, body: object, path = '/api/generate'): Promise<Answered> {
  const answer = await fetch(url + path, { method: 'POST', body: JSON.stringify(body) })
  return { status: answer.status, text: await answer.text() }
}

export const prompt = (model: string, tokens = 1, options: object = {}) => ({
  model,
  prompt: 'x',
  stream: false,
  options: { num_predict: tokens, ...options },
})

/** One call through the proxy, which is shown with this id. */
export function send(pair: Pair, id: string, body: object, path = '/api/generate'): RawCall {
  const call = new RawCall(pair.proxy.port)
  const text = JSON.stringify(body)
  call.send(head(path, text.length).replace('\r\n\r\n', `\r\nX-Request-Id: ${id}\r\n\r\n`) + text)
  return call
}

/** An answer that goes on until its client leaves. It has begun when this returns. */
export async function streaming(pair: Pair, model: string): Promise<RawCall> {
  const call = new RawCall(pair.proxy.port)
  call.post('/api/generate', JSON.stringify({ ...prompt(model, ENDLESS), stream: true }))
  await until(`${model} streams`, () => call.received.includes('"done":false'))
  return call
}

/** Waits until so many calls of the model stand in line. */
export function inLine(pair: Pair, model: string, calls: number): Promise<void> {
  const what = `${calls} calls of ${model} wait`
  return until(what, async () => (await pair.stats(model)).queued_requests === calls)
}

export async function whole(call: RawCall): Promise<void> {
  await until('the answer is whole', () => call.received.includes('"done":true'))
  call.leave('fin')
}

/** The models whose loads Ollama has ended well, in their order. */
export async function loadsOf(pair: Pair): Promise<string[]> {
  const { loads } = await pair.state()
  return loads.filter(({ outcome }) => outcome === 'loaded').map(({ model }) => model.replace(/:latest$/, ''))
}

/** Waits until no call runs or waits, whatever its model. */
export async function allQuiet(pair: Pair): Promise<void> {
  await until('all is quiet', async () => {
    const here = Object.values(await pair.models())
    const there = Object.values((await pair.state()).models)
    const calls = here.reduce((sum, each) => sum + each.active_requests + each.queued_requests, 0)
    return there.reduce((sum, each) => sum + each.onWire, calls) === 0
  })
}

/** The most that Ollama had to do at a time, as seen at many looks. */
interface Seen {
  /** Models with calls that wait for a load. */
  models: number
  /** Calls of one model that wait for a load. */
  calls: number
}

/** Looks at Ollama again and again while `work` goes on. */
export async function watching(pair: Pair, work: Promise<unknown>): Promise<Seen> {
  const seen: Seen = { models: 0, calls: 0 }
  let over = false
  const ended = work.finally(() => {
    over = true
  })
  while (!over) {
    const pending = Object.values((await pair.state()).models).map((each) => each.pending)
    seen.models = Math.max(seen.models, pending.filter((calls) => calls > 0).length)
    seen.calls = Math.max(seen.calls, ...pending)
    await Promise.race([ended, pause(WATCH_EVERY_MS)])
  }
  await ended
  return seen
}
