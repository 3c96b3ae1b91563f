import { type LoadedConfig, loadConfig } from '../../config/load.ts'
import type { WorkerEnv } from './platform.ts'

/**
 * The configuration from a Worker's variables and secrets, through the one schema there is.
 * @throws ConfigError with every problem.
 */
export function readSettings(env: WorkerEnv): LoadedConfig {
  return loadConfig({ flags: {}, env: textsOf(env), readFile: noFile, ownAddresses: [] })
}

/** A number or a truth value may stand without quotes in wrangler.toml. */
function textsOf(env: WorkerEnv): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      texts[name] = String(value)
    }
  }
  return texts
}

function noFile(): never {
  throw Object.assign(new Error('a Worker has no files'), { code: 'ENOENT' })
}
