/** How many origins are remembered; a page can make up as many as it likes. */
const REMEMBERED_ORIGINS = 1_000
/** Scheme, the longest DNS name and a port fit; longer ones are not worth the memory. */
const LONGEST_ORIGIN = 300

/** What Ollama allows unless its settings say otherwise, any port. */
const BUILT_IN =
  /^(?:https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d*)?$|(?:app|file|tauri|vscode-webview|vscode-file):\/\/)/

/** What a refusal says in headers: a page of another origin can read no others of ours than those named. */
const READABLE = 'Retry-After, retry-after-ms, x-should-retry, X-Request-Id, X-Queue-Wait-Ms, Server-Timing'

/**
 * Which web pages Ollama lets in, for the answers that we give in its place: a browser hides a refusal without
 * these headers from the page. Ollama's list cannot be read, so we begin with its defaults and believe what its
 * own answers show.
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
   * The headers Ollama would have sent to a page of `origin`, and what of a refusal it may read; none without an origin or for a page
   * served by `host` itself.
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
