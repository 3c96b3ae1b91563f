import type { IncomingMessage } from 'node:http'
import { gatedRoute } from '../../ollama/routes.ts'
import type { Target } from '../../ollama/target.ts'

/** A Host of which node-server makes a URL without a second look. */
const PLAIN_HOST = /^[a-z0-9._-]+(?::(?:[1-5]\d{3,4}|[6-9]\d{3}))?$/

/**
 * The target of a gated call that is written in the plain way; undefined for every other request. Such a call needs
 * nothing of node-server, which would make a URL, a Request and a listener for it: a tenth of all that a call costs.
 */
export function plainCallTarget({
  method,
  url = '',
  headers: { host },
}: IncomingMessage): Target | undefined {
  if (method !== 'POST' || gatedRoute(url) === undefined) return undefined
  return host !== undefined && PLAIN_HOST.test(host) ? { forwarded: url, path: url } : undefined
}

/** A gated call as Hono's router and the error pages read a Request: its method, and its headers where an error asks. */
export class CallRequest implements Pick<Request, 'method' | 'url' | 'headers'> {
  readonly method = 'POST'
  readonly #incoming: IncomingMessage

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming
  }

  get url(): string {
    return `http://${this.#incoming.headers.host}${this.#incoming.url}`
  }

  get headers(): Headers {
    const headers = new Headers()
    const { rawHeaders } = this.#incoming
    for (let index = 0; index + 1 < rawHeaders.length; index += 2)
      headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '')
    return headers
  }
}
