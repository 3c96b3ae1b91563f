import { DurableObject } from 'cloudflare:workers'
import type { Hono } from 'hono'
import type { CallReport } from '../../admission/contract.ts'
import type { Outcome } from '../../admission/observer.ts'
import { Leases } from '../../admission/remote/leases.ts'
import type { AcquireRequest, AcquireResult, AdmissionStub } from '../../admission/remote/protocol.ts'
import { foregroundClock } from '../../clock.ts'
import { describeConfig } from '../../config/describe.ts'
import { recommendParallel } from '../../config/recommend.ts'
import { AdminGuard } from '../../http/admin-guard.ts'
import { createApp } from '../../http/app.ts'
import { HttpProblem } from '../../http/problem.ts'
import { parseModelName } from '../../ollama/model-name.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { Origins } from '../../relay/origins.ts'
import { Stats } from '../../telemetry/stats.ts'
import { UpstreamHealth } from '../../upstream/health.ts'
import { ONLY_UPSTREAM } from '../../upstream/upstream-address.ts'
import { deploymentOf } from './deployment.ts'
import { ObjectStore } from './object-store.ts'
import { peerOf, probe } from './peer.ts'
import type { ObjectState, WorkerEnv } from './platform.ts'

/** The state of Ollama on a page is at most this old. */
const FRESH_MS = 1_000

/**
 * The one object that all isolates share. The object holds the lanes and their figures, and answers our own pages. Only
 * requests for slots come here, never a byte of Ollama's answers.
 */
export class AdmissionObject extends DurableObject<WorkerEnv> implements AdmissionStub {
  readonly #leases: Leases
  readonly #health: UpstreamHealth
  readonly #pages: Hono

  constructor(ctx: ObjectState, env: WorkerEnv) {
    super(ctx, env)
    const { config } = deploymentOf(env).loaded
    const { ollama_num_parallel } = config
    const stats = new Stats(foregroundClock)
    this.#leases = new Leases({
      clock: foregroundClock,
      observer: stats,
      upstream: { name: ONLY_UPSTREAM },
      defaults: {
        parallel: ollama_num_parallel === 'auto' ? recommendParallel(null) : ollama_num_parallel,
        queue: config.ollama_max_queue,
      },
      auto: ollama_num_parallel === 'auto',
      maxWaitingBytes: config.max_queue_bytes,
      store: new ObjectStore(ctx),
    })
    this.#health = new UpstreamHealth({
      name: ONLY_UPSTREAM,
      clock: foregroundClock,
      probe: () => probe(config),
      authorized: config.ollama_authorization !== undefined,
    })
    this.#pages = createPages(env, this.#leases, this.#health, () => stats.changes)
  }

  acquire(id: string, request: AcquireRequest): Promise<AcquireResult> {
    return new Promise((resolve) => this.#leases.acquire(id, request, resolve))
  }

  async claim(id: string): Promise<boolean> {
    return this.#leases.claim(id)
  }

  async renew(id: string): Promise<boolean> {
    return this.#leases.renew(id)
  }

  async release(id: string, outcome: Outcome, report?: CallReport): Promise<void> {
    this.#leases.release(id, outcome, report)
  }

  async fetch(request: Request): Promise<Response> {
    if (/^\/health(?:\/ready)?$/.test(pathOf(request))) await this.#refreshHealth()
    return this.#pages.fetch(request)
  }

  alarm(): void {
    this.#leases.expire()
  }

  /** Probes only for a page that needs the state: an object that probes all the time never sleeps. */
  async #refreshHealth(): Promise<void> {
    const { checkedAt } = this.#health.status()
    if (checkedAt === null || foregroundClock.wallTime() - checkedAt > FRESH_MS)
      await this.#health.checkForSure()
  }
}

function createPages(env: WorkerEnv, leases: Leases, health: UpstreamHealth, changes: () => number): Hono {
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
      models: () => admission.models(),
      model: (model) => admission.model(model),
      lanes: () => admission.lanes(),
      configure: (model, change) => leases.configure(model, change),
    },
    health,
    origins: new Origins(),
    version,
    runtimeName: 'workerd',
    modelKey: (name) => parseModelName(name)?.key,
    memory: async () => null,
    draining: () => false,
    changes,
    describeConfig: () => describeConfig(loaded),
    path: pathOf,
    relay: notHere,
    passThrough: notHere,
    reportError: (error) => log.error('unexpected error in a request', { error }),
    admin: new AdminGuard({
      clock: foregroundClock,
      log,
      token: loaded.config.admin_token,
      hostname: '',
      peer: (c) => peerOf(c.req.raw),
    }),
  })
}

function pathOf({ url }: Request): string {
  return targetOfUrl(url)?.path ?? ''
}
