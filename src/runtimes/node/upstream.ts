import { Pool } from 'undici'
import type { Credentials } from '../../upstream/credentials.ts'
import { beginningOf, PROBE_PATH, PROBE_TIMEOUT_MS, type ProbeAnswer } from '../../upstream/probe.ts'
import { UpstreamAddress } from '../../upstream/upstream-address.ts'
import { MAX_HEADER_BYTES, UPSTREAM_KEEP_ALIVE_MS } from '../process/limits.ts'

/** An Ollama, reached through a pool of connections. The pool has no time limits: deadlines belong to the relay. */
export class NodeUpstream extends UpstreamAddress {
  readonly pool: Pool

  constructor(name: string, ollamaUrl: string, credentials: Credentials | undefined) {
    super(name, ollamaUrl, credentials)
    this.pool = new Pool(this.url.origin, {
      connections: null,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: 0 },
      keepAliveTimeout: UPSTREAM_KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    })
  }

  /** Connections to Ollama, idle ones included. */
  get connected(): number {
    return this.pool.stats.connected
  }

  /** Asks for Ollama's version. Rejects when there is no answer in time. */
  async probe(): Promise<ProbeAnswer> {
    const authorization = this.credentials?.authorization
    const { statusCode, headers, body } = await this.pool.request({
      method: 'GET',
      path: this.pathPrefix + PROBE_PATH,
      headers: authorization === undefined ? {} : { authorization },
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    })
    const location = Array.isArray(headers.location) ? headers.location[0] : headers.location
    if (statusCode === 200) return { status: statusCode, location, body: await beginningOf(body) }
    body.on('error', () => {}).destroy()
    return { status: statusCode, location, body: '' }
  }

  destroy(): Promise<void> {
    return this.pool.destroy()
  }
}
