import { LocalAdmission } from '../admission/local-admission.ts'
import type { AdminGuard } from '../http/admin-guard.ts'
import { GATED_PATHS } from '../ollama/routes.ts'
import { QueueKeys } from '../relay/queue-keys.ts'
import { Relay } from '../relay/relay.ts'
import { EndedCalls } from '../telemetry/ended-calls.ts'
import { Meters } from '../telemetry/meters.ts'
import { Places } from '../telemetry/places.ts'
import { Reloads } from '../telemetry/reloads.ts'
import type { Shares } from '../telemetry/shares.ts'
import { Stats } from '../telemetry/stats.ts'
import { TurnHistory } from '../telemetry/turn-history.ts'
import { Catalog } from '../upstream/catalog.ts'
import { UpstreamHealth } from '../upstream/health.ts'
import { Loaded } from '../upstream/loaded.ts'
import type { Watchdog } from '../watchdog/watchdog.ts'
import { Callers } from './callers.ts'
import type { Gate, GateEnv, GateParts } from './contract.ts'
import { fairSettings } from './fair-settings.ts'
import { limitsByKey } from './model-limits.ts'
import { createMonitor } from './monitor.ts'
import { relayOptions } from './relay-options.ts'
import { createReload, type InForce } from './reload.ts'
import { hasChangedModels, logMeasured, logNoCatalog, runnersOf } from './runners.ts'
import { createShares } from './shares.ts'
import { createAdminGuard, createFetch } from './surface.ts'
import { turnSettings } from './turn-settings.ts'
import { logNoTurns, turnObserver } from './turns.ts'
import { createWatchdog, regroupStuck, stuckModels } from './watchdog.ts'

/** Composes all parts of a proxy that keeps its lanes in this process. */
export function createGate<Env extends GateEnv>(parts: GateParts<Env>): Gate<Env> {
  const { clock, loaded, log, reloading } = parts
  const { config } = loaded
  const inForce: InForce = { loaded }
  const stats = new Stats(clock)
  const catalog = new Catalog({
    clock,
    ask: (question) => parts.upstream.ask(question),
    onChange: () => {
      admission.regroup()
      regroupStuck(watchdog, admission)
    },
    onRead: () => admission.forgetUnknown(),
    onProblem: (problem) => logNoCatalog(log, problem),
  })
  const runners = runnersOf(catalog)
  const meters = new Meters({
    routes: GATED_PATHS,
    models: limitsByKey(config.models).keys(),
    keys: Object.keys(config.keys),
  })
  const turns = new TurnHistory(clock)
  const tellers = turnObserver({ history: turns, meters, log })
  const inMemory = new Loaded({
    clock,
    ask: (question) => parts.upstream.ask(question),
    read: (models, askedAt) => admission.sawLoaded(models, askedAt),
    unknown: (problem) => {
      admission.loadedUnknown()
      logNoTurns(log, problem)
    },
  })
  const admission = new LocalAdmission({
    clock,
    observer: stats,
    upstream: parts.upstream,
    defaults: { parallel: parts.parallel, queue: config.ollama_max_queue },
    auto: config.ollama_num_parallel === 'auto',
    models: limitsByKey(config.models),
    runners,
    fairness: fairSettings(config),
    turns: {
      settings: turnSettings(config),
      observer: {
        ...tellers,
        loaded(load) {
          tellers.loaded(load)
          if (!load.failed) watchdog.loaded(load.runner, load.loadMs)
        },
      },
      watch: inMemory,
    },
    maxWaitingBytes: config.max_queue_bytes,
    measured: logMeasured(log),
  })
  const health = watchUpstream(parts, () => {
    admission.forgetLearned()
    watchdog.restarted()
    catalog.forget()
    void catalog.refresh()
  })
  const admin = createAdminGuard(parts, (c) => callers.access.accountOf(c))
  const callers: Callers = createCallers(parts, { admin, inForce })
  const shares: Shares = createShares({
    clock,
    config: () => inForce.loaded.config,
    open: () => relay.live(),
  })
  const ended = new EndedCalls(clock)
  const reloads = new Reloads({
    runnerOf: (model) => admission.model(model)?.lane.runner,
    reloaded: (model, option) => meters.reloaded(model, option),
  })
  const places = new Places(clock, () => admission.lanes())
  const watchdog: Watchdog = createWatchdog({
    clock,
    log,
    admission,
    running: () => relay.running(),
    ask: (question) => parts.upstream.ask(question),
    factsOf: (model) => runners.find(model),
  })
  const options = relayOptions({
    clock,
    config,
    log,
    language: () => inForce.loaded.config.language,
    classFrom: () => inForce.loaded.config.class_from,
    signs: () => inForce.loaded.config.waiting,
    placeOf: (ticket) => places.of(ticket),
  })
  const relay: Relay = new Relay(
    {
      ...options,
      admission,
      queueKeys: new QueueKeys(),
      refuses: (requester, model) => callers.refuses(requester, model),
      waiting: admission.waiting,
      upstream: parts.upstream,
      health,
      passed: (request) => {
        options.passed(request)
        if (hasChangedModels(request)) void catalog.refresh()
      },
      finished: (call) => {
        meters.call(call)
        shares.ended(call)
        reloads.heard(call, clock.now())
        watchdog.ended(call)
        callers.finished(call)
        ended.add(call)
        log.call(call)
      },
    },
    (now) => watchdog.pass(now),
  )
  const monitor = createMonitor({
    ...parts,
    admission,
    health,
    meters,
    ended,
    reloads,
    turns,
    shares,
    forced: (model) => runners.find(model)?.forced,
    stuck: () => stuckModels(watchdog, { admission, clock }),
    access: callers.access,
    admin,
    calls: relay,
  })
  const reload = reloading && createReload({ ...reloading, inForce, admission, callers, monitor, log })
  const { origins } = options
  const { access } = callers
  const composed = {
    access,
    admin,
    admission,
    health,
    inForce,
    monitor,
    origins,
    relay,
    reload,
    shares,
    stats,
  }
  return {
    fetch: createFetch(parts, composed),
    health,
    reload,
    start(url) {
      health.start()
      catalog.start()
      monitor.start(url)
    },
    close() {
      admission.close()
      relay.close()
      watchdog.stop()
      monitor.stop()
      admin.stop()
      access.stop()
      catalog.stop()
      inMemory.stop()
      health.stop()
    },
  }
}

/** `returned`: called when Ollama answers again after it did not. */
function watchUpstream<Env extends GateEnv>(
  { clock, loaded, log, upstream }: GateParts<Env>,
  returned: () => void,
) {
  const { ollama_authorization, ollama_url } = loaded.config
  return new UpstreamHealth({
    name: upstream.name,
    clock,
    probe: () => upstream.probe(),
    authorized: ollama_authorization !== undefined,
    onReturn: returned,
    onChange: ({ error, version }) => {
      if (error === null) log.info('ollama answers', { ollama_url, version })
      else log.warn(`${error.message}; ${error.advice}`, { ollama_url, code: error.code })
    },
  })
}

function createCallers<Env extends GateEnv>(
  { clock, crypto, log, own, peer, usage }: GateParts<Env>,
  { admin, inForce }: { admin: AdminGuard; inForce: InForce },
): Callers {
  return new Callers({
    clock,
    crypto,
    log,
    config: () => inForce.loaded.config,
    hostname: own.hostname,
    peer: (c) => peer(c.env as Env),
    isAdmin: (c) => admin.hasToken(c),
    usage,
  })
}
