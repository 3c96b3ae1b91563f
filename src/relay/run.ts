import type { LaneObserver, Outcome } from '../admission/observer.ts'
import { Refusal } from '../admission/refusal.ts'
import type { ReadCall } from './call.ts'
import type { Deadlines, Watched } from './deadlines.ts'
import { Failure, type FailureCode } from './failure.ts'
import { learnOrigin } from './passage.ts'
import type { RelayParts, Slot } from './relay.ts'
import { type Figures, Tail } from './tail.ts'
import type { Delivery, DeliveryObserver, Ending, Exchange } from './transport.ts'

const OUTCOMES: Record<Ending, Outcome> = {
  done: 'done',
  broken: 'failed',
  client_gone: 'cancelled',
  aborted: 'timed_out',
}

/** One call from arrival to its last byte: owns its permit, its deadline and its record. */
export class Run<L extends LaneObserver> implements DeliveryObserver, Watched {
  /** Clock time by which the answer must have begun. */
  readonly deadline: number
  dueAt: number
  slot = -1
  readonly #parts: RelayParts<L>
  readonly #deadlines: Deadlines
  readonly #exchange: Exchange
  readonly #path: string
  readonly #arrivedAt: number
  readonly #tail = new Tail()
  #stage: 'reading' | 'waiting' | 'sent' | 'answering' | 'over' = 'reading'
  #call: ReadCall | undefined
  #readAt = 0
  #permit: Slot | undefined
  #delivery: Delivery | undefined
  #status = 0
  #contentType: string | undefined
  #firstByteMs: number | null = null
  #bytesOut = 0

  constructor(parts: RelayParts<L>, deadlines: Deadlines, exchange: Exchange, path: string) {
    this.#parts = parts
    this.#deadlines = deadlines
    this.#exchange = exchange
    this.#path = path
    this.#arrivedAt = parts.clock.now()
    this.deadline = this.#arrivedAt + parts.requestTimeoutMs
    this.dueAt = this.deadline
    deadlines.watch(this)
  }

  /** Its body is here and read; returns the clock time of that. */
  read(call: ReadCall): number {
    this.#call = call
    this.#readAt = this.#parts.clock.now()
    this.#stage = 'waiting'
    return this.#readAt
  }

  /** The call owns a slot from here on. Throws when its client left while the slot was on its way. */
  start(permit: Slot): void {
    this.#permit = permit
    permit.onLost?.(() => this.#stop('upstream_error', 'broken'))
    if (this.#exchange.gone) throw new Failure('client_gone', { model: this.#model })
  }

  /** Sends the call to Ollama; resolves once the answer has begun. */
  forward(body: Uint8Array): Promise<Response> {
    this.#stage = 'sent'
    // It may have passed unheard while the body was being decoded.
    this.dueAt = this.deadline
    this.#delivery = this.#exchange.forward(body, this)
    return this.#delivery.answer
  }

  began(status: number, header: (name: string) => string | undefined): void {
    const now = this.#parts.clock.now()
    this.#stage = 'answering'
    this.#status = status
    this.#contentType = header('content-type')
    this.#firstByteMs = now - this.#arrivedAt
    this.#moved(now)
    this.#parts.upstreamAnswered(true)
    learnOrigin(this.#parts.origins, this.#exchange, header)
  }

  chunk(bytes: Uint8Array): void {
    this.#bytesOut += bytes.length
    this.#tail.add(bytes)
    this.#moved(this.#parts.clock.now())
  }

  lastWords(): string | undefined {
    return this.#lastWords('broken')
  }

  over(ending: Ending): void {
    const answered = this.#stage === 'answering'
    const figures = this.#tail.figures()
    const failed = ending === 'done' && (figures.failed || this.#status >= 500)
    const outcome = failed ? 'failed' : OUTCOMES[ending]
    const now = this.#parts.clock.now()
    this.#permit?.release(outcome, now, figures.loadMs)
    if (answered) this.#finish(now, outcome, null, this.#status, figures)
  }

  /** There is no answer from Ollama, and this is why. */
  fail(error: unknown): void {
    if (this.#stage === 'over') return
    if (error instanceof Failure) error.model ??= this.#model
    const outcome = outcomeOf(error)
    const now = this.#parts.clock.now()
    if (outcome !== 'refused') this.#permit?.release(outcome, now)
    if (error instanceof Failure && error.code === 'upstream_error') this.#parts.upstreamAnswered(false)
    const status = this.#exchange.gone ? 0 : this.#parts.statusOf(error)
    const reason = error instanceof Refusal ? error.code : null
    this.#finish(now, outcome, reason, status)
  }

  overdue(): void {
    this.dueAt = Number.POSITIVE_INFINITY
    if (this.#stage === 'reading') this.#exchange.stopReading(new Failure('timeout', { model: this.#model }))
    else this.#stop('timeout', 'idle')
    // In line its ticket knows the same deadline.
  }

  /** Ends the call from our side. */
  #stop(code: FailureCode, why: 'broken' | 'idle'): void {
    const failure = new Failure(code, { model: this.#model })
    if (this.#stage === 'sent') this.#delivery?.abort(failure)
    else if (this.#stage === 'answering') this.#delivery?.abort(failure, this.#lastWords(why))
  }

  get #model(): string | undefined {
    return this.#call?.model?.key
  }

  #moved(now: number): void {
    const { streamIdleTimeoutMs } = this.#parts
    this.dueAt = streamIdleTimeoutMs > 0 ? now + streamIdleTimeoutMs : Number.POSITIVE_INFINITY
  }

  #lastWords(why: 'broken' | 'idle'): string | undefined {
    return this.#parts.lastWords({
      why,
      contentType: this.#contentType,
      path: this.#path,
      acceptLanguage: this.#exchange.header('accept-language'),
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
    const waitMs = this.#permit?.waitMs ?? (this.#stage === 'waiting' ? now - this.#readAt : 0)
    this.#stage = 'over'
    this.#deadlines.forget(this)
    this.#parts.finished({
      requestId: requestIdOf(this.#exchange),
      client: this.#exchange.clientAddress,
      path: this.#path,
      model: this.#model ?? null,
      outcome,
      reason,
      status,
      waitMs,
      firstByteMs: this.#firstByteMs,
      totalMs: now - this.#arrivedAt,
      bytesIn: this.#call?.body.length ?? 0,
      bytesOut: this.#bytesOut,
      tokensIn: figures?.tokensIn ?? null,
      tokensOut: figures?.tokensOut ?? null,
    })
  }
}

function outcomeOf(error: unknown): Outcome | 'refused' {
  if (error instanceof Refusal) {
    if (error.code === 'cancelled') return 'cancelled'
    return error.code === 'timeout' ? 'timed_out' : 'refused'
  }
  if (!(error instanceof Failure)) return 'failed'
  if (error.code === 'client_gone') return 'cancelled'
  if (error.code === 'timeout') return 'timed_out'
  return error.code === 'body_too_large' ? 'refused' : 'failed'
}

/** What a client may call its request; anything else gets a name of ours. */
const SANE_ID = /^[\w.:=-]{1,128}$/

const idPrefix = Math.random().toString(36).slice(2, 8)
let idCount = 0

function requestIdOf(exchange: Exchange): string {
  const given = exchange.header('x-request-id')
  if (given !== undefined && SANE_ID.test(given)) return given
  idCount++
  return `${idPrefix}-${idCount.toString(36)}`
}
