import type { Clock } from '../clock.ts'
import type { ClientRequest, Ending, ForwardingObserver } from './contract.ts'
import { Failure, type FailureCode } from './failure.ts'
import { HOP_BY_HOP } from './headers.ts'
import type { Origins } from './origins.ts'

/** Who wants to know whether Ollama answers. */
export interface UpstreamWatch {
  sawAnswer(): void
  /** There was no answer. `sentAt`: the clock time at which the request was sent. */
  sawFailure(error: unknown, sentAt: number): void
}

/** A request that was not gated and may have changed something at Ollama, once it is over. */
export interface PassedRequest {
  /** Address of the client's socket. */
  readonly client: string
  readonly method: string
  /** As Ollama was to get it, without the query, which may hold a secret. */
  readonly path: string
  /** Status the client was given; 0 when it left before one was sent. */
  readonly status: number
  readonly ending: Ending
}

export interface PassThroughParts {
  readonly clock: Pick<Clock, 'now'>
  readonly origins: Origins
  readonly upstream: UpstreamWatch
  /** The status a client is given for an error thrown here. */
  readonly statusOf: (error: unknown) => number
  /** Told of each request whose method is not one that only reads. */
  readonly passed: (request: PassedRequest) => void
}

const NOTHING_ADDED: readonly string[] = []

/** Why there was no answer from Ollama. Of requests that pass through, only an upload that stands still is aborted. */
const UNANSWERED: Readonly<Partial<Record<Ending, FailureCode>>> = {
  broken: 'upstream_error',
  aborted: 'body_stalled',
}

/** Methods that change nothing (RFC 9110 section 9.2.1). */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A client chooses the path, so it must not fill the log. */
const LONGEST_PATH = 256

/** What there is to see of a request that is not gated: whether Ollama answers, and which origins it allows. */
export class PassThrough implements ForwardingObserver {
  readonly dropped = HOP_BY_HOP
  readonly #parts: PassThroughParts
  readonly #request: ClientRequest
  readonly #sentAt: number
  #status = 0

  constructor(parts: PassThroughParts, request: ClientRequest) {
    this.#parts = parts
    this.#request = request
    this.#sentAt = parts.clock.now()
  }

  head(status: number, header: (name: string) => string | undefined): readonly string[] {
    this.#status = status
    this.#parts.upstream.sawAnswer()
    learnOrigin(this.#parts.origins, this.#request, header)
    return NOTHING_ADDED
  }

  data(): void {}

  /** Nothing is known of its format. */
  errorTrailer(): undefined {}

  end(ending: Ending, cause?: unknown): void {
    const why = this.#status === 0 ? UNANSWERED[ending] : undefined
    if (why === 'upstream_error') this.#parts.upstream.sawFailure(cause, this.#sentAt)
    const { method, target, clientAddress: client } = this.#request
    if (READING.has(method)) return
    const status = why === undefined ? this.#status : this.#parts.statusOf(new Failure(why))
    const path = (target.split('?', 1)[0] ?? '').slice(0, LONGEST_PATH)
    this.#parts.passed({ client, method, path, status, ending })
  }
}

/** Remembers what Ollama allowed this page, so that our own refusals allow the same. True for a page that it let in. */
export function learnOrigin(
  origins: Origins,
  request: ClientRequest,
  header: (name: string) => string | undefined,
): boolean {
  const origin = request.header('origin')
  if (origin === undefined) return false
  const allowed = header('access-control-allow-origin')
  origins.learn(origin, allowed ?? null)
  return allowed !== undefined
}
