import assert from 'node:assert/strict'
import { until } from '../support/until.ts'
import { bearer, keyRing } from './key-ring.ts'
import type { Pair, Target, Variables } from './pair.ts'
import { head, RawCall } from './raw-call.ts'

export const MODEL = 'llama3.2'
/** More tokens than any test waits for. */
const ENDLESS = 4_000

/** A simulator on which no call waits: all waiting is in the proxy. */
export const NO_WAIT_INSIDE = [
  ...['--parallel', '16', '--load-time', '0'],
  ...['--token-rate', '100', '--prompt-rate', '100000'],
]

type Headers = Readonly<Record<string, string>>

/** A call that goes on until its client leaves. */
export interface Sent {
  readonly id: string
  readonly call: RawCall
}

/** Keys, and pages that this process can read: on Cloudflare nobody is at the machine of the proxy. */
export function keysOf(target: Target, keys: Readonly<Record<string, object>>): Variables {
  return { ...keyRing(keys), ...(target.gaps?.ownPort && { AUTH: 'observe' }) }
}

/** The headers of a person behind a key. */
export const person = (key: string, user: string) => ({ ...bearer(key), 'x-openwebui-user-id': user })

/** A proxy, as far as a client has to know it. */
interface Reachable {
  readonly proxy: { readonly port: number }
}

/** Sends a call that streams until its client leaves. `more`: further fields of the body. */
export function send(
  { proxy }: Reachable,
  id: string,
  headers: Headers,
  path = '/api/generate',
  more = {},
): Sent {
  const call = new RawCall(proxy.port)
  const long = path === '/api/generate' ? { options: { num_predict: ENDLESS } } : { max_tokens: ENDLESS }
  const asked = path === '/api/generate' ? { prompt: 'x' } : { messages: [{ role: 'user', content: 'x' }] }
  const body = JSON.stringify({ model: MODEL, ...asked, ...long, stream: true, ...more })
  const lines = Object.entries({ 'X-Request-Id': id, ...headers }).map(([name, value]) => `${name}: ${value}`)
  call.send(head(path, body.length).replace('\r\n\r\n', `\r\n${lines.join('\r\n')}\r\n\r\n`) + body)
  return { id, call }
}

/** Sends a call, and waits until Ollama answers it. */
export async function sendAndStream(pair: Reachable, id: string, headers: Headers): Promise<Sent> {
  const sent = send(pair, id, headers)
  await until(`${id} streams`, () => hasBegun(sent))
  return sent
}

/** Sends a call, and waits until it stands in line. */
export async function sendToLine(
  pair: Pair,
  id: string,
  headers: Headers,
  path?: string,
  more?: object,
): Promise<Sent> {
  const { queued_requests } = await pair.stats(MODEL)
  const sent = send(pair, id, headers, path, more)
  await until(
    `${sent.id} waits`,
    async () => (await pair.stats(MODEL)).queued_requests === queued_requests + 1,
  )
  return sent
}

/** Lets the model be called once, so that the proxy knows how long a call takes. */
export async function callOnce(pair: Pair, headers: Headers): Promise<void> {
  const body = JSON.stringify({ model: MODEL, prompt: 'x', stream: false, options: { num_predict: 3 } })
  const answer = await fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', headers, body })
  assert.equal(answer.status, 200)
  await answer.text()
}

/**
 * For a model with one slot: ends each call as soon as it has begun. Returns the ids in the order in which the calls got
 * the slot.
 */
export async function servedOrder(calls: readonly Sent[]): Promise<string[]> {
  const remaining = new Set(calls)
  const order: string[] = []
  while (remaining.size > 0) {
    const begun = () => [...remaining].filter(hasBegun)
    await until(`one of ${remaining.size} calls begins`, () => begun().length > 0)
    const [next, ...others] = begun()
    assert.deepEqual(others, [], 'one call has the slot')
    if (next === undefined) break
    remaining.delete(next)
    order.push(next.id)
    next.call.leave('rst')
  }
  return order
}

/** The ids of the calls in line, as /queue/requests gives their positions. */
export async function positions(pair: Pair): Promise<string[]> {
  const page = (await (await fetch(`${pair.proxy.url}/queue/requests`)).json()) as {
    readonly requests: readonly { readonly id: string; readonly position: number | null }[]
  }
  const waiting = page.requests.filter(({ position }) => position !== null)
  return waiting.sort((a, b) => (a.position ?? 0) - (b.position ?? 0)).map(({ id }) => id)
}

interface CallerCalls {
  readonly caller: string
  readonly active: number
  readonly queued: number
}

/** The callers of /queue/stats that have calls. */
export async function busyCallers(pair: Pair): Promise<CallerCalls[]> {
  const { callers } = (await (await fetch(`${pair.proxy.url}/queue/stats`)).json()) as {
    readonly callers: readonly CallerCalls[]
  }
  return callers
    .map(({ caller, active, queued }) => ({ caller, active, queued }))
    .filter(({ active, queued }) => active + queued > 0)
}

/** Waits until no call of any caller runs or waits. */
export async function allAccountsEmpty(pair: Pair): Promise<void> {
  await until('no call is left', async () => {
    const { active_requests, queued_requests } = await pair.stats(MODEL)
    return active_requests + queued_requests === 0 && (await busyCallers(pair)).length === 0
  })
}

function hasBegun({ call: { received } }: Sent): boolean {
  return received.includes('"done":false') || received.includes('data: ')
}
