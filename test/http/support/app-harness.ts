import type { Hono } from 'hono'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../src/admission/local-permit.ts'
import type { Key } from '../../../src/callers/caller.ts'
import { Identity } from '../../../src/callers/identity.ts'
import { Access } from '../../../src/http/access.ts'
import { AdminGuard } from '../../../src/http/admin-guard.ts'
import { createApp } from '../../../src/http/app.ts'
import type { Peer } from '../../../src/http/peer.ts'
import type { Services } from '../../../src/http/services.ts'
import { parseModelName } from '../../../src/ollama/model-name.ts'
import { targetOfUrl } from '../../../src/ollama/target.ts'
import { Origins } from '../../../src/relay/origins.ts'
import { processCrypto } from '../../../src/runtimes/process/crypto.ts'
import { Stats } from '../../../src/telemetry/stats.ts'
import { aCall, OLLAMA } from '../../admission/support/builders.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const GIB = 2 ** 30

/** An app over a real admission on a standing clock; `passed` and `relayed` tell what left it. */
export interface AppHarness {
  /** A request that names no Host has that of somebody at this machine. */
  readonly app: Hono
  readonly access: Access
  readonly admin: AdminGuard
  readonly clock: ManualClock
  readonly admission: LocalAdmission
  readonly origins: Origins
  readonly passed: string[]
  readonly relayed: string[]
  readonly reported: unknown[]
  /** Lines of the log, without their time. */
  readonly logged: object[]
  /** A slot of `model`, given back through the permit. */
  run(model: string): LocalPermit
}

/** What a test wants otherwise. */
export interface Change extends Partial<Omit<Services, 'config' | 'admin' | 'clock'>> {
  readonly clock?: ManualClock
  readonly config?: Partial<Services['config'] & { readonly admin_token: string }>
  readonly keys?: readonly Key[]
  readonly peer?: Partial<Peer>
  readonly trustedProxies?: readonly string[]
}

export function appHarness({
  clock = new ManualClock(Date.UTC(2026, 10, 22, 8)),
  keys = [],
  peer,
  trustedProxies = [],
  ...change
}: Change = {}): AppHarness {
  const origins = new Origins()
  const stats = new Stats(clock)
  const admission = new LocalAdmission({
    clock,
    observer: stats,
    upstream: OLLAMA,
    defaults: { parallel: 4, queue: 512 },
    maxWaitingBytes: 2 ** 20,
    random: () => 0,
  })
  const passed: string[] = []
  const relayed: string[] = []
  const reported: unknown[] = []
  const logged: object[] = []
  const note = (level: string) => (message: string, fields?: object) =>
    void logged.push({ level, message, ...fields })
  const peerOf = () => ({ address: '127.0.0.1', port: 8080, httpVersion: '1.1', ...peer })
  const admin = new AdminGuard({
    clock,
    log: { info: note('info'), warn: note('warn') },
    token: change.config?.admin_token,
    hostname: 'workshop',
    peer: peerOf,
    accountOf: (c) => access.accountOf(c),
  })
  const identity = new Identity(
    { clock, crypto: processCrypto },
    { keys, trustedProxies, openWebuiSecret: undefined, keysOnly: keys.length > 0 },
  )
  const access = new Access({
    clock,
    log: { warn: note('warn') },
    settings: () => ({ auth: keys.length > 0 ? 'enforce' : 'off', manage: 'local', forward_identity: false }),
    identity,
    hostname: 'workshop',
    peer: peerOf,
    isAdmin: (c) => admin.hasToken(c),
  })
  const services: Services = {
    access,
    clock,
    origins,
    admission,
    health: {
      status: () => ({
        name: 'ollama',
        reachable: true,
        version: '0.33.0',
        latencyMs: 1.2345,
        checkedAt: Date.parse('2026-11-22T07:59:58.000Z'),
        status: 200,
        error: null,
      }),
    },
    version: '0.1.0',
    runtimeName: 'node',
    modelKey: (name) => parseModelName(name)?.key,
    memory: async () => ({ totalBytes: 32 * GIB, availableBytes: 18.5 * GIB }),
    draining: () => false,
    changes: () => stats.changes,
    describeConfig: () => ({ config_file: null, values: { admin_token: '***' }, sources: {} }),
    admin,
    reportError: (error) => void reported.push(error),
    path: (request) => targetOfUrl(request.url)?.path ?? '',
    relay: async (c) => {
      relayed.push(`${c.req.method} ${c.req.path}`)
      return new Response('relayed')
    },
    passThrough: async (c) => {
      passed.push(`${c.req.method} ${c.req.path}`)
      return new Response('passed')
    },
    ...change,
    config: { enable_queue_stats: true, language: 'auto', ...change.config },
  }
  const run = (model: string) => {
    const turn = admission.acquire(aCall({ model, deadline: clock.now() + 60_000, bytes: 0 }))
    if (turn instanceof LocalPermit) return turn
    throw new Error(`no free slot of ${model}`)
  }
  const app = createApp(services)
  const { request } = app
  app.request = (target, init, ...rest) => {
    const headers = new Headers(init?.headers)
    if (!headers.has('host')) headers.set('host', 'localhost:8080')
    return request(target, { ...init, headers }, ...rest)
  }
  return { access, app, admin, clock, admission, origins, passed, relayed, reported, logged, run }
}
