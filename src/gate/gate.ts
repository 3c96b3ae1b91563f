import { LocalAdmission } from '../admission/local-admission.ts'
import type { Clock } from '../clock.ts'
import { callLimits } from '../config/call-limits.ts'
import { describeConfig } from '../config/describe.ts'
import type { LoadedConfig } from '../config/load.ts'
import { AdminGuard } from '../http/admin-guard.ts'
import type { OwnNames } from '../http/allowed-host.ts'
import { createApp, createForeignHostApp, type Services } from '../http/app.ts'
import { renderBreak, statusOf } from '../http/errors.ts'
import { HostGuard } from '../http/host-guard.ts'
import type { Memory } from '../http/memory-figures.ts'
import type { Peer } from '../http/peer.ts'
import { HttpProblem } from '../http/problem.ts'
import type { Monitor } from '../http/routes/monitor.ts'
import type { ReloadResult } from '../http/routes/reload.ts'
import { parseModelName } from '../ollama/model-name.ts'
import type { Target } from '../ollama/target.ts'
import type { ClientRequest } from '../relay/contract.ts'
import { Origins } from '../relay/origins.ts'
import { Relay } from '../relay/relay.ts'
import { RequestIds } from '../relay/request-id.ts'
import type { Log } from '../telemetry/call-log.ts'
import { type LaneStats, Stats } from '../telemetry/stats.ts'
import { UpstreamHealth } from '../upstream/health.ts'
import type { ProbeAnswer } from '../upstream/probe.ts'
import { limitsByKey } from './model-limits.ts'
import { createMonitor, type RunningMonitor } from './monitor.ts'
import { putInForce, Reloader, type Reloading } from './reload.ts'

/** What comes with each request, whatever the runtime. */
export interface GateEnv {
  /** Undefined: the request names nothing that could be routed. */
  readonly target: Target | undefined
}

/** What a runtime brings. `Env`: what its server hands over with each request. */
export interface GateParts<Env extends GateEnv> {
  readonly runtimeName: string
  readonly version: string
  readonly clock: Clock
  readonly loaded: LoadedConfig
  readonly log: Log
  /** Slots per model; `auto` of the configuration already resolved. */
  readonly parallel: number
  readonly exchange: (env: Env, request: Request, target: Target) => ClientRequest
  readonly peer: (env: Env) => Peer
  /** The Host header as the client sent it. */
  readonly host: (env: Env, request: Request) => string | undefined
  /** Cheap enough to be asked at every request. */
  readonly memory: () => Promise<Memory>
  /** Asks for Ollama's version; rejects when there is no answer in time. */
  readonly probe: () => Promise<ProbeAnswer>
  readonly own: OwnNames
  /** The dashboard's files. */
  readonly dashboard: Monitor['dashboard']
  /** Left out where the configuration cannot change while the process lives. */
  readonly reloading?: Reloading | undefined
}

export interface Gate<Env> {
  readonly fetch: (request: Request, env: Env) => Response | Promise<Response>
  readonly upstream: UpstreamHealth
  /** Begins to watch Ollama and itself. `url`: where it listens. */
  start(url: string): void
  /** Reads the configuration again and takes over what changed; absent without `reloading`. */
  readonly reload?: (() => Promise<ReloadResult>) | undefined
  /** Admits nobody any more and refuses the waiting; what runs goes on. */
  close(): void
}

/** The house, composed. */
export function createGate<Env extends GateEnv>(parts: GateParts<Env>): Gate<Env> {
  const { clock, loaded, log, reloading } = parts
  const { config } = loaded
  const origins = new Origins()
  const upstream = new UpstreamHealth({
    clock,
    probe: parts.probe,
    authorized: config.ollama_authorization !== undefined,
    onChange: ({ error, version }) => {
      const { ollama_url } = config
      if (error === null) log.info('ollama answers', { ollama_url, version })
      else log.warn(`${error.message}; ${error.advice}`, { ollama_url, code: error.code })
    },
  })
  const stats = new Stats(clock)
  const admission = new LocalAdmission({
    clock,
    observer: stats,
    defaults: { parallel: parts.parallel, queue: config.ollama_max_queue },
    models: limitsByKey(config.models),
    maxWaitingBytes: config.max_queue_bytes,
  })
  const relay: Relay<LaneStats> = new Relay({
    clock,
    admission,
    waiting: admission.waiting,
    origins,
    ids: new RequestIds(),
    ...callLimits(config),
    lastWords: (broken) => renderBreak(broken, inForce().config.language),
    statusOf,
    finished: (call) => {
      monitor.finished(call)
      log.call(call)
    },
    passed: (request) => log.info('passed through', { ...request }),
    upstream,
  })
  const admin = new AdminGuard({
    clock,
    log,
    token: config.admin_token,
    hostname: parts.own.hostname,
    peer: (c) => parts.peer(c.env as Env),
  })
  const monitor: RunningMonitor = createMonitor({
    ...parts,
    config,
    admission,
    upstream,
    adminRefused: admin.refused,
    calls: { live: () => relay.live(), cancel: (id) => relay.cancel(id) },
  })
  const reloader =
    reloading &&
    new Reloader({
      loaded,
      read: reloading.read,
      apply: (changes, before) => putInForce({ ...reloading, admission, monitor }, changes, before),
      draining: () => admission.closed,
      log,
    })
  const inForce = (): LoadedConfig => reloader?.inForce ?? loaded
  const reload = reloader && (() => reloader.reload())
  const listensOnLoopback = isLoopbackName(config.proxy_host)
  /** @throws HttpProblem invalid_target */
  const exchangeOf = (c: {
    readonly env: unknown
    readonly req: { readonly raw: Request }
  }): ClientRequest => {
    const env = c.env as Env
    if (env.target === undefined) throw new HttpProblem('invalid_target')
    return parts.exchange(env, c.req.raw, env.target)
  }
  const services: Services = {
    config: {
      ...config,
      get language() {
        return inForce().config.language
      },
    },
    clock,
    admission,
    upstream,
    origins,
    version: parts.version,
    runtimeName: parts.runtimeName,
    modelKey: (name) => parseModelName(name)?.key,
    memory: parts.memory,
    draining: () => admission.closed,
    changes: () => stats.changes,
    describeConfig: () => describeConfig(inForce()),
    path: (_request, env) => (env as Env).target?.path ?? '',
    relay: (c) => relay.gated(exchangeOf(c), c.req.path, c),
    passThrough: (c) => relay.passThrough(exchangeOf(c)),
    reportError: (error) => log.error('unexpected error in a request', { error }),
    admin,
    monitor: monitor.pages,
    reload,
  }
  const app = createApp(services)
  const door = createForeignHostApp(services)
  const guard = new HostGuard({ own: parts.own, warn: (message, fields) => log.warn(message, fields) })
  const refuseHost = (request: Request, env: Env): Response | Promise<Response> => {
    const path = env.target?.path
    if (path?.startsWith('/admin/')) admin.refusedHost(parts.peer(env), path)
    return door.fetch(request, env)
  }
  return {
    fetch: (request, env) =>
      listensOnLoopback && guard.refuses(parts.host(env, request))
        ? refuseHost(request, env)
        : app.fetch(request, env),
    upstream,
    reload,
    start(url) {
      upstream.start()
      monitor.start(url)
    },
    close() {
      admission.close()
      relay.close()
      monitor.stop()
      admin.stop()
      upstream.stop()
    },
  }
}

function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
