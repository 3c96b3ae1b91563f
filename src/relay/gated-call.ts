import type { LaneObserver, Outcome } from '../admission/observer.ts'
import { Refusal } from '../admission/refusal.ts'
import { type Figures, Tail } from '../ollama/answer-figures.ts'
import type { GatedRequest } from '../ollama/gated-request.ts'
import { causeOf } from '../upstream/cause.ts'
import { addForReaders, diagnosticHeaders } from './call-headers.ts'
import { CallRecord } from './call-record.ts'
import type { ClientRequest, Ending, Forwarding, ForwardingObserver } from './contract.ts'
import type { Deadlines, Watched } from './deadlines.ts'
import { Failure, type FailureCode } from './failure.ts'
import { NOT_OF_A_CALL } from './headers.ts'
import { IncomingBody } from './incoming-body.ts'
import type { LiveCall } from './live-call.ts'
import { DELIVERED, FAILED, outcomeOf } from './outcome.ts'
import { learnOrigin } from './pass-through.ts'
import type { BrokenAnswer, Permit, RelayParts, Ticket } from './relay.ts'
import { newRequestId } from './request-id.ts'

/** One call from arrival to its last byte: owns its permit, its deadline and its record. */
export class GatedCall<L extends LaneObserver> implements ForwardingObserver, Watched {
  readonly dropped = NOT_OF_A_CALL
  /** Clock time by which the call must have left the line; without a limit of its own for Ollama, its answer begun. */
  readonly deadline: number
  dueAt: number
  index = -1
  readonly #parts: RelayParts<L>
  readonly #deadlines: Deadlines<GatedCall<L>>
  readonly #request: ClientRequest
  readonly #record: CallRecord
  readonly #tail = new Tail()
  #body: IncomingBody | undefined
  #stage: 'reading' | 'waiting' | 'sent' | 'answering' | 'over' = 'reading'
  #call: GatedRequest | undefined
  #id: string | undefined
  #readAt = 0
  #waitedMs = 0
  #ticket: Ticket | undefined
  #permit: Permit | undefined
  #forwarding: Forwarding | undefined
  #header: ((name: string) => string | undefined) | undefined
  /** Why we ended it ourselves, once we did. */
  #stopped: Failure | undefined
  /** A shutdown began before it was read. */
  #unwanted: Refusal | undefined

  constructor(
    parts: RelayParts<L>,
    deadlines: Deadlines<GatedCall<L>>,
    request: ClientRequest,
    path: string,
  ) {
    this.#parts = parts
    this.#deadlines = deadlines
    this.#request = request
    this.#id = parts.ids.claim(request)
    this.#record = new CallRecord(request, path, parts.clock.now())
    this.deadline = this.#record.arrivedAt + parts.requestTimeoutMs
    this.dueAt = this.deadline
    deadlines.watch(this)
  }

  /** The request's body. Throws the Failure or the Refusal that ended the reading. */
  async readBody(): Promise<Uint8Array> {
    const { maxBodyBytes, waiting, clock } = this.#parts
    this.#body = new IncomingBody(maxBodyBytes, waiting, clock)
    this.dueAt = Math.min(this.deadline, this.#body.stallsAt)
    const whole = await this.#request.readBody(this.#body)
    this.dueAt = this.deadline
    return whole
  }

  get maxBodyBytes(): number {
    return this.#parts.maxBodyBytes
  }

  /** Why it was ended, by its deadline, by an operator or by a shutdown; undefined while it goes on. */
  get stopped(): Failure | Refusal | undefined {
    return this.#stopped ?? this.#unwanted
  }

  /** Its name for client, log and operator. */
  get id(): string {
    this.#id ??= newRequestId()
    return this.#id
  }

  /** Its body is here and read; returns the clock time of that. Throws when it was ended while its body was decoded. */
  read(call: GatedRequest): number {
    this.#call = call
    this.#body?.free()
    if (this.#stopped) throw this.#stopped
    this.#readAt = this.#parts.clock.now()
    this.#stage = 'waiting'
    return this.#readAt
  }

  /** Waits for the slot; a client that leaves gives its place up. */
  standInLine(ticket: Ticket): Promise<Permit> {
    this.#ticket = ticket
    return new Promise((resolve, reject) => {
      ticket.onSettled((result) => (result instanceof Refusal ? reject(result) : resolve(result)))
      this.#request.onGone(() => ticket.cancel(this.#parts.clock.now()))
    })
  }

  /** The call owns a slot from here on. Throws when its client left while the slot was on its way. */
  start(permit: Permit): void {
    this.#permit = permit
    permit.onLost?.(() => this.#stop('upstream_error', 'broken'))
    if (this.#stopped) throw this.#stopped
    if (this.#request.gone) throw new Failure('client_gone', { model: this.#model })
  }

  /** Sends the call to Ollama; resolves once the answer has begun. */
  forward(body: Uint8Array): Promise<Response> {
    this.#stage = 'sent'
    this.#record.sentAt = this.#parts.clock.now()
    // Set anew in both cases: the deadline may have passed unnoticed while the body was being decoded.
    const limit = this.#parts.firstByteTimeoutMs
    this.dueAt = limit === undefined ? this.deadline : this.#record.sentAt + limit
    this.#forwarding = this.#request.forward(body, this)
    return this.#forwarding.answer
  }

  head(status: number, header: (name: string) => string | undefined): readonly string[] {
    const now = this.#parts.clock.now()
    this.#stage = 'answering'
    this.#header = header
    this.#record.began(status, header('content-type'), now)
    this.#moved(now)
    this.#parts.upstream.sawAnswer()
    const toPage = learnOrigin(this.#parts.origins, this.#request, header)
    const { sentAt, streamed } = this.#record
    const said = diagnosticHeaders(this.id, this.#waitMs(now), now - sentAt)
    return addForReaders(said, header, streamed, toPage)
  }

  data(bytes: Uint8Array): void {
    this.#record.chunk(bytes.length)
    this.#tail.add(bytes)
    this.#moved(this.#parts.clock.now())
  }

  end(ending: Ending, cause?: unknown): void {
    const { sentAt, status } = this.#record
    if (ending === 'broken') this.#record.cause = causeOf(cause).code
    // Once an answer has begun, a break says nothing of whether Ollama answers.
    if (ending === 'broken' && this.#stage === 'sent') this.#parts.upstream.sawFailure(cause, sentAt)
    const now = this.#parts.clock.now()
    const figures = this.#tail.figures(now - sentAt)
    const ended = ending === 'aborted' && this.#stopped ? FAILED[this.#stopped.code] : DELIVERED[ending]
    const outcome = ending === 'done' && (figures.failed || status >= 500) ? 'failed' : ended
    this.#permit?.release(outcome, now, figures.loadMs, outcome === 'done' && status < 400)
    if (this.#stage === 'answering') this.#finish(now, outcome, null, status, figures)
  }

  /** There is no answer from Ollama, and this is why. Returns what the client is to be told. */
  fail(thrown: unknown): unknown {
    const error = this.#stopped ?? thrown
    if (this.#stage === 'over') return error
    if (this.#stage === 'reading') this.#body?.drop()
    if (error instanceof Failure) error.model ??= this.#model
    const outcome = outcomeOf(error)
    const now = this.#parts.clock.now()
    if (outcome !== 'refused') this.#permit?.release(outcome, now)
    const status = this.#request.gone ? 0 : this.#parts.statusOf(error)
    this.#finish(now, outcome, thrown instanceof Refusal ? thrown.code : null, status)
    return error
  }

  /** What our own answer says of it, where there is none from Ollama. */
  explain(): readonly string[] {
    return diagnosticHeaders(this.id, this.#waitedMs)
  }

  /** An operator ends it, whatever it is at. */
  cancel(): void {
    if (this.#stage === 'reading') this.#request.stopReading(this.#stopFor('cancelled'))
    else if (this.#stage === 'waiting') {
      this.#stopFor('cancelled')
      // A slot that is on its way already is given back by start().
      this.#ticket?.cancel(this.#parts.clock.now())
    } else this.#stop('cancelled', 'cancelled')
  }

  look(now: number): LiveCall {
    return this.#record.live(this.#state(this.#waitMs(now)), this.#stage !== 'reading', this.#ticket, now)
  }

  overdue(now: number): void {
    const stallsAt = this.#body?.stallsAt ?? 0
    if (this.#stage === 'reading' && now < this.deadline && now < stallsAt) {
      this.dueAt = Math.min(this.deadline, stallsAt)
      return
    }
    this.dueAt = Number.POSITIVE_INFINITY
    if (this.#stage === 'reading')
      this.#request.stopReading(this.#stopFor(now < this.deadline ? 'body_stalled' : 'timeout'))
    // In line its ticket knows the same deadline.
    else this.#stop('timeout', 'idle')
  }

  /** A shutdown has begun. A call that is still being read would be refused afterwards, so its body is not waited for. */
  refuseUnread(): void {
    if (this.#stage !== 'reading') return
    // Its body may be here and wait to be decoded: that work is not begun any more.
    this.#unwanted = new Refusal('shutting_down', {})
    this.#request.stopReading(this.#unwanted)
  }

  /** Ends the call from our side. */
  #stop(code: FailureCode, why: BrokenAnswer['why']): void {
    if (this.#stage === 'sent') this.#forwarding?.abort(this.#stopFor(code))
    else if (this.#stage === 'answering') this.#forwarding?.abort(this.#stopFor(code), this.errorTrailer(why))
  }

  #stopFor(code: FailureCode): Failure {
    this.#stopped = new Failure(code, { model: this.#model, sent: this.#record.sent })
    return this.#stopped
  }

  /** Time in line, so far or in all. */
  #waitMs(now: number): number {
    return this.#permit?.waitMs ?? (this.#stage === 'waiting' ? now - this.#readAt : 0)
  }

  get #model(): string | undefined {
    return this.#call?.model?.key
  }

  #moved(now: number): void {
    const { streamIdleTimeoutMs } = this.#parts
    this.dueAt = streamIdleTimeoutMs > 0 ? now + streamIdleTimeoutMs : Number.POSITIVE_INFINITY
  }

  errorTrailer(why: BrokenAnswer['why'] = 'broken'): string | undefined {
    return this.#parts.lastWords({
      why,
      contentType: this.#header?.('content-type'),
      contentEncoding: this.#header?.('content-encoding'),
      path: this.#record.path,
      acceptLanguage: this.#request.header('accept-language'),
      midLine: this.#tail.midLine,
    })
  }

  #finish(
    now: number,
    outcome: Outcome | 'refused',
    reason: Refusal['code'] | null,
    status: number,
    figures?: Figures,
  ): void {
    this.#waitedMs = this.#waitMs(now)
    this.#stage = 'over'
    this.#deadlines.forget(this)
    this.#parts.ids.release(this.id)
    const wallTime = this.#parts.clock.wallTime()
    const end = { outcome, reason, status, now, wallTime, figures }
    this.#parts.finished(this.#record.finished(this.#state(this.#waitedMs), end))
  }

  #state(waitMs: number) {
    return { id: this.id, model: this.#model, waitMs, bytesIn: this.#body?.size ?? 0 }
  }
}
