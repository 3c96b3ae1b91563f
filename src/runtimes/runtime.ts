import type { ReloadResult } from '../config/changes.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Usage } from '../gate/callers.ts'
import type { Reloading } from '../gate/reload.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { UpstreamStatus } from '../upstream/health.ts'

type RuntimeName = 'node' | 'bun' | 'workerd'

export interface ServeParts {
  readonly loaded: LoadedConfig
  readonly log: Log
  readonly version: string
  /** What callers have used. */
  readonly usage: Usage
  readonly reloading?: Reloading
}

/** A platform: runs a server around the gate. */
export interface Runtime {
  readonly name: RuntimeName
  /**
   * Starts the server. Rejects with the platform's own error when it cannot listen at the address. Without `reloading`
   * the configuration cannot change while the server runs.
   */
  serve(parts: ServeParts): Promise<RunningProxy>
}

export interface RunningProxy {
  readonly url: string
  /** Probes Ollama now. Never rejects. */
  upstreamReachable(): Promise<UpstreamStatus>
  /** Reads the configuration again and applies the changes. Absent without `reloading`. */
  readonly reload?: (() => Promise<ReloadResult>) | undefined
  /**
   * Admits no more calls, refuses the calls in line, lets running calls finish and closes.
   * `forced`: some calls still ran when the time was up, and were cut off.
   */
  drain(): Promise<'drained' | 'forced'>
  /** Closes at once. */
  destroy(): void
}
