import type { Hono } from 'hono'
import type { Leases } from '../../admission/remote/leases.ts'
import type { Budgets } from '../../callers/budgets.ts'
import { foregroundClock } from '../../clock.ts'
import { describeConfig } from '../../config/describe.ts'
import { callerPages } from '../../gate/caller-pages.ts'
import type { Callers } from '../../gate/callers.ts'
import { modelKeyOf } from '../../gate/runners.ts'
import { AdminGuard } from '../../http/admin-guard.ts'
import { createApp } from '../../http/app.ts'
import { HttpProblem } from '../../http/problem.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { Origins } from '../../relay/origins.ts'
import type { Shares } from '../../telemetry/shares.ts'
import type { TurnHistory } from '../../telemetry/turn-history.ts'
import type { UpstreamHealth } from '../../upstream/health.ts'
import { callersOf } from './callers.ts'
import { deploymentOf } from './deployment.ts'
import { peerOf } from './peer.ts'
import type { WorkerEnv } from './platform.ts'

/** Who may see and change what is here, and who has which budget. */
export function guardsOf(
  env: WorkerEnv,
  budgets: Budgets,
): {
  readonly admin: AdminGuard
  readonly budgets: Budgets
  readonly callers: Callers
} {
  const { loaded, log } = deploymentOf(env)
  const { config } = loaded
  const admin = new AdminGuard({
    clock: foregroundClock,
    log,
    token: config.admin_token,
    hostname: '',
    peer: (c) => peerOf(c.req.raw),
    accountOf: (c) => callers.access.accountOf(c),
  })
  const callers = callersOf({ config, log, budgets, isAdmin: (c) => admin.hasToken(c) })
  return { admin, budgets, callers }
}

/** The pages that the object answers. */
export function createPages(
  env: WorkerEnv,
  { admin, budgets, callers, shares }: ReturnType<typeof guardsOf> & { readonly shares: Shares },
  leases: Leases,
  health: UpstreamHealth,
  loads: TurnHistory,
  changes: () => number,
): Hono {
  const { loaded, log, version } = deploymentOf(env)
  const { admission } = leases
  const notHere = async (): Promise<never> => {
    throw new HttpProblem('not_found')
  }
  return createApp({
    config: loaded.config,
    clock: foregroundClock,
    admission: {
      get defaults() {
        return admission.defaults
      },
      turns: admission.turns,
      models: () => admission.models(),
      model: (model) => admission.model(model),
      lanes: () => admission.lanes(),
      callers: () => admission.callers(),
      configure: (model, change) => leases.configure(model, change),
    },
    access: callers.access,
    callers: callerPages({
      access: callers.access,
      admission,
      budgets,
      clock: foregroundClock,
      config: () => loaded.config,
      shares,
    }),
    health,
    loads,
    origins: new Origins(),
    version,
    runtimeName: 'workerd',
    modelKey: modelKeyOf,
    memory: async () => null,
    draining: () => false,
    changes,
    describeConfig: () => describeConfig(loaded),
    path: pathOf,
    relay: notHere,
    passThrough: notHere,
    reportError: (error) => log.error('unexpected error in a request', { error }),
    admin,
  })
}

export function pathOf({ url }: Request): string {
  return targetOfUrl(url)?.path ?? ''
}
