import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { systemClock } from '../../clock.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { createGate, type GateEnv } from '../../gate.ts'
import { invalidTarget } from '../../http/errors.ts'
import { credentialsOf } from '../../relay/credentials.ts'
import { parseTarget } from '../../relay/target.ts'
import type { Reloading } from '../../reload.ts'
import type { Log } from '../../telemetry/call-log.ts'
import { DRAIN_MS, within } from '../drain.ts'
import type { RunningProxy, Runtime } from '../runtime.ts'
import { slotsPerModel } from '../slots.ts'
import { readDashboard } from './dashboard-files.ts'
import { NodeExchange } from './exchange.ts'
import { ownNames } from './host.ts'
import { sampleMemory } from './memory.ts'
import { OpenExchanges } from './open-exchanges.ts'
import { MAX_HEADER_BYTES, NodeUpstream } from './upstream.ts'

/** Longer than the idle time of the proxies people put in front, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000

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
  const upstream = new NodeUpstream(config.ollama_url, credentialsOf(config))
  const open = new OpenExchanges()
  const gate = createGate<NodeEnv>({
    runtimeName: 'node',
    version,
    clock: systemClock,
    loaded,
    log,
    parallel: await slotsPerModel(config.ollama_num_parallel),
    exchange: ({ incoming, outgoing }, _request, target) =>
      new NodeExchange(incoming, outgoing as ServerResponse, target, upstream, open),
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
  const answer = getRequestListener(
    (request, bindings) => {
      const { incoming, outgoing } = bindings as HttpBindings
      const target = parseTarget(incoming.url ?? '', upstream.pathPrefix)
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
  const serverOptions = {
    // A body may take as long as the call's own deadline lets it.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
  }
  const server = createServer(serverOptions, (incoming, outgoing) => {
    if (asksWholeServer(incoming)) outgoing.writeHead(200, { 'Content-Length': 0 }).end()
    else void answer(incoming, outgoing)
  })
  // The exchange says "continue" once somebody reads the body, and not before a refusal; our own pages just read.
  server.on('checkContinue', (incoming, outgoing) => {
    if (incoming.url?.startsWith('/admin/')) outgoing.writeContinue()
    server.emit('request', incoming, outgoing)
  })
  server.prependListener('request', endWithSocket)
  await listen(server, config.proxy_host, config.proxy_port)
  const url = urlOf(server)
  gate.start(url)

  const destroy = (): void => {
    gate.close()
    server.close()
    server.closeAllConnections()
    void upstream.destroy()
  }
  return {
    url,
    upstreamReachable: () => gate.upstream.checkNow(),
    reload: gate.reload,
    destroy,
    async drain() {
      gate.close()
      server.prependListener('request', (_incoming, outgoing) => {
        outgoing.shouldKeepAlive = false
      })
      const drained = await within(DRAIN_MS, open.none())
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

/**
 * A pipelined response has no socket before its turn comes and hears nothing of the end of one: whatever streams
 * into it would never be cancelled.
 */
function endWithSocket({ socket }: IncomingMessage, outgoing: ServerResponse): void {
  if (outgoing.socket !== null) return
  const ended = (): void => {
    if (outgoing.socket !== null) return
    outgoing.destroy()
    outgoing.emit('close')
  }
  socket.once('close', ended)
  outgoing.once('close', () => socket.off('close', ended))
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port, backlog: BACKLOG })
  await once(server, 'listening')
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
