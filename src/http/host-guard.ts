import { isAllowedHost, type OwnNames } from './allowed-host.ts'

/** So many foreign names are logged, once each: a page can make up as many as it likes. */
const LOGGED_HOSTS = 100
/** The longest name that DNS knows, with a port; what is longer is cut in the log. */
const LONGEST_HOST = 260

const REMEDY =
  'the proxy listens on loopback and answers only to names of this machine: call it as localhost, ' +
  'let a reverse proxy send "Host: localhost", or set proxy_host to an address of the network'

/** Thrown for a request whose Host is not this machine's; becomes a 403 in errors.ts. */
export class ForeignHost extends Error {
  override readonly name = 'ForeignHost'
}

export interface HostGuardParts {
  readonly own: OwnNames
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void
}

/**
 * Keeps requests for foreign names from a listener on loopback. Ollama cannot check the client's Host, which we replace,
 * so this is where DNS rebinding ends.
 */
export class HostGuard {
  readonly #parts: HostGuardParts
  readonly #logged = new Set<string>()
  /** The last name that was found to be ours: nearly always that of the next request too. */
  #known: string | undefined

  constructor(parts: HostGuardParts) {
    this.#parts = parts
  }

  /** `host`: the Host header as the client sent it. */
  refuses(host: string | undefined): boolean {
    if (host === this.#known) return false
    if (host !== undefined && !isAllowedHost(host, this.#parts.own)) {
      this.#tell(host)
      return true
    }
    this.#known = host
    return false
  }

  #tell(host: string): void {
    const shown = host.slice(0, LONGEST_HOST)
    if (this.#logged.size >= LOGGED_HOSTS || this.#logged.has(shown)) return
    this.#logged.add(shown)
    const last = this.#logged.size === LOGGED_HOSTS ? { note: 'further names are not logged' } : {}
    this.#parts.warn('requests for a foreign Host are refused', { host: shown, remedy: REMEDY, ...last })
  }
}
