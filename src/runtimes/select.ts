import { getRuntimeKey } from 'hono/adapter'
import type { Runtime } from './runtime.ts'

/** The runtimes that can start a server of their own. Only the runtime that we run on is loaded. */
const RUNTIMES: Readonly<Record<string, () => Promise<Runtime>>> = {
  node: async () => (await import('./node/serve.ts')).nodeRuntime,
  bun: async () => (await import('./bun/serve.ts')).bunRuntime,
}

/** @throws Error on a platform this program has no adapter for. */
export function selectRuntime(): Promise<Runtime> {
  const key = getRuntimeKey()
  const load = RUNTIMES[key]
  if (!load)
    throw new Error(`no runtime adapter for ${key}; there is one for ${Object.keys(RUNTIMES).join(', ')}`)
  return load()
}
