import type { IncomingMessage } from 'node:http'
import { gatedRoute } from '../../ollama/routes.ts'
import type { Target } from '../../ollama/target.ts'

/** A Host of which node-server makes a URL without a second look. */
const PLAIN_HOST = /^[a-z0-9._-]+(?::(?:[1-5]\d{3,4}|[6-9]\d{3}))?$/

/**
 * The target of a gated call that is written in the plain way; undefined for every other request. Such a call needs
 * nothing of node-server, which would make a URL, a Request and a listener for it.
 */
export function plainCallTarget({
  method,
  url = '',
  headers: { host },
}: IncomingMessage): Target | undefined {
  if (method !== 'POST' || gatedRoute(url) === undefined) return undefined
  return host !== undefined && PLAIN_HOST.test(host) ? { forwarded: url, path: url } : undefined
}

/** The part of a Request that a gated call needs: Hono's router reads the method, and an error page reads headers. */
type NeededOfRequest = Pick<Request, 'method' | 'url' | 'headers'>

class CallRequest implements NeededOfRequest {
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

/** A gated call as Hono takes a Request. Nobody reads the rest of it: the body comes through the relay. */
export function callRequest(incoming: IncomingMessage): Request {
  const request: NeededOfRequest = new CallRequest(incoming)
  return request as Request
}
