import type { z } from 'zod'
import {
  type Alerts,
  alertsPage,
  type Health,
  healthPage,
  type Requests,
  requestsPage,
  type Stats,
  statsPage,
} from './shapes.ts'

/** Exit code of a command that could not reach the proxy it was to ask. */
export const EXIT_UNREACHABLE = 2

/** A page as it came, and what is read of it; or why there is none. */
export type Page<T> =
  | { readonly data: T; readonly raw: unknown }
  | { readonly data: undefined; readonly raw: null; readonly missing: Missing }

/** `off`: enable_queue_stats is false. `unknown`: the proxy has no such page. `strange`: it holds something else. */
export type Missing = 'off' | 'unknown' | 'strange'

/** All that is shown, read at one time. */
export interface Pages {
  readonly health: { readonly data: Health; readonly raw: unknown }
  readonly stats: Page<Stats>
  readonly requests: Page<Requests>
  readonly alerts: Page<Alerts>
}

export interface Asking {
  /** Of the proxy, without a slash at its end. */
  readonly url: string
  /** Milliseconds for the whole of an answer. */
  readonly timeoutMs: number
  /** Ends the asking. */
  readonly signal?: AbortSignal
}

/** @throws Unreachable when no proxy answers there. */
export async function readPages(asking: Asking): Promise<Pages> {
  const [health, stats, requests, alerts] = await Promise.all([
    readHealth(asking),
    readPage(asking, '/queue/stats', statsPage),
    readPage(asking, '/queue/requests', requestsPage),
    readPage(asking, '/queue/alerts', alertsPage),
  ])
  return { health, stats, requests, alerts }
}

/** @throws Unreachable when no proxy answers there. */
export async function readHealth(asking: Asking): Promise<Pages['health']> {
  const page = await readPage(asking, '/health', healthPage)
  if (page.data !== undefined) return page
  throw new Unreachable(`${asking.url} answers, but not as an ollama-guard-proxy does`)
}

/** Whether the proxy would take a call now. Throws Unreachable. */
export async function readReady(asking: Asking): Promise<boolean> {
  return (await get(asking, '/health/ready')).status === 200
}

/** Nobody answers at an address, or somebody else does. The message names the address. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

async function readPage<T>(asking: Asking, path: string, shape: z.ZodType<T>): Promise<Page<T>> {
  const { status, body } = await get(asking, path)
  if (status !== 200) {
    const off =
      typeof body === 'object' && body !== null && 'error' in body && body.error === 'stats_disabled'
    return absent(off ? 'off' : status === 404 ? 'unknown' : 'strange')
  }
  const { data, success } = shape.safeParse(body)
  return success ? { data, raw: body } : absent('strange')
}

function absent(missing: Missing) {
  return { data: undefined, raw: null, missing }
}

/** Status and parsed body; a body that is no JSON is undefined. */
async function get(
  { url, timeoutMs, signal }: Asking,
  path: string,
): Promise<{ status: number; body: unknown }> {
  // By hand: AbortSignal.any() leaves something behind in a signal that lives as long as the program, at every call.
  const ending = new AbortController()
  const end = () => ending.abort()
  let late = false
  const timer = setTimeout(() => {
    late = true
    end()
  }, timeoutMs)
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  try {
    const response = await fetch(url + path, {
      headers: { accept: 'application/json' },
      signal: ending.signal,
    })
    return { status: response.status, body: parsed(await response.text()) }
  } catch (error) {
    const reason = late ? `no answer within ${timeoutMs / 1_000} s` : reasonOf(error)
    throw new Unreachable(`${url} does not answer: ${reason}`, { cause: error })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ConnectionRefused: 'connection refused',
  ECONNRESET: 'connection reset',
  UND_ERR_SOCKET: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
  EHOSTUNREACH: 'no route to the host',
}

/** Why a request failed, from the error of node:http, of fetch, or of what fetch wraps. */
export function reasonOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = 'code' in each ? String(each.code) : ''
    const reason = REASONS[code]
    if (reason !== undefined) return reason
    if (each.cause === undefined) return each.message || code || each.name
  }
  return String(error)
}
