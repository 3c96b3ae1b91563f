import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { systemClock } from '../../clock.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { GateEnv } from '../../gate/contract.ts'
import { createGate } from '../../gate/gate.ts'
import type { Reloading } from '../../gate/reload.ts'
import { invalidTarget } from '../../http/errors.ts'
import { parseTarget } from '../../ollama/target.ts'
import type { Log } from '../../telemetry/call-log.ts'
import { credentialsOf } from '../../upstream/credentials.ts'
import { ONLY_UPSTREAM } from '../../upstream/upstream-address.ts'
import { readDashboard } from '../process/dashboard-files.ts'
import { clientRoom, descriptorLimit } from '../process/descriptors.ts'
import { DRAIN_MS, within } from '../process/drain.ts'
import { ownNames } from '../process/host.ts'
import { sampleMemory } from '../process/memory.ts'
import { slotsPerModel } from '../process/slots.ts'
import type { RunningProxy, Runtime } from '../runtime.ts'
import { onClientError, refuseHead } from './client-errors.ts'
import { NodeClientRequest } from './client-request.ts'
import { Connections } from './connections.ts'
import { PipelinedRequests } from './pipelined-requests.ts'
import { MAX_HEADER_BYTES, NodeUpstream } from './upstream.ts'

/** Longer than cloudflared and Traefik keep idle connections (90 s), so that it is they who close. */
const KEEP_ALIVE_MS = 120_000

/** How often Node looks for heads that take too long. */
const HEAD_CHECK_MS = 5_000

/** The head of a request is here within 60 s, the time between two checks included. */
const HEAD_MS = 60_000 - HEAD_CHECK_MS

/** Connections that may wait to be accepted; the kernel's own bound applies too. */
const BACKLOG = 4_096

/** How long pages of our own may take to end once no call runs: a stream of events ends within half a second. */
const LAST_BYTES_MS = 1_000

type NodeEnv = HttpBindings & GateEnv

/** How RESPONSE_ALREADY_SENT is marked. */
const ALREADY_SENT = 'x-hono-already-sent'

export const nodeRuntime: Runtime = { name: 'node', serve }

/**
 * What survives a young collection here is the few calls in flight. Handing that little to helper threads costs
 * more than copying it: a tenth of all processor time under load.
 */
function collectInOneThread(): void {
  setFlagsFromString('--no-parallel-scavenge')
}

async function serve(
  loaded: LoadedConfig,
  log: Log,
  version: string,
  reloading?: Reloading,
): Promise<RunningProxy> {
  collectInOneThread()
  const { config } = loaded
  const upstream = new NodeUpstream(ONLY_UPSTREAM, config.ollama_url, credentialsOf(config))
  const limit = descriptorLimit()
  const connections = new Connections<Socket>({
    clock: systemClock,
    room: () => clientRoom(limit, upstream.connected),
    // Node closes first unless something drips in.
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
    memory: sampleMemory(systemClock),
    probe: () => upstream.probe(),
    own: ownNames(),
    dashboard: readDashboard(),
    reloading,
  })
  const respond = getRequestListener(
    (request, bindings) => {
      const { incoming, outgoing } = bindings as HttpBindings
      const target = parseTarget(incoming.url ?? '')
      return unsent(gate.fetch(request, { incoming, outgoing, target }))
    },
    {
      // Stands in for the Host that an HTTP/1.0 client need not send.
      hostname: 'localhost',
      // Bodies that nobody reads are the business of the exchange, which waits longer for the rest of them.
      autoCleanupIncoming: false,
      // Only for a request of which node-server cannot make a URL: all other errors are answered by the gate.
      errorHandler: invalidTarget,
    },
  )
  const turns = new PipelinedRequests((incoming, outgoing) => {
    const { callsBegan } = connections
    if (asksWholeServer(incoming)) outgoing.writeHead(200, { 'Content-Length': 0 }).end()
    else void respond(incoming, outgoing)
    if (connections.callsBegan === callsBegan) watchPage(connections, incoming, outgoing)
  })
  const server = createServer({
    // A body may take as long as the call's own deadline lets it.
    requestTimeout: 0,
    headersTimeout: HEAD_MS,
    connectionsCheckingInterval: HEAD_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  })
  // Node drops all headers behind the thousandth without a word; their bytes are bounded, which is enough.
  server.maxHeadersCount = 0
  server.on('connection', (socket) => {
    if (connections.opened(socket)) socket.once('close', () => connections.closed(socket))
  })
  server.on('clientError', onClientError(connections))
  server.on('request', (incoming, outgoing) => turns.take(incoming, outgoing))
  // The exchange says "continue" once somebody reads the body, and not before a refusal; our own pages just read.
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
    async drain() {
      gate.close()
      server.prependListener('request', (_incoming, outgoing) => {
        outgoing.shouldKeepAlive = false
      })
      const drained = await within(DRAIN_MS, connections.calls.none())
      const closed = once(server, 'close')
      server.close()
      await within(LAST_BYTES_MS, closed)
      destroy()
      return drained ? 'drained' : 'forced'
    },
  }
}

/** `OPTIONS *` is about this server and not about a route (RFC 9110 section 9.3.7). The answer is that of Ollama. */
function asksWholeServer({ method, url }: IncomingMessage): boolean {
  return url === '*' && method === 'OPTIONS'
}

/**
 * What was sent already is never told to node-server, which would read the headers of that mark at every call to
 * find that there is nothing to do. Hono answers HEAD with a copy of the mark.
 */
function unsent(answer: Response | Promise<Response>): Response | Promise<Response> {
  if (answer instanceof Response) return answer
  return answer.then((response) => (wasSent(response) ? new Promise<Response>(() => {}) : response))
}

function wasSent(response: Response): boolean {
  return response === RESPONSE_ALREADY_SENT || (response.body === null && response.headers.has(ALREADY_SENT))
}

/** What makes no call is a page of our own: its connection is taken until the page was answered and read. */
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
