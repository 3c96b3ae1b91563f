import type { LoadedConfig } from '../config/load.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { UpstreamStatus } from '../upstream/health.ts'

export type RuntimeName = 'node' | 'bun' | 'workerd'

/** What a platform has to give: a server around the gate. */
export interface Runtime {
  readonly name: RuntimeName
  /** Listens. Rejects with the platform's own error when the address cannot be had. */
  serve(loaded: LoadedConfig, log: Log, version: string): Promise<RunningProxy>
}

export interface RunningProxy {
  readonly url: string
  /** Asks Ollama now. Never rejects. */
  upstreamReachable(): Promise<UpstreamStatus>
  /**
   * Admits nobody any more, refuses the waiting, lets the running finish and closes.
   * `forced`: some were still running after the time for it, and were cut.
   */
  drain(): Promise<'drained' | 'forced'>
  /** Closes at once. */
  destroy(): void
}
