import type { Origins } from './origins.ts'

/** Headers of ours that a page of another origin may read of Ollama's answer, besides those that Ollama allows. */
const READABLE = 'X-Request-Id, X-Queue-Wait-Ms, Server-Timing'

const STREAMED = /^(?:application\/x-ndjson|text\/event-stream)\b/i

/** Whether an answer comes piece by piece. Ollama calls an image NDJSON, and sends the image in one piece. */
export function isStream(path: string, contentType: string | undefined): boolean {
  return STREAMED.test(contentType ?? '') && !path.startsWith('/v1/images/')
}

/** The headers in which each gated answer tells its request id, its time in line, and Ollama's time to begin. Flat. */
export function diagnosticHeaders(id: string, waitMs: number, upstreamMs?: number): string[] {
  const wait = hundredths(waitMs)
  const upstream = upstreamMs === undefined ? '' : `, upstream;dur=${hundredths(upstreamMs)}`
  return ['X-Request-Id', id, 'X-Queue-Wait-Ms', wait, 'Server-Timing', `queue;dur=${wait}${upstream}`]
}

/** The call that Ollama answers. `sentAt`: clock milliseconds. */
interface AnsweredCall {
  readonly id: string
  readonly request: { header(name: string): string | undefined }
  readonly sentAt: number
  readonly streamed: boolean
}

/** The headers to add to Ollama's answer, flat. `header`: of that answer. */
export function answerHeaders(
  { id, request, sentAt, streamed }: AnsweredCall,
  header: (name: string) => string | undefined,
  origins: Pick<Origins, 'learn'>,
  { waitMs, now }: { readonly waitMs: number; readonly now: number },
): readonly string[] {
  const toPage = origins.learn(request.header('origin'), header('access-control-allow-origin'))
  const headers = diagnosticHeaders(id, waitMs, now - sentAt)
  // nginx gathers what it passes on until a buffer is full, unless this header forbids it.
  if (streamed && header('x-accel-buffering') === undefined) headers.push('X-Accel-Buffering', 'no')
  // A second line of a list means the same as one line with both lists (RFC 9110 section 5.3).
  if (toPage) headers.push('Access-Control-Expose-Headers', READABLE)
  return headers
}

function hundredths(ms: number): string {
  return String(Math.round(ms * 100) / 100)
}

/**
 * A request id that a client may choose. A client with any other id gets an id of ours. An id is a segment of a path,
 * and as such one or two dots would mean another path.
 */
const SANE_ID = /^(?!\.{1,2}$)[\w.:=-]{1,128}$/

const OUR_PREFIX = `${Math.random().toString(36).slice(2, 8)}-`
let idCount = 0

/** An id that this process gives once. */
export function newRequestId(): string {
  idCount++
  return OUR_PREFIX + idCount.toString(36)
}

/** The ids that clients gave to their live calls, so that no two live calls have the same id. */
export class RequestIds {
  readonly #given = new Set<string>()

  get size(): number {
    return this.#given.size
  }

  /**
   * Takes the client's own X-Request-Id until `release`. Undefined where the call needs an id of ours: there is no such
   * header, the id is not sane, the id looks like one of ours, or a live call has it.
   */
  claim(given: string | undefined): string | undefined {
    if (given === undefined || !SANE_ID.test(given)) return undefined
    if (given.startsWith(OUR_PREFIX) || this.#given.has(given)) return undefined
    this.#given.add(given)
    return given
  }

  /** The call is over. Ids of ours are not kept, so releasing one does nothing. */
  release(id: string): void {
    if (this.#given.size > 0) this.#given.delete(id)
  }
}
