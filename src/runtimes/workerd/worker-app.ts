import type { Context } from 'hono'
import type { AdmissionStub } from '../../admission/remote/protocol.ts'
import { RemoteAdmission } from '../../admission/remote/remote-admission.ts'
import { Waiting } from '../../admission/waiting.ts'
import { Budgets } from '../../callers/budgets.ts'
import { foregroundClock } from '../../clock.ts'
import { callRoutes } from '../../gate/call-routes.ts'
import { ModelLists } from '../../gate/model-lists.ts'
import { relayOptions } from '../../gate/relay-options.ts'
import { hasChangedModels } from '../../gate/runners.ts'
import { createForeignHostApp, createRelayApp } from '../../http/app.ts'
import { HostGuard } from '../../http/host-guard.ts'
import { isLoopback } from '../../http/peer.ts'
import { HttpProblem } from '../../http/problem.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { Relay } from '../../relay/relay.ts'
import { FetchClientRequest } from '../fetch/client-request.ts'
import { callersOf } from './callers.ts'
import type { Deployment } from './deployment.ts'
import { peerOf } from './peer.ts'
import type { ExecutionContext, WorkerEnv } from './platform.ts'
import { upstreamOf } from './upstream.ts'

export type WorkerApp = (
  request: Request,
  env: WorkerEnv,
  context: ExecutionContext,
) => Response | Promise<Response>

/** Nobody charges these: the admission object refuses the calls of a key that has nothing left. */
const NEVER_SPENT = new Budgets()
const NO_NAMES = { hostname: '', addresses: [] }

/** The app of one isolate. The app relays calls; the one admission object grants their slots. */
export function createWorkerApp({ loaded, log }: Deployment): WorkerApp {
  const { config } = loaded
  const { language } = config
  const clock = foregroundClock
  const options = relayOptions({
    clock,
    config,
    log,
    language: () => language,
    classFrom: () => config.class_from,
    signs: () => config.waiting,
    placeOf: (ticket) => ticket.place?.(),
  })
  // Counts bodies that are being read in this isolate. The admission object counts the bodies in line, of all isolates.
  const waiting = new Waiting(config.max_queue_bytes)
  const upstream = upstreamOf(config)
  /** @throws HttpProblem invalid_target */
  const clientRequest = (c: Context) => {
    const request = c.req.raw
    const target = targetOfUrl(request.url)
    if (target === undefined) throw new HttpProblem('invalid_target')
    return new FetchClientRequest({ request, target, address: peerOf(request).address })
  }

  const callers = callersOf({ config, log, budgets: NEVER_SPENT })

  /** One relay for each request: workerd does not let requests share timers and connections. */
  const relayFor = (c: Context) =>
    new Relay({
      ...options,
      admission: new RemoteAdmission({
        clock,
        upstream,
        connect: () => connect(c.env as WorkerEnv),
        newId: () => crypto.randomUUID(),
        keepAlive: (work) => {
          c.executionCtx.waitUntil(work)
        },
      }),
      // Other isolates have calls of the same caller, and know nothing of the calls here.
      queueKeys: undefined,
      refuses: (sender, model) => callers.refuses(sender, model),
      waiting,
      upstream,
      // The admission object probes Ollama itself when a page needs its state.
      health: { sawAnswer() {}, sawFailure() {} },
      passed: (request) => {
        options.passed(request)
        if (hasChangedModels(request)) c.executionCtx.waitUntil(tellOfModels(c.env as WorkerEnv))
      },
      finished: (call) => log.call(call),
    })
  const routes = callRoutes({
    access: callers.access,
    clientRequest,
    lists: new ModelLists((question) => upstream.ask(question)),
    log,
    origins: options.origins,
    relay: relayFor,
  })
  const services = {
    config,
    origins: options.origins,
    path: (request: Request) => targetOfUrl(request.url)?.path ?? '',
    reportError: (error: unknown) => log.error('unexpected error in a request', { error }),
    relay: async (c: Context) => nativeStream(await routes.relay(c), c.executionCtx),
    passThrough: async (c: Context) => nativeStream(await routes.passThrough(c), c.executionCtx),
    pages: (c: Context) => connect(c.env as WorkerEnv).fetch(c.req.raw),
  }
  const app = createRelayApp(services)
  const foreignHostApp = createForeignHostApp(services)
  const guard = new HostGuard({ own: NO_NAMES, warn: (message, fields) => log.warn(message, fields) })
  /** A peer on this machine means `wrangler dev`. There the name of a foreign page may lead to us (DNS rebinding). */
  const isRebound = (request: Request): boolean =>
    isLoopback(peerOf(request).address) && guard.refuses(request.headers.get('host') ?? undefined)
  return (request, env, context) =>
    (isRebound(request) ? foreignHostApp : app).fetch(request, env, context as never)
}

function connect({ GATE }: WorkerEnv): AdmissionStub {
  return GATE.get(GATE.idFromName('gate'))
}

/** Ollama has other models now. Where the object does not hear of it, its list of models is at most 30 seconds old. */
async function tellOfModels(env: WorkerEnv): Promise<void> {
  try {
    await connect(env).modelsChanged()
  } catch {
    // The object is restarting, and reads the list anew when it is back.
  }
}

/**
 * Puts a stream of the platform between an answer and its client. Without it, nothing tells a JavaScript stream that a
 * write found the client gone, and the length is lost. The platform's stream cancels the JavaScript stream then, and
 * keeps the length.
 */
function nativeStream(answer: Response, context: ExecutionContext): Response {
  const { body, headers } = answer
  if (body === null) return answer
  const length = headers.get('content-length')
  const channel = length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length))
  // The forwarding sees the same error and handles it.
  context.waitUntil(body.pipeTo(channel.writable).catch(() => {}))
  return new Response(channel.readable, answer)
}
