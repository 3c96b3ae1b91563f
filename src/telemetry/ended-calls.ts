import type { Cancel, Clock } from '../clock.ts'
import type { FinishedCall } from '../relay/contract.ts'

/** Calls are forgotten after this time. */
const REMEMBERED_MS = 600_000

/**
 * So many calls are remembered, the newest ones. A flood of calls that are refused does not make the proxy forget the
 * calls that Ollama had: refused calls have room of their own.
 */
const MOST_OTHERS = 2_000
const MOST_REFUSED = 1_000

/** Hears of the end of a call. */
type EndListener = (call: FinishedCall) => void

/** A call that ended, and when: clock milliseconds. */
interface RememberedCall {
  readonly call: FinishedCall
  readonly endedAt: number
}

/** The last calls in a ring. The record that the log gets is kept as it is, so a call costs two assignments. */
class Ring {
  readonly #size: number
  readonly #calls: FinishedCall[] = []
  readonly #endedAt: number[] = []
  /** The place of the next call, and of the oldest one once the ring is full. */
  #next = 0

  constructor(size: number) {
    this.#size = size
  }

  add(call: FinishedCall, now: number): void {
    this.#calls[this.#next] = call
    this.#endedAt[this.#next] = now
    this.#next = (this.#next + 1) % this.#size
  }

  /** The newest one that fits, of those that ended at `since` or later. */
  find(fits: (call: FinishedCall) => boolean, since: number): RememberedCall | undefined {
    const { length } = this.#calls
    for (let step = 1; step <= length; step++) {
      const place = (this.#next - step + length) % length
      const call = this.#calls[place]
      const endedAt = this.#endedAt[place] ?? 0
      if (call === undefined || endedAt < since) return undefined
      if (fits(call)) return { call, endedAt }
    }
    return undefined
  }
}

/** Remembers for a while how calls ended, and tells those who wait for the end of a call. */
export class EndedCalls {
  readonly #clock: Pick<Clock, 'now'>
  readonly #others = new Ring(MOST_OTHERS)
  readonly #refused = new Ring(MOST_REFUSED)
  readonly #awaited = new Map<string, Set<EndListener>>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  add(call: FinishedCall): void {
    const ring = call.outcome === 'refused' ? this.#refused : this.#others
    ring.add(call, this.#clock.now())
    if (this.#awaited.size > 0) this.#tell(call)
  }

  /**
   * The newest call with this id that fits, of those that ended at `since` or later; clock milliseconds. Several callers may
   * have used an id, one after the other.
   */
  find(
    id: string,
    fits: (call: FinishedCall) => boolean,
    since = Number.NEGATIVE_INFINITY,
  ): FinishedCall | undefined {
    const earliest = Math.max(since, this.#clock.now() - REMEMBERED_MS)
    const isWanted = (call: FinishedCall) => call.requestId === id && fits(call)
    const [other, refused] = [this.#others.find(isWanted, earliest), this.#refused.find(isWanted, earliest)]
    if (other === undefined || refused === undefined) return (other ?? refused)?.call
    return refused.endedAt > other.endedAt ? refused.call : other.call
  }

  /** Calls back once, when the next call with this id ends. The listener must not throw. Returns how to stop listening. */
  onEnd(id: string, listener: EndListener): Cancel {
    const listeners = this.#awaited.get(id) ?? new Set()
    this.#awaited.set(id, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#awaited.get(id) === listeners) this.#awaited.delete(id)
    }
  }

  #tell(call: FinishedCall): void {
    const listeners = this.#awaited.get(call.requestId)
    if (listeners === undefined) return
    this.#awaited.delete(call.requestId)
    for (const listener of listeners) listener(call)
  }
}
