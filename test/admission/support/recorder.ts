import type { Outcome } from '../../../src/admission/observer.ts'
import type { RefusalCode } from '../../../src/admission/refusal.ts'
import { LaneStats } from '../../../src/telemetry/stats.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** Writes down what a lane tells, in the order told: `queued`, `granted 5`, `refused queue_full`, `left timeout 7`, … */
export class Recorder extends LaneStats {
  readonly story: string[] = []

  constructor() {
    super(new ManualClock())
  }

  override queued(): void {
    this.story.push('queued')
  }

  override granted(waitMs: number): void {
    this.story.push(`granted ${waitMs}`)
  }

  override refused(code: RefusalCode): void {
    this.story.push(`refused ${code}`)
  }

  override left(code: RefusalCode, waitMs: number): void {
    this.story.push(`left ${code} ${waitMs}`)
  }

  override released(outcome: Outcome, heldMs: number): void {
    this.story.push(`released ${outcome} ${heldMs}`)
  }
}

/** Only counts, for runs that are too long to be written down. */
export class Tally extends LaneStats {
  queuedCalls = 0
  grantedCalls = 0
  refusedCalls = 0
  leftCalls = 0
  releasedCalls = 0

  constructor() {
    super(new ManualClock())
  }

  override queued(): void {
    this.queuedCalls++
  }

  override granted(): void {
    this.grantedCalls++
  }

  override refused(): void {
    this.refusedCalls++
  }

  override left(): void {
    this.leftCalls++
  }

  override released(): void {
    this.releasedCalls++
  }
}
