import http from 'node:http'
import { systemClock } from '../../clock.ts'
import type { GateEnv } from '../../gate/contract.ts'
import { createGate } from '../../gate/gate.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { credentialsOf } from '../../upstream/credentials.ts'
import { ONLY_UPSTREAM } from '../../upstream/upstream-address.ts'
import { processCrypto } from '../process/crypto.ts'
import { readDashboard } from '../process/dashboard-files.ts'
import { descriptorLimit } from '../process/descriptors.ts'
import { drain } from '../process/drain.ts'
import { ownNames } from '../process/host.ts'
import { MAX_HEADER_BYTES } from '../process/limits.ts'
import { sampleMemory, slotsPerModel } from '../process/memory.ts'
import { OpenRequests } from '../process/open-requests.ts'
import type { RunningProxy, Runtime, ServeParts } from '../runtime.ts'
import { type BunServer, bunApi } from './bun-api.ts'
import { announcesBody, BunClientRequest, KEEP_ALIVE_SECONDS } from './client-request.ts'
import { ConnectionRoom } from './connection-room.ts'
import { lastAnswer } from './last-answer.ts'
import { BunUpstream } from './upstream.ts'

export const bunRuntime: Runtime = { name: 'bun', serve }

/** The environment of one request. */
interface BunEnv extends GateEnv {
  readonly server: BunServer
  readonly received: Request
  clientRequest: BunClientRequest | undefined
}

async function serve({ loaded, log, version, usage, reloading }: ServeParts): Promise<RunningProxy> {
  const { config } = loaded
  const bun = bunApi()
  const upstream = new BunUpstream(ONLY_UPSTREAM, config.ollama_url, bun, credentialsOf(config))
  const open = new OpenRequests()
  const connections = new ConnectionRoom(descriptorLimit())
  const gate = createGate<BunEnv>({
    runtimeName: 'bun',
    version,
    clock: systemClock,
    loaded,
    log,
    parallel: await slotsPerModel(config.ollama_num_parallel),
    upstream,
    clientRequest: (env, request, target) => {
      const { server, received } = env
      env.clientRequest = new BunClientRequest(request, target, { server, open, received })
      return env.clientRequest
    },
    host: (_env, request) => request.headers.get('host') ?? undefined,
    peer: ({ server, received }) => ({
      address: server.requestIP(received)?.address ?? '',
      port: server.port,
      // Bun.serve does not tell the version.
      httpVersion: undefined,
    }),
    crypto: processCrypto,
    usage,
    memory: sampleMemory(systemClock),
    own: ownNames(),
    dashboard: readDashboard(),
    reloading,
  })
  // Bun's own limit is 16 KiB. In any case Bun takes at most 200 header lines.
  Reflect.set(http, 'maxHeaderSize', MAX_HEADER_BYTES)
  const server = bun.serve({
    hostname: config.proxy_host,
    port: config.proxy_port,
    idleTimeout: KEEP_ALIVE_SECONDS,
    // The relay enforces max_body_size. Uploads have no limit.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch: async (received, server) => {
      const request = absolute(received)
      const target = targetOfUrl(request.url)
      const env: BunEnv = { server, received, target, clientRequest: undefined }
      const response = await gate.fetch(request, env)
      env.clientRequest?.routeReturned()
      if (connections.full) response.headers.set('Connection', 'close')
      return isBodyUnread(env) ? lastAnswer(response, request) : response
    },
    error(error) {
      log.error('unexpected error in a request', { error })
      return new Response(null, { status: 500 })
    },
  })
  const url = urlOf(config.proxy_host, server.port)
  gate.start(url)

  const destroy = (): void => {
    gate.close()
    void server.stop(true)
    upstream.destroy()
  }
  return {
    url,
    upstreamReachable: () => gate.health.checkNow(),
    reload: gate.reload,
    destroy,
    drain() {
      gate.close()
      return drain(open, () => server.stop(), destroy)
    },
  }
}

/** Whether the body was not read to its end, so that the connection cannot be used again. */
function isBodyUnread({ clientRequest, received }: BunEnv): boolean {
  if (clientRequest !== undefined) return clientRequest.bodyUnread
  return !received.bodyUsed && announcesBody(received)
}

/** Without a Host header, or with an invalid one, Bun gives a request whose URL is only a path. */
function absolute(request: Request): Request {
  return request.url.startsWith('/') ? new Request(`http://localhost${request.url}`, request) : request
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
