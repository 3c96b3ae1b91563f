import { DurableObject } from 'cloudflare:workers'
import type { Hono } from 'hono'
import type { CallReport, PlaceInLine } from '../../admission/contract.ts'
import type { Outcome } from '../../admission/observer.ts'
import { KeptBudgets } from '../../admission/remote/kept-budgets.ts'
import { Leases } from '../../admission/remote/leases.ts'
import type { AcquireRequest, AcquireResult, AdmissionStub } from '../../admission/remote/protocol.ts'
import { foregroundClock } from '../../clock.ts'
import { recommendParallel } from '../../config/recommend.ts'
import { fairSettings } from '../../gate/fair-settings.ts'
import { logMeasured, logNoCatalog, runnersOf } from '../../gate/runners.ts'
import { turnSettings } from '../../gate/turn-settings.ts'
import { logNoTurns, turnObserver } from '../../gate/turns.ts'
import { Places } from '../../telemetry/places.ts'
import { Stats } from '../../telemetry/stats.ts'
import { TurnHistory } from '../../telemetry/turn-history.ts'
import { Catalog } from '../../upstream/catalog.ts'
import { UpstreamHealth } from '../../upstream/health.ts'
import { Loaded } from '../../upstream/loaded.ts'
import { deploymentOf } from './deployment.ts'
import { createPages, guardsOf, pathOf } from './object-pages.ts'
import { ObjectStore } from './object-store.ts'
import type { ObjectState, WorkerEnv } from './platform.ts'
import { SharesOfLeases } from './shares-of-leases.ts'
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
  readonly #shares: SharesOfLeases
  readonly #health: UpstreamHealth
  readonly #pages: Hono
  readonly #places: Places

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
    this.#shares = new SharesOfLeases({ config, store, admission: () => this.#leases.admission })
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
        ended: (end) => {
          kept.charge(end)
          this.#shares.ended(end)
        },
      },
      measured: logMeasured(log),
    })
    this.#places = new Places(clock, () => this.#leases.admission.lanes())
    this.#health = new UpstreamHealth({
      name: upstream.name,
      clock,
      probe: () => upstream.probe(),
      authorized: config.ollama_authorization !== undefined,
      onReturn: () => this.#ollamaReturned(),
    })
    this.#pages = createPages(
      env,
      { ...guards, shares: this.#shares.shares },
      this.#leases,
      this.#health,
      history,
      () => stats.changes,
    )
  }

  acquire(id: string, request: AcquireRequest): Promise<AcquireResult> {
    // A question to Ollama goes on when the call that began it is over: all requests to an object are of one context.
    this.#catalog.keepFresh()
    return new Promise((resolve) =>
      this.#leases.acquire(id, request, (answer) => {
        this.#shares.answered(request, answer)
        resolve(answer)
      }),
    )
  }

  async claim(id: string): Promise<boolean> {
    return this.#leases.claim(id)
  }

  async renew(id: string): Promise<boolean> {
    return this.#leases.renew(id)
  }

  async place(id: string): Promise<PlaceInLine | undefined> {
    const ticket = this.#leases.ticket(id)
    return ticket && this.#places.of(ticket)
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
