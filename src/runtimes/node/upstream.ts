import { Pool } from 'undici'
import { type Reply, readReply, type UpstreamQuestion, unreadReply } from '../../upstream/asking.ts'
import type { Credentials } from '../../upstream/credentials.ts'
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

  async ask(question: UpstreamQuestion): Promise<Reply> {
    const authorization = this.credentials?.authorization
    const { statusCode, headers, body } = await this.pool.request({
      method: question.method,
      path: this.pathPrefix + question.path,
      headers: {
        ...(authorization !== undefined && { authorization }),
        ...(question.body !== undefined && { 'content-type': 'application/json' }),
      },
      body: question.body ?? null,
      // Ends the reading of the body, too.
      signal: AbortSignal.timeout(question.timeoutMs),
    })
    const location = Array.isArray(headers.location) ? headers.location[0] : headers.location
    if (statusCode === 200) return readReply(question, { status: statusCode, location, body })
    body.on('error', () => {}).destroy()
    return unreadReply(statusCode, location)
  }

  destroy(): Promise<void> {
    return this.pool.destroy()
  }
}
