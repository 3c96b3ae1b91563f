import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, PROXY_CORE, start } from './child.ts'

export interface ProxyOptions {
  readonly upstream: string
  readonly parallel: number
  readonly maxQueue?: number
  /** Seconds. */
  readonly timeout?: number
  /** What runs the program; this Node unless it is another. */
  readonly runtime?: string
  /** For Node itself, before the program. */
  readonly nodeArgs?: readonly string[]
  readonly ipc?: boolean
}

export interface StartedProxy extends Child {
  readonly url: string
  /** GET of one of its own pages. */
  page(path: string): Promise<unknown>
}

/** The built product; GUARD_MAIN names another build's dist/main.js to compare with. */
const MAIN = process.env.GUARD_MAIN ?? new URL('../../dist/main.js', import.meta.url).pathname

/**
 * The built proxy on its core. It logs as shipped: a line a call at level info, to stdout and to log_file, both of
 * them files in a folder of its own that goes with it.
 */
export async function startProxy(options: ProxyOptions): Promise<StartedProxy> {
  const { upstream, parallel, maxQueue = 512, timeout = 300, nodeArgs = [], ipc = false } = options
  const { runtime = process.execPath } = options
  const folder = mkdtempSync(join(tmpdir(), 'guard-bench-'))
  const flags = { upstream, port: 0, parallel, 'max-queue': maxQueue, timeout }
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])
  const child = await start([runtime, ...nodeArgs, MAIN, 'serve', ...args], {
    core: PROXY_CORE,
    env: { LOG_FILE: join(folder, 'proxy.log'), CONFIG_FILE: '' },
    stdoutFile: join(folder, 'stdout.log'),
    ready: /listens on (http:\S+)/,
    ipc,
  })
  const url = child.said
  return {
    ...child,
    url,
    async page(path) {
      const answer = await fetch(`${url}${path}`)
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      return answer.json()
    },
    async stop() {
      await child.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

/** One number of a page, by its keys. Throws where there is none. */
export function numberAt(page: unknown, ...keys: readonly string[]): number {
  let value = page
  for (const key of keys) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  }
  if (typeof value !== 'number') throw new Error(`no number at ${keys.join('.')}: ${JSON.stringify(page)}`)
  return value
}
