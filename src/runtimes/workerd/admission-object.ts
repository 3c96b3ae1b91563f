import { DurableObject } from 'cloudflare:workers'
import type { Hono } from 'hono'
import type { CallReport } from '../../admission/contract.ts'
import type { Outcome } from '../../admission/observer.ts'
import { KeptBudgets } from '../../admission/remote/kept-budgets.ts'
import { Leases } from '../../admission/remote/leases.ts'
import type { AcquireRequest, AcquireResult, AdmissionStub } from '../../admission/remote/protocol.ts'
import type { Budgets } from '../../callers/budgets.ts'
import { foregroundClock } from '../../clock.ts'
import { describeConfig } from '../../config/describe.ts'
import { recommendParallel } from '../../config/recommend.ts'
import { callerPages } from '../../gate/caller-pages.ts'
import type { Callers } from '../../gate/callers.ts'
import { fairSettings } from '../../gate/fair-settings.ts'
import { logMeasured, logNoCatalog, modelKeyOf, runnersOf } from '../../gate/runners.ts'
import { turnSettings } from '../../gate/turn-settings.ts'
import { logNoTurns, turnObserver } from '../../gate/turns.ts'
import { AdminGuard } from '../../http/admin-guard.ts'
import { createApp } from '../../http/app.ts'
import { HttpProblem } from '../../http/problem.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { Origins } from '../../relay/origins.ts'
import { Stats } from '../../telemetry/stats.ts'
import { TurnHistory } from '../../telemetry/turn-history.ts'
import { Catalog } from '../../upstream/catalog.ts'
import { UpstreamHealth } from '../../upstream/health.ts'
import { Loaded } from '../../upstream/loaded.ts'
import { callersOf } from './callers.ts'
import { deploymentOf } from './deployment.ts'
import { ObjectStore } from './object-store.ts'
import { peerOf } from './peer.ts'
import type { ObjectState, WorkerEnv } from './platform.ts'
import { upstreamOf } from './upstream.ts'

/** The state of Ollama on a page is at most this old. */
const FRESH_MS = 1_000
/** The isolate has read these of a request, and the object has the call alone. */
const NO_HEADERS = { user: undefined, withheld: undefined }
/** A Worker has no /metrics. */
const NO_METERS = { loaded() {} }

/**
 * The one object that all isolates share. The object holds the lanes and their figures, and answers our own pages. Only
 * requests for slots come here, never a byte of Ollama's answers.
 */
export class AdmissionObject extends DurableObject<WorkerEnv> implements AdmissionStub {
  /** Without timers: an object that reads the list of models all the time never sleeps. */
  readonly #catalog: Catalog
  readonly #leases: Leases
  readonly #health: UpstreamHealth
  readonly #pages: Hono

  constructor(ctx: ObjectState, env: WorkerEnv) {
    super(ctx, env)
    const { loaded, log } = deploymentOf(env)
    const { config } = loaded
    const { ollama_num_parallel } = config
    const clock = foregroundClock
    const stats = new Stats(clock)
    const history = new TurnHistory(clock)
    const upstream = upstreamOf(config)
    this.#catalog = new Catalog({
      clock,
      ask: (question) => upstream.ask(question),
      onChange: () => this.#leases.admission.regroup(),
      onRead: () => this.#leases.admission.forgetUnknown(),
      onProblem: (problem) => logNoCatalog(log, problem),
    })
    const inMemory = new Loaded({
      clock,
      ask: (question) => upstream.ask(question),
      read: (models, askedAt) => this.#leases.admission.sawLoaded(models, askedAt),
      unknown: (problem) => {
        this.#leases.admission.loadedUnknown()
        logNoTurns(log, problem)
      },
    })
    const store = new ObjectStore(ctx)
    const kept = new KeptBudgets(store, clock.wallTime())
    const guards = guardsOf(env, kept.budgets)
    this.#leases = new Leases({
      clock,
      observer: stats,
      upstream,
      defaults: {
        parallel: ollama_num_parallel === 'auto' ? recommendParallel(null) : ollama_num_parallel,
        queue: config.ollama_max_queue,
      },
      auto: ollama_num_parallel === 'auto',
      runners: runnersOf(this.#catalog),
      fairness: fairSettings(config),
      turns: {
        settings: turnSettings(config),
        observer: turnObserver({ history, meters: NO_METERS, log }),
        watch: inMemory,
      },
      maxWaitingBytes: config.max_queue_bytes,
      store,
      budgets: {
        refuses: (caller, model) => guards.callers.refuses({ caller, ...NO_HEADERS }, model),
        charge: (charge) => kept.charge(charge),
      },
      measured: logMeasured(log),
    })
    this.#health = new UpstreamHealth({
      name: upstream.name,
      clock,
      probe: () => upstream.probe(),
      authorized: config.ollama_authorization !== undefined,
      onReturn: () => this.#ollamaReturned(),
    })
    this.#pages = createPages(env, guards, this.#leases, this.#health, history, () => stats.changes)
  }

  acquire(id: string, request: AcquireRequest): Promise<AcquireResult> {
    // A question to Ollama goes on when the call that began it is over: all requests to an object are of one context.
    this.#catalog.keepFresh()
    return new Promise((resolve) => this.#leases.acquire(id, request, resolve))
  }

  async claim(id: string): Promise<boolean> {
    return this.#leases.claim(id)
  }

  async renew(id: string): Promise<boolean> {
    return this.#leases.renew(id)
  }

  async began(id: string): Promise<void> {
    this.#leases.began(id)
  }

  async release(id: string, outcome: Outcome, report?: CallReport): Promise<void> {
    this.#leases.release(id, outcome, report)
  }

  async modelsChanged(): Promise<void> {
    void this.#catalog.refresh()
  }

  async fetch(request: Request): Promise<Response> {
    this.#catalog.keepFresh()
    if (/^\/health(?:\/ready)?$/.test(pathOf(request))) await this.#refreshHealth()
    return this.#pages.fetch(request)
  }

  alarm(): void {
    this.#leases.expire()
  }

  #ollamaReturned(): void {
    this.#leases.admission.forgetLearned()
    this.#catalog.forget()
    void this.#catalog.refresh()
  }

  /** Probes only for a page that needs the state: an object that probes all the time never sleeps. */
  async #refreshHealth(): Promise<void> {
    const { checkedAt } = this.#health.status()
    if (checkedAt === null || foregroundClock.wallTime() - checkedAt > FRESH_MS)
      await this.#health.checkForSure()
  }
}

/** Who may see and change what is here, and who has which budget. */
function guardsOf(
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

function createPages(
  env: WorkerEnv,
  { admin, budgets, callers }: ReturnType<typeof guardsOf>,
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

function pathOf({ url }: Request): string {
  return targetOfUrl(url)?.path ?? ''
}
