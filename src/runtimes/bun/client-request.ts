import type { Upstream } from '../../admission/contract.ts'
import type { Target } from '../../ollama/target.ts'
import type { BegunAnswer } from '../../relay/begun-answer.ts'
import type { Forwarding, ForwardingObserver } from '../../relay/contract.ts'
import { Failure } from '../../relay/failure.ts'
import { requestHeaders } from '../../relay/headers.ts'
import type { IncomingBody } from '../../relay/incoming-body.ts'
import { BaseClientRequest } from '../base-client-request.ts'
import { readingError } from '../fetch/client-request.ts'
import { readStream } from '../fetch/read-stream.ts'
import type { OpenRequests } from '../process/open-requests.ts'
import { BunBegunAnswer, type Client } from './begun-answer.ts'
import type { BunServer } from './bun-api.ts'
import type { UpstreamRequest } from './connection.ts'
import { BunForwarding } from './forwarding.ts'
import { BunUpstream } from './upstream.ts'

/** Seconds. Bun rounds up to a multiple of four. */
const CLOSE_SOON_SECONDS = 1

/**
 * Seconds that an idle connection is kept. cloudflared and Traefik keep theirs 90 s, so they close first. Bun takes 255
 * at most.
 */
export const KEEP_ALIVE_SECONDS = 120

/** The surroundings of a request. */
export interface RequestParts {
  readonly server: BunServer
  readonly open: OpenRequests
  /** The request object that Bun gave us. Bun finds the connection by this object alone. */
  readonly received: Request
}

/** One request on Bun. */
export class BunClientRequest extends BaseClientRequest implements Client {
  declare protected forwarding: BunForwarding | undefined
  readonly #request: Request
  readonly #parts: RequestParts
  #over = false
  #timeoutSet = false
  #bodyTaken = false
  #stopReading: ((reason: Error) => void) | undefined
  #begun: BunBegunAnswer | undefined

  constructor(request: Request, { forwarded }: Target, parts: RequestParts) {
    // Read now: Bun forgets the address once the request is over.
    super(forwarded, parts.server.requestIP(parts.received)?.address ?? '')
    this.#request = request
    this.#parts = parts
    parts.open.enter()
    // No limit here: the relay limits how long a call may wait for its slot or its first byte.
    parts.server.timeout(parts.received, 0)
    const { signal } = parts.received
    if (signal.aborted) this.leave()
    else signal.addEventListener('abort', () => this.leave())
  }

  get method(): string {
    return this.#request.method
  }

  /** The body was not read to its end, so the connection cannot be used again. */
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
        // Not cancelled: last-answer.ts discards the rest of the body.
        reader?.releaseLock()
      }
      // A larger body is read here, because Bun does not tell how much of it has come.
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

  begin(headers: string[]): BegunAnswer {
    this.#begun = new BunBegunAnswer(headers, this)
    if (this.forwarding) this.forwarding.begun = this.#begun
    return this.#begun
  }

  forward(body: Uint8Array | undefined, upstream: Upstream, observer: ForwardingObserver): Forwarding {
    if (!(upstream instanceof BunUpstream)) throw new TypeError(`${upstream.name} is no upstream of Bun`)
    const forwarding = new BunForwarding(observer, this)
    forwarding.begun = this.#begun
    this.forwarding = forwarding
    if (this.gone) forwarding.clientLeft()
    else forwarding.send(this.#upstreamRequest(body, upstream, observer), upstream)
    return forwarding
  }

  keepAlive(): void {
    this.#closeAfter(KEEP_ALIVE_SECONDS)
  }

  closeSoon(): void {
    this.#closeAfter(CLOSE_SOON_SECONDS)
  }

  finished(): void {
    if (this.#over) return
    this.#over = true
    this.keepAlive()
    this.#parts.open.leave()
  }

  /** The route has returned. Only an answer of Ollama, or one that has begun, can still be on its way. */
  routeReturned(): void {
    if (!this.forwarding && !this.#begun) this.finished()
  }

  #upstreamRequest(
    body: Uint8Array | undefined,
    upstream: BunUpstream,
    { withheld }: ForwardingObserver,
  ): UpstreamRequest {
    const { method, headers } = this.#request
    const stream = body === undefined && this.#announcesBody ? (this.#request.body ?? undefined) : undefined
    // The upstream's connection reads this body. When Ollama answers early, nothing reads the rest.
    if (stream) this.#bodyTaken = true
    const kept = requestHeaders(flat(headers), {
      connection: headers.get('connection') ?? undefined,
      host: headers.get('host') ?? undefined,
      keepLength: stream !== undefined,
      credentials: upstream.credentials,
      withheld,
    })
    const empty = stream === undefined && METHODS_WITH_BODY.has(method) ? EMPTY : undefined
    return {
      method,
      target: upstream.pathPrefix + this.target,
      headers: ['Host', upstream.host, ...kept],
      body: body ?? stream ?? empty,
    }
  }

  /** Sets the seconds without traffic after which the connection is closed. Only the first call has an effect. */
  #closeAfter(seconds: number): void {
    if (this.#timeoutSet) return
    this.#timeoutSet = true
    this.#parts.server.timeout(this.#parts.received, seconds)
  }

  get #announcesBody(): boolean {
    return announcesBody(this.#request)
  }

  protected override leave(): void {
    if (this.#over) return
    super.leave()
    this.#begun?.body.drop()
    this.finished()
  }
}

export function announcesBody({ headers }: Request): boolean {
  const length = headers.get('content-length')
  return (length !== null && length !== '0') || headers.has('transfer-encoding')
}

const EMPTY = new Uint8Array()

/** Bun collects a body of an announced length up to this. That takes less time than reading its stream here. */
const COLLECTED_BY_BUN_BYTES = 64 * 1024

/** For these methods a length of 0 announces that there is no body (RFC 9110 section 8.6). */
const METHODS_WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

function flat(headers: Headers): string[] {
  const list: string[] = []
  headers.forEach((value, name) => {
    list.push(name, value)
  })
  return list
}
