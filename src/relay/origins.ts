/** Origins that are remembered: a page can make up any number of them. */
const REMEMBERED_ORIGINS = 1_000
/** Characters of an origin that is remembered: a scheme, the longest DNS name and a port fit. */
const LONGEST_ORIGIN = 300

/** Origins that Ollama allows by default, with any port. */
const BUILT_IN =
  /^(?:https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d*)?$|(?:app|file|tauri|vscode-webview|vscode-file):\/\/)/

/** The headers of a refusal that a page of another origin may read. A browser hides all others from the page. */
const READABLE = 'Retry-After, retry-after-ms, x-should-retry, X-Request-Id, X-Queue-Wait-Ms, Server-Timing'

/**
 * Knows which web pages Ollama lets in, for answers that the proxy gives in Ollama's place: a browser hides a refusal
 * without these headers from the page. Ollama does not show its list, so the proxy begins with Ollama's defaults and
 * learns from Ollama's answers.
 */
export class Origins {
  readonly #learned = new Map<string, string | null>()
  #everyone = false

  /**
   * `origin`: the Origin of a request; undefined for a request of no web page. `allowOrigin`: the
   * Access-Control-Allow-Origin of Ollama's answer. True for a page that Ollama let in.
   */
  learn(origin: string | undefined, allowOrigin: string | undefined): boolean {
    if (origin === undefined) return false
    this.#everyone = allowOrigin === '*'
    if (!this.#everyone && origin.length <= LONGEST_ORIGIN) this.#remember(origin, allowOrigin ?? null)
    return allowOrigin !== undefined
  }

  #remember(origin: string, allowOrigin: string | null): void {
    this.#learned.delete(origin)
    this.#learned.set(origin, allowOrigin)
    if (this.#learned.size > REMEMBERED_ORIGINS) {
      for (const oldest of this.#learned.keys()) {
        this.#learned.delete(oldest)
        break
      }
    }
  }

  /**
   * The headers that Ollama would send to a page of `origin`, and the names of the headers that the page may read. None
   * without an origin, and none for a page that `host` itself served.
   */
  headersFor(origin: string | undefined, host: string | undefined): Record<string, string> {
    if (!origin || isSameOrigin(origin, host)) return {}
    if (this.#everyone)
      return { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': READABLE }
    const learned = this.#learned.get(origin)
    const allowed = learned === undefined && BUILT_IN.test(origin) ? origin : learned
    return allowed
      ? {
          'Access-Control-Allow-Origin': allowed,
          'Access-Control-Expose-Headers': READABLE,
          Vary: 'Origin',
        }
      : {}
  }
}

/** Whether a page of `origin` was served under the name that this request gives as Host. */
export function isSameOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
}
