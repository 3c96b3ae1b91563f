import Queue from 'yocto-queue'
import type { SlotUnit } from './slot-unit.ts'

export interface SemaphoreParts {
  readonly slots: number
  /** The unit has a slot now. */
  granted(unit: SlotUnit): void
}

/**
 * The semaphore that Ollama has around a runner: first in, first out, and with no bound on the line. It counts what
 * Ollama has let through, and not what the runner computes.
 */
export class SlotSemaphore {
  readonly #parts: SemaphoreParts
  readonly #line = new Queue<SlotUnit>()
  readonly #granted = new Set<SlotUnit>()

  constructor(parts: SemaphoreParts) {
    this.#parts = parts
  }

  acquire(unit: SlotUnit): void {
    if (this.#granted.size < this.#parts.slots) {
      this.#grant(unit)
      return
    }
    unit.state = 'waiting'
    this.#line.enqueue(unit)
    unit.session.counts.add('waiting')
  }

  /** The unit is done, or its client left the line or the slot. */
  release(unit: SlotUnit): void {
    // The entry of a waiting unit stays in the line; #grantNext skips units that are over.
    if (unit.state === 'waiting') unit.session.counts.add('waiting', -1)
    unit.state = 'over'
    if (!this.#granted.delete(unit)) return
    unit.session.counts.add('active', -1)
    this.#grantNext()
  }

  #grant(unit: SlotUnit): void {
    unit.state = 'granted'
    this.#granted.add(unit)
    unit.session.counts.add('active')
    this.#parts.granted(unit)
  }

  #grantNext(): void {
    while (this.#granted.size < this.#parts.slots) {
      const next = this.#line.dequeue()
      if (!next) return
      if (next.state === 'over') continue
      next.session.counts.add('waiting', -1)
      this.#grant(next)
    }
  }
}
