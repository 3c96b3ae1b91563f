import type { CallReport, LaneView, ModelView } from './contract.ts'
import type { LaneObserver } from './observer.ts'

/** A lane as its models need it. */
interface SharedLane extends LaneView {
  waiting(): Iterable<{ readonly model: object; readonly enqueuedAt: number }>
}

/** The calls under one model name. Several names share the lane of one runner; each name has figures of its own. */
export class ModelCalls<L extends SharedLane> implements ModelView {
  readonly model: string
  readonly observer: LaneObserver
  /** For LocalAdmission alone to change: the lane of the runner, as far as the runner is known. */
  lane: L
  active = 0
  /** Calls that Ollama has and that hold no slot, because they only load or unload the model. */
  slotless = 0
  queued = 0
  /** Ollama has answered a call of this name without an error, so the model exists. */
  served = false
  /** Clock milliseconds of the last arrival or release. */
  lastUsed = Number.NEGATIVE_INFINITY

  constructor(model: string, observer: LaneObserver, lane: L) {
    this.model = model
    this.observer = observer
    this.lane = lane
  }

  get idle(): boolean {
    return this.active === 0 && this.queued === 0 && this.slotless === 0
  }

  /** A call has got its permit. */
  began(slots: number): void {
    if (slots > 0) this.active++
    else this.slotless++
  }

  /** A call gave its permit back. */
  ended(slots: number, now: number, report: CallReport | undefined): void {
    if (slots > 0) this.active--
    else this.slotless--
    this.lastUsed = now
    if (report?.served === true) this.served = true
  }

  *waiting(): Iterable<{ readonly enqueuedAt: number }> {
    if (this.queued === 0) return
    for (const ticket of this.lane.waiting()) if (ticket.model === this) yield ticket
  }
}
