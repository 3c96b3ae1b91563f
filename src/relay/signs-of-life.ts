import type { PlaceInLine } from '../admission/contract.ts'
import type { Refusal } from '../admission/refusal.ts'
import type { Key } from '../callers/caller.ts'
import { type ExpectedAnswer, expectedAnswer, follows } from '../ollama/answer-form.ts'
import { type BegunAnswer, QUEUE_NOTIFY, type SignSettings } from './begun-answer.ts'
import type { CallRecord } from './call-record.ts'
import type { ClientRequest, FoundPlace, RelayOptions, Withheld } from './contract.ts'
import type { Deadlines, Watched } from './deadlines.ts'
import type { Failure } from './failure.ts'
import { KeptAnswer } from './kept-answer.ts'

/** The call, as far as its signs of life have to know it. */
interface SignedCall {
  readonly record: CallRecord
  /** Undefined for a call that does not stand in line, and where the place is not known. */
  readonly place: FoundPlace
}

/** Tells calls when their next sign is due. */
export type SignWatch = Deadlines<SignsOfLife>

type Scope = 'all' | 'streams'

/** The headers of a place in line that a page of another origin may read. */
const READABLE = 'X-Queue-Position, X-Queue-Estimated-Wait-Ms'

/**
 * Signs of life for one call. While Ollama sends nothing, its client gets status and headers of a good answer, and then
 * bytes that every client ignores. Ollama's body follows. What the status and the headers of Ollama would have told comes
 * as an error in the body.
 */
export class SignsOfLife implements Watched {
  dueAt = Number.POSITIVE_INFINITY
  index = -1
  readonly #call: SignedCall
  readonly #scope: Scope
  readonly #options: RelayOptions
  readonly #watch: SignWatch
  #expected: ExpectedAnswer | undefined
  #begun: BegunAnswer | undefined
  #commit: ((response: Response) => void) | undefined
  /** A line elsewhere has been asked for the place, and has not answered yet. */
  #asks = false

  /** Undefined for a call that gets none. */
  static of(call: SignedCall, options: RelayOptions, watch: SignWatch): SignsOfLife | undefined {
    const { request, requester } = call.record
    const scope = signsFor(request, requester.caller.key, options.signs().when)
    return scope && new SignsOfLife(call, scope, options, watch)
  }

  private constructor(call: SignedCall, scope: Scope, options: RelayOptions, watch: SignWatch) {
    this.#call = call
    this.#scope = scope
    this.#options = options
    this.#watch = watch
  }

  /** As of the call's requester, and Ollama must not compress an answer that follows begun bytes. */
  get withheld(): Withheld {
    const { withheld } = this.#call.record.requester
    return (name) => name === 'accept-encoding' || withheld?.(name) === true
  }

  /** What the route returns: the answer of the call, or the begun answer where that comes first. */
  first(answer: Promise<Response>): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#commit = resolve
      answer.then(resolve, (error) => (this.#begun ? this.#finish(this.#begun, error) : reject(error)))
    })
  }

  /** The request is read. */
  start(now: number): void {
    const { path, wantsStream } = this.#call.record
    if (this.#scope === 'streams' && !wantsStream) return
    this.#expected = expectedAnswer(path, wantsStream)
    if (this.#expected === undefined) return
    this.dueAt = now + this.#options.signs().afterMs
    this.#watch.watch(this)
  }

  overdue(now: number): void {
    this.dueAt = now + this.#options.signs().everyMs
    // A line that is slow to answer holds up one sign, and the next one goes without the place.
    const place = this.#asks ? undefined : this.#call.place
    if (place instanceof Promise) void this.#signWith(place)
    else this.#sign(place)
  }

  /**
   * Ollama's status and headers are there. Returns what keeps an answer that is not for the client. Throws for an answer
   * that cannot follow what the client has.
   */
  answered(status: number, header: (name: string) => string | undefined): KeptAnswer | undefined {
    if (this.#begun === undefined || this.#expected === undefined) {
      this.stop()
      return undefined
    }
    const { form } = this.#expected
    const [type, encoding] = [header('content-type'), header('content-encoding')]
    const isGood = status >= 200 && status < 300
    if (isGood && follows(form, type, encoding)) return undefined
    this.stop()
    if (isGood) throw new WrongAnswer(type, encoding)
    return new KeptAnswer(status)
  }

  /** No more signs. */
  stop(): void {
    this.#watch.forget(this)
  }

  async #signWith(place: Promise<PlaceInLine | undefined>): Promise<void> {
    this.#asks = true
    const found = await place
    this.#asks = false
    this.#sign(found)
  }

  #sign(place: PlaceInLine | undefined): void {
    const { request, sent } = this.#call.record
    // The client may have left, and Ollama may have answered while the line was asked for the place.
    if (this.#expected === undefined || request.gone || this.index < 0) return
    this.#begun ??= this.#begin(this.#expected, place)
    this.#begun.sign(signOf(this.#expected, place, sent))
  }

  #begin({ contentType, form }: ExpectedAnswer, place: PlaceInLine | undefined): BegunAnswer {
    const { record } = this.#call
    const { request } = record
    record.signsFrom = this.#options.clock.now()
    const headers = ['Content-Type', contentType, 'X-Request-Id', record.id, 'X-Accel-Buffering', 'no']
    // A proxy that compresses an answer may hold the signs back.
    headers.push('Cache-Control', form === 'events' ? 'no-cache, no-transform' : 'no-transform')
    if (place) headers.push('X-Queue-Position', String(place.position))
    if (place?.startsInMs !== undefined)
      headers.push('X-Queue-Estimated-Wait-Ms', String(Math.ceil(place.startsInMs)))
    const toPage = this.#options.origins.headersFor(request.header('origin'), request.header('host'))
    headers.push(...Object.entries(toPage).flat())
    // A second line of a list means the same as one line with both lists (RFC 9110 section 5.3).
    if (place && 'Access-Control-Allow-Origin' in toPage)
      headers.push('Access-Control-Expose-Headers', READABLE)
    const begun = request.begin(headers)
    this.#commit?.(begun.response)
    return begun
  }

  #finish(begun: BegunAnswer, error: Refusal | Failure): void {
    const { path, request } = this.#call.record
    if (request.gone || this.#expected === undefined) return
    const acceptLanguage = request.header('accept-language')
    begun.finish(this.#options.lastWords(error, { form: this.#expected.form, path, acceptLanguage }))
  }
}

/** A good answer whose headers contradict those that the client has. */
class WrongAnswer extends Error {
  readonly code = 'UNEXPECTED_ANSWER'

  constructor(contentType: string | undefined, contentEncoding: string | undefined) {
    super(`Ollama answered with ${contentType ?? 'no Content-Type'}, encoding ${contentEncoding ?? 'none'}`)
  }
}

const ASKED: ReadonlySet<string> = new Set(['1', 'true'])
const UNWANTED: ReadonlySet<string> = new Set(['0', 'false'])

/** For which of its answers a call gets signs of life. Undefined: for none. */
export function signsFor(
  request: Pick<ClientRequest, 'header'>,
  key: Pick<Key, 'notify'> | undefined,
  when: SignSettings['when'],
): Scope | undefined {
  if (when === 'off') return undefined
  const asked = request.header(QUEUE_NOTIFY)?.trim().toLowerCase() ?? ''
  if (UNWANTED.has(asked)) return undefined
  if (ASKED.has(asked) || key?.notify) return 'all'
  // Cloudflare adds this header, and cuts an answer that is silent for 125 s.
  return when === 'always' || request.header('cf-ray') !== undefined ? 'streams' : undefined
}

const PING = 'event: ping\ndata: {"type": "ping"}\n\n'

/** Bytes that a client takes as nothing. `sent`: Ollama has the call. */
function signOf({ dialect, form }: ExpectedAnswer, place: PlaceInLine | undefined, sent: boolean): string {
  if (form !== 'events') return ' '
  if (dialect === 'anthropic') return PING
  if (place === undefined) return sent ? ': queue reason=ollama\n\n' : ': queue\n\n'
  const { position, startsInMs, waitingFor } = place
  const eta = startsInMs === undefined ? '' : ` eta_s=${Math.ceil(startsInMs / 1_000)}`
  return `: queue position=${position}${eta} reason=${waitingFor}\n\n`
}
