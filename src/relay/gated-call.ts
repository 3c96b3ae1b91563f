import type { Call, Permit, Ticket } from '../admission/contract.ts'
import { Refusal } from '../admission/refusal.ts'
import { AnswerTail, type Figures } from '../ollama/answer-figures.ts'
import type { GatedRequest } from '../ollama/gated-request.ts'
import { type BrokenAnswer, brokenAnswer } from './broken-answer.ts'
import { answerHeaders, diagnosticHeaders } from './call-headers.ts'
import type { CallEnd, CallRecord } from './call-record.ts'
import type { ClientRequest, Ending, Forwarding, ForwardingObserver, RelayOptions } from './contract.ts'
import type { Deadlines, Watched } from './deadlines.ts'
import { Failure, type FailureCode } from './failure.ts'
import { NOT_OF_A_CALL } from './headers.ts'
import { IncomingBody } from './incoming-body.ts'
import type { KeptAnswer } from './kept-answer.ts'
import { leaveLine } from './leave-line.ts'
import { asRelayError, causeOfEnd, describeFailure, outcomeOf, outcomeOfEnd, reasonOf } from './outcome.ts'
import type { KeyPlace } from './queue-keys.ts'
import { SignsOfLife, type SignWatch } from './signs-of-life.ts'
import { wantedCall } from './wanted-call.ts'

/** One gated call from its arrival to its last byte. The call owns its permit, its deadline and its record. */
export class GatedCall implements ForwardingObserver, Watched {
  readonly dropped = NOT_OF_A_CALL
  readonly withheld: ForwardingObserver['withheld']
  /** Undefined for a call that gets no signs of life. */
  readonly signs: SignsOfLife | undefined
  /** Clock milliseconds at which the call must have left the line; without `firstByteTimeoutMs`, have its first byte. */
  readonly deadline: number
  readonly record: CallRecord
  readonly maxBodyBytes: number
  dueAt: number
  index = -1
  /** Clock milliseconds at which the request was read. */
  readAt = 0
  /** Undefined for a call without a queue key. */
  keyPlace: KeyPlace | undefined
  forwarding: Forwarding | undefined
  readonly #options: RelayOptions
  readonly #deadlines: Deadlines<GatedCall>
  readonly #request: ClientRequest
  readonly #tail = new AnswerTail()
  #stage: 'reading' | 'waiting' | 'sent' | 'kept back' | 'answering' | 'over' = 'reading'
  #body: IncomingBody | undefined
  #ticket: Ticket | undefined
  #permit: Permit | undefined
  #header: ((name: string) => string | undefined) | undefined
  /** Why the proxy itself ended the call, once it has. */
  #stopped: Failure | Refusal | undefined

  constructor(options: RelayOptions, deadlines: Deadlines<GatedCall>, record: CallRecord, signs: SignWatch) {
    this.#options = options
    this.#deadlines = deadlines
    this.#request = record.request
    this.record = record
    this.signs = SignsOfLife.of(this, options, signs)
    this.withheld = this.signs?.withheld ?? record.requester.withheld
    this.maxBodyBytes = options.maxBodyBytes
    this.deadline = this.record.arrivedAt + options.requestTimeoutMs
    this.dueAt = this.deadline
    deadlines.watch(this)
  }

  /** Throws when the call is over, so that nothing more has to be done for it. */
  throwIfOver(): void {
    if (this.#stopped) throw this.#stopped
    if (this.#request.gone) throw new Failure('client_gone')
  }

  /** The request's body. Throws the Failure or the Refusal that ended the reading. */
  async readBody(): Promise<Uint8Array> {
    const { maxBodyBytes, waiting, clock } = this.#options
    this.#body = new IncomingBody(maxBodyBytes, waiting, clock)
    this.dueAt = Math.min(this.deadline, this.#body.stallsAt)
    const whole = await this.#request.readBody(this.#body)
    this.dueAt = this.deadline
    return whole
  }

  /** The request is read. Returns what to ask of admission; undefined for a call that takes no slot. */
  read(request: GatedRequest): Call | undefined {
    this.record.asks(request)
    this.#body?.free()
    if (this.#stopped) throw this.#stopped
    this.readAt = this.#options.clock.now()
    this.#stage = 'waiting'
    this.signs?.start(this.readAt)
    return wantedCall(request, this.record, this.deadline)
  }

  get place(): ReturnType<RelayOptions['placeOf']> {
    return this.#stage === 'waiting' && this.#ticket ? this.#options.placeOf(this.#ticket) : undefined
  }

  /** Waits in line. A client that leaves gives up its place. */
  wait(ticket: Ticket): Promise<Permit> {
    this.#ticket = ticket
    return new Promise((resolve, reject) => {
      ticket.onSettled((result) => (result instanceof Refusal ? reject(result) : resolve(result)))
      this.#request.onGone(() => ticket.cancel(this.#options.clock.now()))
    })
  }

  /** The call owns a slot from here on. Throws when the client left while the slot was on its way. */
  start(permit: Permit): void {
    this.#permit = permit
    this.record.granted(permit.slots, this.#options.clock.now())
    permit.onLost?.(() => this.#abort('upstream_error', 'broken'))
    this.throwIfOver()
  }

  /** Sends the call to Ollama. Resolves once the answer has begun. */
  forward(body: Uint8Array): Promise<Response> {
    const { clock, firstByteTimeoutMs, upstream } = this.#options
    this.#stage = 'sent'
    this.record.sentAt = clock.now()
    // Set in both cases: the deadline may have passed unnoticed while the body was decoded.
    this.dueAt = firstByteTimeoutMs === undefined ? this.deadline : this.record.sentAt + firstByteTimeoutMs
    this.forwarding = this.#request.forward(body, this.#permit?.slot.upstream ?? upstream, this)
    return this.forwarding.answer
  }

  head(status: number, header: (name: string) => string | undefined): readonly string[] | KeptAnswer {
    const { clock, health, origins } = this.#options
    const now = clock.now()
    this.#header = header
    this.record.head(status, header('content-type'), now)
    this.#restartIdleTimer(now)
    health.sawAnswer()
    if (status < 400) this.#permit?.began?.(now)
    const kept = this.signs?.answered(status, header)
    this.#stage = kept ? 'kept back' : 'answering'
    return kept ?? answerHeaders(this.record, header, origins, { waitMs: this.#waitMs(now), now })
  }

  data(bytes: Uint8Array): void {
    this.record.data(bytes.length)
    this.signs?.stop()
    this.#tail.add(bytes)
    this.#restartIdleTimer(this.#options.clock.now())
  }

  end(ending: Ending, cause?: unknown): void {
    const { sentAt, status } = this.record
    this.record.cause = causeOfEnd(ending, cause, this.#stopped)
    // Once an answer has begun, a break says nothing about whether Ollama answers.
    if (ending === 'broken' && status === 0) this.#options.health.sawFailure(cause, sentAt)
    const now = this.#options.clock.now()
    const figures = this.#tail.figures(now - sentAt, this.record.native)
    const outcome = outcomeOfEnd(ending, this.#stopped, figures.failed || status >= 500)
    this.#permit?.release(outcome, now, this.record.report(figures, outcome, now))
    const isAnswered = this.#stage === 'answering' || (this.#stage === 'kept back' && ending === 'done')
    if (isAnswered) this.#finish(now, outcome, null, status, figures)
  }

  /** Ollama gives no answer. Returns the error for the client, with the headers of our own answer on it. */
  fail(thrown: unknown): Refusal | Failure {
    const error = this.#stopped ?? asRelayError(thrown)
    const now = this.#options.clock.now()
    error.headers = diagnosticHeaders(this.record.id, this.#waitMs(now))
    if (error instanceof Failure) describeFailure(error, this.record)
    if (this.#stage === 'over') return error
    if (this.#stage === 'reading') this.#body?.drop()
    const outcome = outcomeOf(error)
    this.#permit?.release(outcome === 'refused' ? 'cancelled' : outcome, now)
    const status = this.#request.gone ? 0 : this.#options.statuses[error.code]
    this.#finish(now, outcome, reasonOf(error, thrown), status)
    return error
  }

  /** An operator or a newer call ends the call, at whatever stage. */
  cancel(code: 'cancelled' | 'superseded'): void {
    if (this.#stage === 'reading') this.#request.stopReading(this.#stop(code))
    else if (this.#stage === 'waiting') {
      this.#stop(code)
      leaveLine(this.#ticket, this.#options.clock.now())
    } else this.#abort(code, code)
  }

  snapshot(now: number) {
    return this.record.live(this.#state(now), this.#stage !== 'reading', this.#ticket)
  }

  overdue(now: number): void {
    const stallsAt = this.#body?.stallsAt ?? 0
    if (this.#stage === 'reading' && now < this.deadline && now < stallsAt) {
      this.dueAt = Math.min(this.deadline, stallsAt)
      return
    }
    this.dueAt = Number.POSITIVE_INFINITY
    if (this.#stage === 'reading')
      this.#request.stopReading(this.#stop(now < this.deadline ? 'body_stalled' : 'timeout'))
    // A call in line is left to its lane, which knows the same deadline.
    else this.#abort('timeout', 'idle')
  }

  /** A shutdown has begun. A call whose body is not read yet would be refused afterwards, so the reading ends now. */
  refuseUnread(): void {
    if (this.#stage !== 'reading') return
    // The body may be here and wait to be decoded: that work does not begin any more.
    this.#stopped ??= new Refusal('shutting_down', {})
    this.#request.stopReading(this.#stopped)
  }

  errorTrailer(why: BrokenAnswer['why'] = 'broken'): string | undefined {
    return this.#options.errorTrailer(brokenAnswer(why, this.record, this.#header, this.#tail.midLine))
  }

  /** Ends a call that Ollama has. */
  #abort(code: FailureCode, why: BrokenAnswer['why']): void {
    if (this.#stage === 'answering') this.forwarding?.abort(this.#stop(code), this.errorTrailer(why))
    else if (this.record.sent && this.#stage !== 'over') this.forwarding?.abort(this.#stop(code))
  }

  #stop(code: FailureCode): Failure | Refusal {
    this.#stopped ??= new Failure(code, { model: this.record.model, sent: this.record.sent })
    return this.#stopped
  }

  /** Milliseconds in line, so far or in all. */
  #waitMs(now: number): number {
    return this.#permit?.waitMs ?? (this.#stage === 'waiting' ? now - this.readAt : 0)
  }

  #restartIdleTimer(now: number): void {
    const { streamIdleTimeoutMs } = this.#options
    this.dueAt = streamIdleTimeoutMs > 0 ? now + streamIdleTimeoutMs : Number.POSITIVE_INFINITY
  }

  #finish(
    now: number,
    outcome: CallEnd['outcome'],
    reason: CallEnd['reason'],
    status: number,
    figures?: Figures,
  ) {
    const { waitMs, bytesIn } = this.#state(now)
    this.#stage = 'over'
    this.#deadlines.forget(this)
    this.signs?.stop()
    this.keyPlace?.leave()
    this.#options.ids.release(this.record.id)
    const wallTime = this.#options.clock.wallTime()
    // Each field is named: a spread here took 10 of the 165 µs of a call.
    const end = { now, waitMs, bytesIn, outcome, reason, status, wallTime, figures }
    this.#options.finished(this.record.finished(end))
  }

  #state(now: number) {
    return { now, waitMs: this.#waitMs(now), bytesIn: this.#body?.size ?? 0 }
  }
}
