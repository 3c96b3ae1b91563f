import type { z } from 'zod'
import { get, type PageSource, readAll, Unreachable } from './get.ts'
import { alertsPage, healthPage, requestsPage, type ShownHealth, statsPage } from './shapes.ts'

/** Exit code of a command that could not reach its proxy. */
export const EXIT_UNREACHABLE = 2

/** A page: the fields that are shown in `data`, the whole body in `raw`; or the reason for a missing page. */
export type Page<T> =
  | { readonly data: T; readonly raw: unknown }
  | { readonly data: undefined; readonly raw: null; readonly missing: Missing }

/**
 * `off`: enable_queue_stats is false. `unknown`: the proxy has no such page. `closed`: the page needs a key, or another one.
 * `unreadable`: another answer.
 */
export type Missing = 'off' | 'unknown' | 'closed' | 'unreadable'

/** The pages of one refresh. */
export interface Pages {
  readonly health: { readonly data: ShownHealth; readonly raw: unknown }
  readonly stats: Page<z.output<typeof statsPage>>
  readonly requests: Page<z.output<typeof requestsPage>>
  readonly alerts: Page<z.output<typeof alertsPage>>
}

/** @throws Unreachable when no proxy answers there. */
export function readPages(source: PageSource): Promise<Pages> {
  return readAll(source, async (source) => {
    const [health, stats, requests, alerts] = await Promise.all([
      readHealth(source),
      readPage(source, '/queue/stats', statsPage),
      readPage(source, '/queue/requests', requestsPage),
      readPage(source, '/queue/alerts', alertsPage),
    ])
    return { health, stats, requests, alerts }
  })
}

/** Health of the proxy, and whether the proxy takes calls now. @throws Unreachable when no proxy answers there. */
export function readState(source: PageSource): Promise<{ health: Pages['health']; ready: boolean }> {
  return readAll(source, async (source) => {
    const [health, ready] = await Promise.all([readHealth(source), readReady(source)])
    return { health, ready }
  })
}

async function readHealth(source: PageSource): Promise<Pages['health']> {
  const page = await readPage(source, '/health', healthPage)
  if (page.data !== undefined) return page
  throw new Unreachable(`${source.url} answers, but not like an ollama-guard-proxy`)
}

async function readReady(source: PageSource): Promise<boolean> {
  return (await get(source, '/health/ready')).status === 200
}

const MISSING_BY_STATUS: Readonly<Record<number, Missing>> = {
  401: 'closed',
  403: 'closed',
  404: 'unknown',
  429: 'closed',
}

async function readPage<T>(source: PageSource, path: string, shape: z.ZodType<T>): Promise<Page<T>> {
  const { status, body } = await get(source, path)
  if (status !== 200) {
    const off =
      typeof body === 'object' && body !== null && 'error' in body && body.error === 'stats_disabled'
    return absent(off ? 'off' : (MISSING_BY_STATUS[status] ?? 'unreadable'))
  }
  const { data, success } = shape.safeParse(body)
  return success ? { data, raw: body } : absent('unreadable')
}

function absent(missing: Missing) {
  return { data: undefined, raw: null, missing }
}
