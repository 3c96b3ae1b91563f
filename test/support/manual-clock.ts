import type { Cancel, Clock } from '../../src/clock.ts'

interface Pending {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** A clock that stands still until it is told to advance; what is due runs in order of time, then of asking. */
export class ManualClock implements Clock {
  #now = 0
  #asked = 0
  readonly #pending = new Set<Pending>()
  readonly #epoch: number

  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.#epoch = epoch
  }

  /** How many timers wait: 0 when a quiet system should have none. */
  get pending(): number {
    return this.#pending.size
  }

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return this.#epoch + this.#now
  }

  after(ms: number, run: () => void): Cancel {
    const entry = { at: this.#now + Math.max(0, ms), order: this.#asked++, run }
    this.#pending.add(entry)
    return () => void this.#pending.delete(entry)
  }

  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      let next: Pending | undefined
      for (const entry of this.#pending) {
        if (entry.at > until) continue
        if (!next || entry.at < next.at || (entry.at === next.at && entry.order < next.order)) next = entry
      }
      if (!next) break
      this.#pending.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = until
  }
}
