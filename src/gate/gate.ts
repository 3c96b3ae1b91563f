import { LocalAdmission } from '../admission/local-admission.ts'
import { GATED_PATHS } from '../ollama/routes.ts'
import { Relay } from '../relay/relay.ts'
import { Meters } from '../telemetry/meters.ts'
import { Stats } from '../telemetry/stats.ts'
import { UpstreamHealth } from '../upstream/health.ts'
import type { Gate, GateEnv, GateParts } from './contract.ts'
import { limitsByKey } from './model-limits.ts'
import { createMonitor } from './monitor.ts'
import { relayOptions } from './relay-options.ts'
import { createReload, type InForce } from './reload.ts'
import { createAdminGuard, createFetch } from './surface.ts'

/** Composes all parts of a proxy that keeps its lanes in this process. */
export function createGate<Env extends GateEnv>(parts: GateParts<Env>): Gate<Env> {
  const { clock, loaded, log, reloading } = parts
  const { config } = loaded
  const inForce: InForce = { loaded }
  const health = watchUpstream(parts)
  const stats = new Stats(clock)
  const admission = new LocalAdmission({
    clock,
    observer: stats,
    upstream: parts.upstream,
    defaults: { parallel: parts.parallel, queue: config.ollama_max_queue },
    models: limitsByKey(config.models),
    maxWaitingBytes: config.max_queue_bytes,
  })
  const meters = new Meters({ routes: GATED_PATHS, models: limitsByKey(config.models).keys() })
  const options = relayOptions({ clock, config, log, language: () => inForce.loaded.config.language })
  const relay = new Relay({
    ...options,
    admission,
    waiting: admission.waiting,
    upstream: parts.upstream,
    health,
    finished: (call) => {
      meters.call(call)
      log.call(call)
    },
  })
  const admin = createAdminGuard(parts)
  const monitor = createMonitor({ ...parts, admission, health, meters, admin, calls: relay })
  const reload = reloading && createReload({ ...reloading, inForce, admission, monitor, log })
  const { origins } = options
  const composed = { admin, admission, health, inForce, monitor, origins, relay, reload, stats }
  return {
    fetch: createFetch(parts, composed),
    health,
    reload,
    start(url) {
      health.start()
      monitor.start(url)
    },
    close() {
      admission.close()
      relay.close()
      monitor.stop()
      admin.stop()
      health.stop()
    },
  }
}

function watchUpstream<Env extends GateEnv>({ clock, loaded, log, probe, upstream }: GateParts<Env>) {
  const { ollama_authorization, ollama_url } = loaded.config
  return new UpstreamHealth({
    name: upstream.name,
    clock,
    probe,
    authorized: ollama_authorization !== undefined,
    onChange: ({ error, version }) => {
      if (error === null) log.info('ollama answers', { ollama_url, version })
      else log.warn(`${error.message}; ${error.advice}`, { ollama_url, code: error.code })
    },
  })
}
