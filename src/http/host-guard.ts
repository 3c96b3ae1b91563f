import { isAllowedHost, type OwnNames } from './allowed-host.ts'

/** So many foreign names are logged, once each. A web page can invent any number of names. */
const LOGGED_HOSTS = 100
/** The longest name in DNS, with a port. A longer Host is cut in the log. */
const LONGEST_HOST = 260

const REMEDY =
  'the proxy listens on loopback and answers only to names of this machine: call it as localhost, ' +
  'let a reverse proxy send "Host: localhost", or set proxy_host to an address of the network'

/** Thrown for a request whose Host is not this machine. errors.ts turns it into a 403. */
export class ForeignHost extends Error {
  override readonly name = 'ForeignHost'
}

export interface HostGuardParts {
  readonly own: OwnNames
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void
}

/**
 * Refuses requests for foreign names on a loopback listener. We replace the client's Host, so Ollama's own check against
 * DNS rebinding cannot work. This is the check in its place.
 */
export class HostGuard {
  readonly #parts: HostGuardParts
  readonly #logged = new Set<string>()
  /** The last allowed name. The next request nearly always has the same. */
  #lastAllowed: string | undefined

  constructor(parts: HostGuardParts) {
    this.#parts = parts
  }

  /** `host`: the Host header as the client sent it. */
  refuses(host: string | undefined): boolean {
    if (host === this.#lastAllowed) return false
    if (host !== undefined && !isAllowedHost(host, this.#parts.own)) {
      this.#log(host)
      return true
    }
    this.#lastAllowed = host
    return false
  }

  #log(host: string): void {
    const shown = host.slice(0, LONGEST_HOST)
    if (this.#logged.size >= LOGGED_HOSTS || this.#logged.has(shown)) return
    this.#logged.add(shown)
    const last = this.#logged.size === LOGGED_HOSTS ? { note: 'further names are not logged' } : {}
    this.#parts.warn('requests for a foreign Host are refused', { host: shown, remedy: REMEDY, ...last })
  }
}
