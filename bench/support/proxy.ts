import { mkdtempSync, rmSync } from 'node:fs'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROXY_CORE, type Server, start } from './child.ts'

export interface ProxyOptions {
  readonly upstream: Server
  readonly parallel: number
  readonly maxQueue?: number
  /** Seconds. */
  readonly timeout?: number
  /** The command line up to `serve`; the built product on this Node unless it is another. */
  readonly program?: readonly string[]
  readonly ipc?: boolean
  readonly env?: Readonly<Record<string, string>>
}

export interface StartedProxy extends Server {
  /** GET of one of its own pages. */
  page(path: string): Promise<unknown>
}

/** GUARD_MAIN names another build's dist/main.js to compare with. */
const MAIN = process.env.GUARD_MAIN ?? new URL('../../dist/main.js', import.meta.url).pathname

/** The built product on a runtime, with arguments for the runtime itself. */
export function builtOn(runtime: string, ...args: readonly string[]): string[] {
  return [runtime, ...args, MAIN]
}

/** How a proxy says where it listens. */
export const LISTENS = /listens on (http:\S+)/

/**
 * The proxy on its core. It logs as shipped: a line a call at level info, to stdout and to log_file, both of
 * them files in a folder of its own that goes with it.
 */
export async function startProxy(options: ProxyOptions): Promise<StartedProxy> {
  const { program = builtOn(process.execPath), ipc = false, env = {} } = options
  const folder = mkdtempSync(join(tmpdir(), 'guard-bench-'))
  const child = await start([...program, ...serveArguments(options)], {
    core: PROXY_CORE,
    env: { LOG_FILE: join(folder, 'proxy.log'), CONFIG_FILE: devNull, ...env },
    stdoutFile: join(folder, 'stdout.log'),
    ready: LISTENS,
    ipc,
  })
  return {
    ...child,
    url: child.said,
    page: (path) => pageOf(child.said, path),
    async stop() {
      await child.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

export function serveArguments(options: ProxyOptions): string[] {
  const { upstream, parallel, maxQueue = 512, timeout = 300 } = options
  const flags = { upstream: upstream.url, port: 0, parallel, 'max-queue': maxQueue, timeout }
  return ['serve', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])]
}

/** GET of one of our own pages. */
export async function pageOf(url: string, path: string): Promise<unknown> {
  const answer = await fetch(`${url}${path}`)
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
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
