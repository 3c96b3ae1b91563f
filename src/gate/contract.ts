import type { Crypto } from '../callers/crypto.ts'
import type { Clock } from '../clock.ts'
import type { ReloadResult } from '../config/changes.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { OwnNames } from '../http/allowed-host.ts'
import type { Peer } from '../http/peer.ts'
import type { Monitor } from '../http/services.ts'
import type { Target } from '../ollama/target.ts'
import type { ClientRequest } from '../relay/contract.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { Memory } from '../telemetry/snapshot.ts'
import type { UpstreamHealth } from '../upstream/health.ts'
import type { UpstreamAddress } from '../upstream/upstream-address.ts'
import type { Usage } from './callers.ts'
import type { Reloading } from './reload.ts'

/** The environment of a request, as every runtime gives it. */
export interface GateEnv {
  /** Undefined for a request whose target cannot be routed. */
  readonly target: Target | undefined
}

/** The parts that a runtime brings. `Env`: the environment that its server gives with each request. */
export interface GateParts<Env extends GateEnv> {
  readonly runtimeName: string
  readonly version: string
  readonly clock: Clock
  readonly crypto: Crypto
  readonly usage: Usage
  readonly loaded: LoadedConfig
  readonly log: Log
  /** Slots per model. The runtime has replaced `auto` by a number. */
  readonly parallel: number
  /** The guarded Ollama, as the runtime reaches it. */
  readonly upstream: UpstreamAddress
  readonly clientRequest: (env: Env, request: Request, target: Target) => ClientRequest
  readonly peer: (env: Env) => Peer
  /** The Host header as the client sent it. */
  readonly host: (env: Env, request: Request) => string | undefined
  /** Must be cheap enough to be called for every request. */
  readonly memory: () => Promise<Memory>
  readonly own: OwnNames
  /** The dashboard's files. */
  readonly dashboard: Monitor['dashboard']
  /** Absent where the configuration cannot change while the process lives. */
  readonly reloading?: Reloading | undefined
}

export interface Gate<Env> {
  readonly fetch: (request: Request, env: Env) => Response | Promise<Response>
  readonly health: UpstreamHealth
  /** Begins to watch Ollama and the proxy itself. `url`: where the proxy listens. */
  start(url: string): void
  /** Reads the configuration again and applies the changes; absent without `reloading`. */
  readonly reload?: (() => Promise<ReloadResult>) | undefined
  /** Admits no more calls and refuses the calls in line. Running calls go on. */
  close(): void
}
