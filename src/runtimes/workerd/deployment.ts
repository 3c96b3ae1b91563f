import { type LoadedConfig, loadConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problem.ts'
import { createLog, formatJson, formatText, type Log } from '../../telemetry/call-log.ts'
import type { WorkerEnv } from './platform.ts'

/** Set by the bundler. */
declare const PROXY_VERSION: string

/** What the Workers of one isolate, and an object in the isolate, share. */
export interface Deployment {
  readonly loaded: LoadedConfig
  readonly log: Log
  readonly version: string
}

let open: Deployment | undefined

/**
 * The configuration comes from the deployment's variables and secrets. They do not change while an isolate lives. The
 * log goes to the console, from which the platform collects it; JSON unless log_format is text.
 * @throws ConfigError with every problem of the configuration.
 */
export function deploymentOf(env: WorkerEnv): Deployment {
  if (open) return open
  const loaded = loadConfig({ flags: {}, env: textsOf(env), readFile: noFile, ownAddresses: [] })
  const { log_format, log_level } = loaded.config
  const format = log_format === 'text' ? formatText : formatJson
  const log = createLog(log_level, (record) => {
    // biome-ignore lint/suspicious/noConsole: a Worker has no other output
    console.log(format(record).trimEnd())
  })
  for (const warning of loaded.warnings) log.warn(formatProblem(warning))
  open = { loaded, log, version: PROXY_VERSION }
  return open
}

/** wrangler.toml may have a number or a boolean without quotes. */
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
