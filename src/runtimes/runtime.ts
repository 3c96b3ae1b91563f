import type { ReloadResult } from '../config/changes.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Reloading } from '../gate/reload.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { UpstreamStatus } from '../upstream/health.ts'

type RuntimeName = 'node' | 'bun' | 'workerd'

/** What a platform has to give: a server around the gate. */
export interface Runtime {
  readonly name: RuntimeName
  /**
   * Listens. Rejects with the platform's own error when the address cannot be had. Without `reloading` it keeps the
   * configuration that it is given.
   */
  serve(loaded: LoadedConfig, log: Log, version: string, reloading?: Reloading): Promise<RunningProxy>
}

export interface RunningProxy {
  readonly url: string
  /** Asks Ollama now. Never rejects. */
  upstreamReachable(): Promise<UpstreamStatus>
  /** Reads the configuration again and takes over what changed; absent where that was not provided for. */
  readonly reload?: (() => Promise<ReloadResult>) | undefined
  /**
   * Admits nobody any more, refuses the waiting, lets the running finish and closes.
   * `forced`: some were still running after the time for it, and were cut.
   */
  drain(): Promise<'drained' | 'forced'>
  /** Closes at once. */
  destroy(): void
}
