import type { LiveRequest } from '../pages/monitor.ts'
import { listOf } from '../telemetry/live-queue.ts'
import { JsonText } from './shared-pages.ts'

/** One list keeps the finished pages of this many models. */
const MOST_PAGES = 32

/** `GET /queue/requests` at one moment. The pages of all models come from the same list. */
export class ListedCalls {
  readonly #sorted: readonly LiveRequest[]
  readonly #pages = new Map<string | undefined, JsonText>()

  constructor(sorted: readonly LiveRequest[]) {
    this.#sorted = sorted
  }

  /** `model`: a key, or undefined for all models. */
  page(model?: string): JsonText {
    const known = this.#pages.get(model)
    if (known) return known
    const page = new JsonText(listOf(this.#sorted, model))
    if (this.#pages.size < MOST_PAGES) this.#pages.set(model, page)
    return page
  }
}
