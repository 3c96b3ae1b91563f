import { Pool } from 'undici'

/** Headers of a request or an answer may take this many bytes, both sides. */
export const MAX_HEADER_BYTES = 64 * 1024

/** How long an idle connection to Ollama is kept for the next call. */
const KEEP_ALIVE_MS = 60_000

/** A probe that takes longer than this counts as no answer. */
const PROBE_TIMEOUT_MS = 2_000

/** The guarded Ollama, reached through a pool of connections that has no deadlines of its own. */
export class NodeUpstream {
  readonly pool: Pool
  /** Put before every path; empty without one. */
  readonly pathPrefix: string

  constructor(ollamaUrl: string) {
    const url = new URL(ollamaUrl)
    this.pathPrefix = url.pathname === '/' ? '' : url.pathname
    this.pool = new Pool(url.origin, {
      connections: null,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: 0 },
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    })
  }

  /** Ollama's version. Rejects when it does not tell. */
  async fetchVersion(): Promise<string> {
    const { statusCode, body } = await this.pool.request({
      method: 'GET',
      path: `${this.pathPrefix}/api/version`,
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    })
    const answer: unknown = await body.json()
    if (statusCode === 200 && typeof answer === 'object' && answer !== null && 'version' in answer) {
      if (typeof answer.version === 'string') return answer.version
    }
    throw new Error(`no version in the answer (status ${statusCode})`)
  }

  destroy(): Promise<void> {
    return this.pool.destroy()
  }
}
