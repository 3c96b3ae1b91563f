import type { z } from 'zod'
import { type Asking, get, inOneRound, Unreachable } from './get.ts'
import { alertsPage, healthPage, requestsPage, type ShownHealth, statsPage } from './shapes.ts'

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
  readonly health: { readonly data: ShownHealth; readonly raw: unknown }
  readonly stats: Page<z.output<typeof statsPage>>
  readonly requests: Page<z.output<typeof requestsPage>>
  readonly alerts: Page<z.output<typeof alertsPage>>
}

/** @throws Unreachable when no proxy answers there. */
export function readPages(asking: Asking): Promise<Pages> {
  return inOneRound(asking, async (asking) => {
    const [health, stats, requests, alerts] = await Promise.all([
      readHealth(asking),
      readPage(asking, '/queue/stats', statsPage),
      readPage(asking, '/queue/requests', requestsPage),
      readPage(asking, '/queue/alerts', alertsPage),
    ])
    return { health, stats, requests, alerts }
  })
}

/** How a proxy is, and whether it would take a call now. Throws Unreachable when none answers there. */
export function readState(asking: Asking): Promise<{ health: Pages['health']; ready: boolean }> {
  return inOneRound(asking, async (asking) => {
    const [health, ready] = await Promise.all([readHealth(asking), readReady(asking)])
    return { health, ready }
  })
}

async function readHealth(asking: Asking): Promise<Pages['health']> {
  const page = await readPage(asking, '/health', healthPage)
  if (page.data !== undefined) return page
  throw new Unreachable(`${asking.url} answers, but not like an ollama-guard-proxy`)
}

async function readReady(asking: Asking): Promise<boolean> {
  return (await get(asking, '/health/ready')).status === 200
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
