import type { LaneObserver, Outcome } from '../../../src/admission/observer.ts'
import type { RefusalCode } from '../../../src/admission/refusal.ts'

/** Writes down what a lane tells, in the order told: `queued`, `granted 5`, `refused queue_full`, `left timeout 7`, … */
export class Recorder implements LaneObserver {
  readonly story: string[] = []

  queued(): void {
    this.story.push('queued')
  }

  granted(waitMs: number): void {
    this.story.push(`granted ${waitMs}`)
  }

  refused(code: RefusalCode): void {
    this.story.push(`refused ${code}`)
  }

  left(code: RefusalCode, waitMs: number): void {
    this.story.push(`left ${code} ${waitMs}`)
  }

  released(outcome: Outcome, heldMs: number): void {
    this.story.push(`released ${outcome} ${heldMs}`)
  }
}

/** Only counts, for runs that are too long to be written down. */
export class Tally implements LaneObserver {
  queuedCalls = 0
  grantedCalls = 0
  refusedCalls = 0
  leftCalls = 0
  releasedCalls = 0

  queued(): void {
    this.queuedCalls++
  }

  granted(): void {
    this.grantedCalls++
  }

  refused(): void {
    this.refusedCalls++
  }

  left(): void {
    this.leftCalls++
  }

  released(): void {
    this.releasedCalls++
  }
}
