import type { LoadedConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problem.ts'
import type { Log } from '../../telemetry/call-log.ts'
import { openConsoleLog } from './log.ts'
import type { WorkerEnv } from './platform.ts'
import { readSettings } from './settings.ts'

/** Put in place by the bundler. */
declare const PROXY_VERSION: string

/** What the Workers of one isolate, and an object in it, have in common. */
export interface Deployment {
  readonly loaded: LoadedConfig
  readonly log: Log
  readonly version: string
}

let open: Deployment | undefined

/**
 * Variables and secrets are those of the deployment: they do not change while an isolate lives.
 * @throws ConfigError with every problem of the configuration.
 */
export function deploymentOf(env: WorkerEnv): Deployment {
  if (open) return open
  const loaded = readSettings(env)
  const log = openConsoleLog(loaded.config)
  for (const warning of loaded.warnings) log.warn(formatProblem(warning))
  open = { loaded, log, version: PROXY_VERSION }
  return open
}
