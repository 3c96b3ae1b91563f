import type { Clock } from '../clock.ts'
import { HOP_BY_HOP } from './headers.ts'
import type { Origins } from './origins.ts'
import type { DeliveryObserver, Ending, Exchange } from './transport.ts'

/** Who wants to know whether Ollama answers. */
export interface UpstreamWatch {
  sawAnswer(): void
  /** There was no answer. `sentAt`: the clock time at which the request was sent. */
  sawFailure(error: unknown, sentAt: number): void
}

export interface PassageParts {
  readonly clock: Pick<Clock, 'now'>
  readonly origins: Origins
  readonly upstream: UpstreamWatch
}

const NOTHING_ADDED: readonly string[] = []

/** What there is to see of a request that is not gated: whether Ollama answers, and which origins it allows. */
export class Passage implements DeliveryObserver {
  readonly dropped = HOP_BY_HOP
  readonly #parts: PassageParts
  readonly #exchange: Exchange
  readonly #sentAt: number
  #answered = false

  constructor(parts: PassageParts, exchange: Exchange) {
    this.#parts = parts
    this.#exchange = exchange
    this.#sentAt = parts.clock.now()
  }

  began(_status: number, header: (name: string) => string | undefined): readonly string[] {
    this.#answered = true
    this.#parts.upstream.sawAnswer()
    learnOrigin(this.#parts.origins, this.#exchange, header)
    return NOTHING_ADDED
  }

  chunk(): void {}

  /** Nothing is known of its format. */
  lastWords(): undefined {}

  over(ending: Ending, cause?: unknown): void {
    if (ending === 'broken' && !this.#answered) this.#parts.upstream.sawFailure(cause, this.#sentAt)
  }
}

/** Remembers what Ollama allowed this page, so that our own refusals allow the same. True for a page that it let in. */
export function learnOrigin(
  origins: Origins,
  exchange: Exchange,
  header: (name: string) => string | undefined,
): boolean {
  const origin = exchange.header('origin')
  if (origin === undefined) return false
  const allowed = header('access-control-allow-origin')
  origins.learn(origin, allowed ?? null)
  return allowed !== undefined
}
