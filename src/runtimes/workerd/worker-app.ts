import type { Context } from 'hono'
import type { AdmissionStub } from '../../admission/remote/protocol.ts'
import { RemoteAdmission } from '../../admission/remote/remote-admission.ts'
import { Waiting } from '../../admission/waiting.ts'
import { callLimits } from '../../config/call-limits.ts'
import { createForeignHostApp, createRelayApp } from '../../http/app.ts'
import { renderBreak, statusOf } from '../../http/errors.ts'
import { HostGuard } from '../../http/host-guard.ts'
import { isLoopback } from '../../http/peer.ts'
import { HttpProblem } from '../../http/problem.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { Origins } from '../../relay/origins.ts'
import { Relay } from '../../relay/relay.ts'
import { RequestIds } from '../../relay/request-id.ts'
import { credentialsOf } from '../../upstream/credentials.ts'
import { FetchClientRequest } from '../fetch/client-request.ts'
import { workerdClock } from './clock.ts'
import type { Deployment } from './deployment.ts'
import { nativeStream } from './native-stream.ts'
import { clientAddress } from './peer.ts'
import type { ExecutionContext, WorkerEnv } from './platform.ts'

export type WorkerApp = (
  request: Request,
  env: WorkerEnv,
  context: ExecutionContext,
) => Response | Promise<Response>

const NO_NAMES = { hostname: '', addresses: [] }

/** The calls' side of the house in one isolate. */
export function createWorkerApp({ loaded, log }: Deployment): WorkerApp {
  const { config } = loaded
  const origins = new Origins()
  const ids = new RequestIds()
  // The gate counts the bodies in line, of all isolates. Bodies that are being read can only be counted here.
  const waiting = new Waiting(config.max_queue_bytes)
  const { origin, pathname } = new URL(config.ollama_url)
  const prefix = pathname === '/' ? '' : pathname
  const credentials = credentialsOf(config)
  const upstream = { origin, credentials, fetch: (url: string, init: RequestInit) => fetch(url, init) }
  /** @throws HttpProblem invalid_target */
  const exchange = (c: Context) => {
    const request = c.req.raw
    const target = targetOfUrl(request.url, prefix)
    if (target === undefined) throw new HttpProblem('invalid_target')
    return new FetchClientRequest({ request, target, address: clientAddress(request) }, upstream)
  }

  /** One for each request: timers and connections cannot be shared between requests here. */
  const relayFor = (c: Context) =>
    new Relay({
      clock: workerdClock,
      admission: new RemoteAdmission({
        clock: workerdClock,
        connect: () => connect(c.env as WorkerEnv),
        newId: () => crypto.randomUUID(),
        keepAlive: (work) => {
          c.executionCtx.waitUntil(work)
        },
      }),
      waiting,
      origins,
      ids,
      ...callLimits(config),
      lastWords: (broken) => renderBreak(broken, config.language),
      statusOf,
      finished: (call) => log.call(call),
      passed: (request) => log.info('passed through', { ...request }),
      // The gate looks for itself when it is asked how Ollama is.
      upstream: { sawAnswer() {}, sawFailure() {} },
    })
  const services = {
    config,
    origins,
    path: (request: Request) => targetOfUrl(request.url)?.path ?? '',
    reportError: (error: unknown) => log.error('unexpected error in a request', { error }),
    relay: async (c: Context) =>
      nativeStream(await relayFor(c).gated(exchange(c), c.req.path, c), c.executionCtx),
    passThrough: async (c: Context) =>
      nativeStream(await relayFor(c).passThrough(exchange(c)), c.executionCtx),
    pages: (c: Context) => connect(c.env as WorkerEnv).fetch(c.req.raw),
  }
  const app = createRelayApp(services)
  const door = createForeignHostApp(services)
  const guard = new HostGuard({ own: NO_NAMES, warn: (message, fields) => log.warn(message, fields) })
  /** A peer on this machine means `wrangler dev`, where a foreign page's own name may lead here (DNS rebinding). */
  const isRebound = (request: Request): boolean =>
    isLoopback(clientAddress(request)) && guard.refuses(request.headers.get('host') ?? undefined)
  return (request, env, context) => (isRebound(request) ? door : app).fetch(request, env, context as never)
}

function connect({ GATE }: WorkerEnv): AdmissionStub {
  return GATE.get(GATE.idFromName('gate'))
}
