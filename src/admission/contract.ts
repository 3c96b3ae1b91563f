import type { Caller } from '../callers/caller.ts'
import type { LaneObserver, Outcome } from './observer.ts'
import type { Refusal } from './refusal.ts'

/** `parallel`: slots. `queue`: places in line; with 0 no call waits. */
export interface Limits {
  readonly parallel: number
  readonly queue: number
}

/** One call, as far as admission has to know it. */
export interface Call {
  readonly model: string
  readonly caller: Caller
  /** Clock milliseconds after which a slot is of no use to the call. */
  readonly deadline: number
  /** Size of the body that the proxy holds while the call waits. */
  readonly bytes: number
}

/** One Ollama, as far as admission has to know it. */
export interface Upstream {
  readonly name: string
}

/** One place of a runner on an upstream. */
export interface Slot {
  readonly upstream: Upstream
}

/** Grants slots: the lanes of this process do it at once where they can, a remote admission always answers later. */
export interface Admission {
  /** Throws a Refusal when there is neither a slot nor a place in line. */
  acquire(call: Call, now: number): Permit | Ticket
}

/** A call in line. A ticket is settled once: with a permit, or with the refusal that ended the wait. */
export interface Ticket {
  readonly call: Call
  /** Calls back once, at once when the ticket is settled already. A later listener replaces an earlier one. */
  onSettled(listener: (result: Permit | Refusal) => void): void
  /** The client left, so the call gives up its place. False when the ticket was settled before. */
  cancel(now: number): boolean
}

/** A taken slot. The holder gives the slot back once; a second release does nothing. */
export interface Permit {
  readonly call: Call
  readonly slot: Slot
  /** Milliseconds that the call stood in line. */
  readonly waitMs: number
  /**
   * Gives the slot back; the next call in line has the slot before a local release returns.
   * `loadMs`: the part of the time that loading the model took, which says nothing about the next call.
   * `served`: Ollama answered the call without an error.
   */
  release(outcome: Outcome, now: number, loadMs?: number, served?: boolean): void
  /** Only of a permit that can be lost: calls back when the call may not go on. */
  onLost?(listener: () => void): void
}

/** Tells a permit from a ticket. */
export function isPermit(answer: Permit | Ticket): answer is Permit {
  return 'release' in answer
}

/** One lane, as pages and figures see a lane. */
export interface LaneView {
  readonly model: string
  readonly limits: Limits
  /** Slots taken. */
  readonly active: number
  /** Calls in line. */
  readonly queued: number
  readonly paused: boolean
  readonly observer: LaneObserver
  readonly estimate: { waitMs(ahead: number, slots: number): number | undefined }
  /** The calls in line, the next to run first. `enqueuedAt`: clock milliseconds. */
  waiting(): Iterable<{ readonly enqueuedAt: number }>
}

/** All lanes, as pages see and change the lanes. */
export interface LanesView {
  readonly defaults: Limits
  lanes(): Iterable<LaneView>
  lane(model: string): LaneView | undefined
  /** Changes the limits of one model, or with `*` the defaults. Returns the limits in force afterwards. */
  configure(model: string, change: Partial<Limits>): Limits
}
