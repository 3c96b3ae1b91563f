import type { Upstream } from '../../admission/contract.ts'
import type { Target } from '../../ollama/target.ts'
import type { Forwarding, ForwardingObserver } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import { requestHeaders } from '../../relay/headers.ts'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { BaseClientRequest } from '../base-client-request.ts'
import { readingError } from '../fetch/client-request.ts'
import { readStream } from '../fetch/read-stream.ts'
import type { OpenRequests } from '../process/open-requests.ts'
import type { BunServer } from './bun-api.ts'
import type { UpstreamRequest } from './connection.ts'
import { BunForwarding, type Client } from './forwarding.ts'
import { BunUpstream } from './upstream.ts'

/** Seconds; Bun rounds up to its next step of four. */
const CLOSE_SOON_SECONDS = 1

/** Seconds that an idle connection is kept: longer than cloudflared and Traefik keep theirs (90 s). At most 255. */
export const KEEP_ALIVE_SECONDS = 120

/** What a request belongs to. */
export interface RequestParts {
  readonly server: BunServer
  readonly open: OpenRequests
  /** The very object that Bun handed over: what it knows its connection by. */
  readonly received: Request
}

/** One request on Bun. */
export class BunClientRequest extends BaseClientRequest implements Client {
  declare protected forwarding: BunForwarding | undefined
  readonly #request: Request
  readonly #parts: RequestParts
  #over = false
  #ending = false
  #bodyTaken = false
  #stopReading: ((reason: Error) => void) | undefined

  constructor(request: Request, { forwarded }: Target, parts: RequestParts) {
    // The address is asked for now: once the request is over, Bun does not know it any more.
    super(forwarded, parts.server.requestIP(parts.received)?.address ?? '')
    this.#request = request
    this.#parts = parts
    parts.open.enter()
    // A call may wait for its slot or for its first byte as long as its own deadline lets it.
    parts.server.timeout(parts.received, 0)
    const { signal } = parts.received
    if (signal.aborted) this.leave()
    else signal.addEventListener('abort', () => this.leave())
  }

  get method(): string {
    return this.#request.method
  }

  /** A body that nobody has read to its end, so that its connection is of no more use. */
  get bodyUnread(): boolean {
    return this.#announcesBody && (!this.#bodyTaken || this.forwarding?.uploadCut === true)
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined
  }

  readBody(incoming: IncomingBody): Promise<Uint8Array> {
    const request = this.#request
    return new Promise((resolve, reject) => {
      if (this.gone) return reject(new Failure('client_gone'))
      const length = this.header('content-length')
      const declared = length === undefined ? undefined : Number(length)
      if (declared !== undefined && declared > incoming.maxBytes) return reject(new Failure('body_too_large'))
      const small = declared !== undefined && declared <= COLLECTED_BY_BUN_BYTES
      const refused = small ? incoming.expect(declared) : undefined
      if (refused !== undefined) return reject(refused)
      const reader = small ? undefined : request.body?.getReader()
      this.#stopReading = (reason) => {
        this.#stopReading = undefined
        reject(reason)
        // Not cancelled: what still comes is for whoever answers to throw away.
        reader?.releaseLock()
      }
      // A larger body is read here, since Bun tells nobody how much of it there is so far.
      const whole = reader
        ? readStream(reader, incoming)
        : request.arrayBuffer().then((bytes) => new Uint8Array(bytes))
      whole.then(
        (bytes) => {
          this.#stopReading = undefined
          this.#bodyTaken = true
          resolve(bytes)
        },
        (error) => this.#stopReading?.(readingError(error)),
      )
    })
  }

  stopReading(reason: Error): void {
    this.#stopReading?.(reason)
  }

  forward(body: Uint8Array | undefined, upstream: Upstream, observer: ForwardingObserver): Forwarding {
    if (!(upstream instanceof BunUpstream)) throw new TypeError(`${upstream.name} is no upstream of Bun`)
    const forwarding = new BunForwarding(observer, this)
    this.forwarding = forwarding
    if (this.gone) forwarding.left()
    else forwarding.send(this.#upstreamRequest(body, upstream), upstream)
    return forwarding
  }

  idles(): void {
    this.#endWithin(KEEP_ALIVE_SECONDS)
  }

  closeSoon(): void {
    this.#endWithin(CLOSE_SOON_SECONDS)
  }

  finished(): void {
    if (this.#over) return
    this.#over = true
    this.idles()
    this.#parts.open.leave()
  }

  /** The route is through: what is still to come is Ollama's answer, if one was asked for. */
  answered(): void {
    if (!this.forwarding) this.finished()
  }

  #upstreamRequest(body: Uint8Array | undefined, upstream: BunUpstream): UpstreamRequest {
    const { method, headers } = this.#request
    const stream = body === undefined && this.#announcesBody ? (this.#request.body ?? undefined) : undefined
    // Read by the upstream, or left to lie when it answers early; either way it is not ours to wait for.
    if (stream) this.#bodyTaken = true
    const kept = requestHeaders(flat(headers), {
      connection: headers.get('connection') ?? undefined,
      host: headers.get('host') ?? undefined,
      keepLength: stream !== undefined,
      credentials: upstream.credentials,
    })
    const empty = stream === undefined && METHODS_WITH_BODY.has(method) ? EMPTY : undefined
    return {
      method,
      target: upstream.pathPrefix + this.target,
      headers: ['Host', upstream.host, ...kept],
      body: body ?? stream ?? empty,
    }
  }

  /** Seconds without traffic after which the connection is closed, once the answer is over. The first call counts. */
  #endWithin(seconds: number): void {
    if (this.#ending) return
    this.#ending = true
    this.#parts.server.timeout(this.#parts.received, seconds)
  }

  get #announcesBody(): boolean {
    return announcesBody(this.#request)
  }

  protected override leave(): void {
    if (this.#over) return
    super.leave()
    this.finished()
  }
}

export function announcesBody({ headers }: Request): boolean {
  const length = headers.get('content-length')
  return (length !== null && length !== '0') || headers.has('transfer-encoding')
}

const EMPTY = new Uint8Array()

/** A body of an announced length up to this is collected by Bun, which takes less time than to read its stream. */
const COLLECTED_BY_BUN_BYTES = 64 * 1024

/** For these the absence of a body is said with a length of 0 (RFC 9110 section 8.6). */
const METHODS_WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

function flat(headers: Headers): string[] {
  const list: string[] = []
  headers.forEach((value, name) => {
    list.push(name, value)
  })
  return list
}
