import type { ForcedReason } from '../admission/contract.ts'
import type { LocalAdmission } from '../admission/local-admission.ts'
import { Alerts } from '../alerts/alerts.ts'
import { loadingMismatches } from '../alerts/loading.ts'
import { parallelMismatches, reloadMismatches } from '../alerts/runner-mismatches.ts'
import { type StuckModel, stuckMismatches } from '../alerts/stuck-models.ts'
import { Webhook } from '../alerts/webhook.ts'
import type { Clock } from '../clock.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Access } from '../http/access.ts'
import { memoryFigures } from '../http/memory-figures.ts'
import type { Monitor } from '../http/services.ts'
import type { LiveCall } from '../relay/live-call.ts'
import type { Log } from '../telemetry/call-log.ts'
import { History } from '../telemetry/history.ts'
import type { Meters } from '../telemetry/meters.ts'
import { metricsPage } from '../telemetry/metrics-page.ts'
import type { Reloads } from '../telemetry/reloads.ts'
import type { Shares } from '../telemetry/shares.ts'
import type { Memory } from '../telemetry/snapshot.ts'
import type { TurnHistory } from '../telemetry/turn-history.ts'
import type { UpstreamHealth } from '../upstream/health.ts'
import { allRefused } from './caller-pages.ts'
import { limitsByKey } from './model-limits.ts'

export interface MonitorParts {
  readonly clock: Clock
  readonly loaded: LoadedConfig
  readonly log: Log
  readonly version: string
  readonly runtimeName: string
  readonly admission: LocalAdmission
  readonly calls: Monitor['calls']
  readonly ended: Monitor['ended']
  readonly meters: Meters
  readonly reloads: Reloads
  readonly turns: TurnHistory
  readonly shares: Pick<Shares, 'now'>
  /** Why Ollama runs one call of a model at a time, whatever is set. */
  readonly forced: (model: string) => ForcedReason | undefined
  /** The models on which Ollama does not work. */
  readonly stuck: () => readonly StuckModel[]
  readonly access: Pick<Access, 'refused'>
  readonly admin: { readonly refused: Readonly<Record<string, number>> }
  readonly health: UpstreamHealth
  readonly memory: () => Promise<Memory>
  readonly dashboard: Monitor['dashboard']
}

/** The composed parts that watch the proxy. */
export interface RunningMonitor {
  readonly pages: Monitor
  /** `url`: where this proxy listens. */
  start(url: string): void
  /** Applies thresholds from the next sample on, and gives newly configured models and keys figures of their own. */
  reconfigure(config: Pick<Config, 'alerts' | 'keys' | 'models'>): void
  stop(): void
}

export function createMonitor(parts: MonitorParts): RunningMonitor {
  const { admin, admission, calls, clock, health, log, memory, meters, runtimeName, turns, version } = parts
  const { config } = parts.loaded
  let url = ''
  const webhook =
    config.alert_webhook === undefined
      ? undefined
      : new Webhook({
          clock,
          log,
          version,
          url: config.alert_webhook,
          secret: config.alert_webhook_secret,
          proxyUrl: () => url,
          fetch: (address, init) => fetch(address, init),
        })
  const alerts = new Alerts({
    clock,
    rules: config.alerts,
    told: (event) => {
      const { id, level, value, unit, action } = event.alert
      const write = event.event === 'cleared' ? log.info : log.warn
      write(`alert ${event.event}: ${event.alert.message}`, { alert: id, level, value, unit, action })
      webhook?.send(event)
    },
  })
  const namesOf = (runner: string) => {
    for (const lane of admission.lanes()) if (lane.runner === runner) return lane.names
    return []
  }
  const history: History = new History({
    clock,
    models: () => admission.models(),
    tokensOut: tokenCount(meters, () => calls.live()),
    memoryPercent: async () => memoryFigures(await memory()).percent,
    windowSeconds: config.alerts.window,
    sampled: () => {
      const readings = history.readings()
      alerts.evaluate(readings, [
        ...stuckMismatches(parts.stuck()),
        ...parallelMismatches(readings.models, parts.forced),
        ...reloadMismatches(parts.reloads.runners(clock.now()), namesOf),
        ...loadingMismatches(
          turns.loadingShare(admission.turns.runners()),
          turns.recent(),
          alerts.standing().some(({ metric }) => metric === 'loading'),
        ),
      ])
    },
  })
  return {
    pages: {
      calls,
      ended: parts.ended,
      history,
      turns,
      pause: (model, paused) => admission.pause(model, paused),
      alerts: {
        page: () => alerts.page(),
        brief: () => alerts.standing().map(({ id, level }) => ({ id, level })),
      },
      metrics: metricsPage({
        meters,
        admission,
        turns,
        shares: parts.shares,
        adminRefused: admin.refused,
        accessRefused: () => allRefused(parts.access),
        upstream: health,
        memory,
        draining: () => admission.closed,
        version,
        runtimeName,
      }),
      dashboard: parts.dashboard,
    },
    start(listensAt) {
      url = listensAt
      history.start()
    },
    reconfigure(changed) {
      alerts.setRules(changed.alerts)
      history.setWindow(changed.alerts.window)
      for (const model of limitsByKey(changed.models).keys()) meters.addModel(model)
      meters.callers.configure(Object.keys(changed.keys))
    },
    stop() {
      history.stop()
      webhook?.stop()
    },
  }
}

/** Tokens that a model gave so far: Ollama's count for calls that are over, and the parts of running streams. */
function tokenCount(meters: Meters, live: () => Iterable<LiveCall>): (model: string, now: number) => number {
  let countedAt = Number.NaN
  const running = new Map<string, number>()
  return (model, now) => {
    if (now !== countedAt) {
      countedAt = now
      running.clear()
      for (const { model: of, chunks } of live()) {
        if (of !== undefined) running.set(of, (running.get(of) ?? 0) + chunks)
      }
    }
    return meters.tokensOut(model) + (running.get(model) ?? 0)
  }
}
