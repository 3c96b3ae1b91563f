import type { RefusalCode } from './refusal.ts'

/** How a call that held a slot ended. */
export type Outcome = 'done' | 'failed' | 'cancelled' | 'timed_out'

/** What one lane tells about itself. Called synchronously, after the lane's state is settled; must not throw. */
export interface LaneObserver {
  /** A call took a place in line. */
  queued(): void
  /** A call got its slot, after `waitMs` in line (0 when it got one on arrival). */
  granted(waitMs: number): void
  /** A call was refused on arrival. */
  refused(code: RefusalCode): void
  /** A call left the line without a slot, after `waitMs`: its deadline, its client or our shutdown. */
  left(code: RefusalCode, waitMs: number): void
  /** A slot was given back after `heldMs`. */
  released(outcome: Outcome, heldMs: number): void
}

/** Asked once for every lane that is opened; what it returns lives and dies with the lane. */
export interface AdmissionObserver<L extends LaneObserver = LaneObserver> {
  lane(model: string): L
}
