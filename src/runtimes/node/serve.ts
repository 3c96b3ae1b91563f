import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { systemClock } from '../../clock.ts'
import type { GateEnv } from '../../gate/contract.ts'
import { createGate } from '../../gate/gate.ts'
import { invalidTarget } from '../../http/errors.ts'
import { parseTarget } from '../../ollama/target.ts'
import { credentialsOf } from '../../upstream/credentials.ts'
import { ONLY_UPSTREAM } from '../../upstream/upstream-address.ts'
import { processCrypto } from '../process/crypto.ts'
import { readDashboard } from '../process/dashboard-files.ts'
import { clientRoom, descriptorLimit } from '../process/descriptors.ts'
import { drain } from '../process/drain.ts'
import { ownNames } from '../process/host.ts'
import { MAX_HEADER_BYTES } from '../process/limits.ts'
import { sampleMemory, slotsPerModel } from '../process/memory.ts'
import type { RunningProxy, Runtime, ServeParts } from '../runtime.ts'
import { callRequest, plainCallTarget } from './call-request.ts'
import { onClientError, refuseHead } from './client-errors.ts'
import { NodeClientRequest } from './client-request.ts'
import { Connections } from './connections.ts'
import { PipelinedRequests } from './pipelined-requests.ts'
import { NodeUpstream } from './upstream.ts'

/** How long an idle connection is kept. cloudflared and Traefik keep theirs 90 s, so they close first. */
const KEEP_ALIVE_MS = 120_000

/** How often Node checks for request heads that take too long. */
const HEAD_CHECK_MS = 5_000

/** A request head must come within 60 s. The time between two checks is part of the 60 s. */
const HEAD_MS = 60_000 - HEAD_CHECK_MS

/** Connections that may wait to be accepted. The kernel's own limit applies, too. */
const BACKLOG = 4_096

type NodeEnv = HttpBindings & GateEnv

const LISTENER = {
  // In place of the Host header, which an HTTP/1.0 client need not send.
  hostname: 'localhost',
  // node-server would stop reading an unread body too early; unread-body.ts reads the rest for longer.
  autoCleanupIncoming: false,
  // Only for a request whose URL node-server cannot parse. The gate answers all other errors.
  errorHandler: invalidTarget,
}

/** The header that marks RESPONSE_ALREADY_SENT. */
const ALREADY_SENT = 'x-hono-already-sent'

export const nodeRuntime: Runtime = { name: 'node', serve }

/**
 * Keeps young garbage collections in the main thread. Only the few calls in flight survive such a collection. Helper
 * threads cost more than copying so little: a tenth of all processor time under load.
 */
function collectInOneThread(): void {
  setFlagsFromString('--no-parallel-scavenge')
}

async function serve({ loaded, log, version, usage, reloading }: ServeParts): Promise<RunningProxy> {
  collectInOneThread()
  const { config } = loaded
  const upstream = new NodeUpstream(ONLY_UPSTREAM, config.ollama_url, credentialsOf(config))
  const limit = descriptorLimit()
  const connections = new Connections<Socket>({
    clock: systemClock,
    room: () => clientRoom(limit, upstream.connected),
    // Later than Node's own close, so this limit only counts for a client that keeps sending single bytes.
    idleMs: KEEP_ALIVE_MS + HEAD_CHECK_MS,
    refuse: refuseHead,
  })
  const gate = createGate<NodeEnv>({
    runtimeName: 'node',
    version,
    clock: systemClock,
    loaded,
    log,
    parallel: await slotsPerModel(config.ollama_num_parallel),
    upstream,
    clientRequest: ({ incoming, outgoing }, _request, target) =>
      new NodeClientRequest(incoming, outgoing as ServerResponse, target, connections),
    host: ({ incoming }) => incoming.headers.host,
    peer: ({ incoming: { httpVersion, socket } }) => ({
      address: socket.remoteAddress ?? '',
      port: socket.localPort,
      httpVersion,
    }),
    crypto: processCrypto,
    usage,
    memory: sampleMemory(systemClock),
    own: ownNames(),
    dashboard: readDashboard(),
    reloading,
  })
  const respond = getRequestListener((request, bindings) => {
    const { incoming, outgoing } = bindings as HttpBindings
    const target = parseTarget(incoming.url ?? '')
    return skipAlreadySent(gate.fetch(request, { incoming, outgoing, target }))
  }, LISTENER)
  const turns = new PipelinedRequests((incoming, outgoing) => {
    const { callsBegan } = connections
    const target = plainCallTarget(incoming)
    if (target !== undefined) {
      const answer = gate.fetch(callRequest(incoming), { incoming, outgoing, target })
      answerCall(answer, incoming, outgoing).catch((error) => {
        log.error('unexpected error in a request', { error })
        outgoing.destroy()
      })
    } else if (asksWholeServer(incoming)) outgoing.writeHead(200, { 'Content-Length': 0 }).end()
    else void respond(incoming, outgoing)
    if (connections.callsBegan === callsBegan) watchPage(connections, incoming, outgoing)
  })
  const server = createServer({
    // No limit here: the relay limits how long a body may take.
    requestTimeout: 0,
    headersTimeout: HEAD_MS,
    connectionsCheckingInterval: HEAD_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  })
  // By default Node silently drops all headers after the thousandth. maxHeaderSize limits their bytes, which is enough.
  server.maxHeadersCount = 0
  server.on('connection', (socket) => {
    if (connections.opened(socket)) socket.once('close', () => connections.closed(socket))
  })
  server.on('clientError', onClientError(connections))
  server.on('request', (incoming, outgoing) => turns.take(incoming, outgoing))
  // For a call NodeClientRequest sends "100 Continue", once the body is read. So a refusal can come first.
  server.on('checkContinue', (incoming, outgoing) => {
    if (incoming.url?.startsWith('/admin/')) outgoing.writeContinue()
    server.emit('request', incoming, outgoing)
  })
  await listen(server, config.proxy_host, config.proxy_port)
  const url = urlOf(server)
  gate.start(url)

  const destroy = (): void => {
    gate.close()
    connections.close()
    server.close()
    server.closeAllConnections()
    void upstream.destroy()
  }
  return {
    url,
    upstreamReachable: () => gate.health.checkNow(),
    reload: gate.reload,
    destroy,
    drain() {
      gate.close()
      server.prependListener('request', (_incoming, outgoing) => {
        outgoing.shouldKeepAlive = false
      })
      return drain(connections.calls, () => once(server.close(), 'close'), destroy)
    },
  }
}

/** `OPTIONS *` asks about this server, not about a route (RFC 9110 section 9.3.7). Ollama answers the same way. */
function asksWholeServer({ method, url }: IncomingMessage): boolean {
  return url === '*' && method === 'OPTIONS'
}

/**
 * Hides from node-server that the relay has already sent the answer: the promise for such a response never settles.
 * Otherwise node-server would inspect the headers of RESPONSE_ALREADY_SENT on every call, only to do nothing. For HEAD,
 * Hono returns a copy of the response, so the copy is known by its header.
 */
function skipAlreadySent(answer: Response | Promise<Response>): Response | Promise<Response> {
  if (answer instanceof Response) return answer
  return answer.then((response) => (wasSent(response) ? new Promise<Response>(() => {}) : response))
}

function wasSent(response: Response): boolean {
  return response === RESPONSE_ALREADY_SENT || (response.body === null && response.headers.has(ALREADY_SENT))
}

/** The relay has written Ollama's answer already. node-server writes an answer of ours. */
async function answerCall(
  answer: Response | Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const response = await answer
  if (response !== RESPONSE_ALREADY_SENT)
    await getRequestListener(() => response, LISTENER)(incoming, outgoing)
}

/** A request that begins no call is for our own page. Its connection stays busy until the client has the page. */
function watchPage(
  connections: Connections<Socket>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const connection = connections.pageBegan(incoming.socket, incoming, outgoing)
  outgoing.once('close', () => connections.pageEnded(connection))
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port, backlog: BACKLOG })
  await once(server, 'listening')
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
