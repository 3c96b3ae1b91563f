import type { Cancel, Clock } from '../../../../src/clock.ts'

/** A clock that counts the timers of those who ask it, apart from all other timers of the clock below. */
export class OwnTimers implements Clock {
  readonly #below: Clock
  #pending = 0

  constructor(below: Clock) {
    this.#below = below
  }

  get pending(): number {
    return this.#pending
  }

  now(): number {
    return this.#below.now()
  }

  wallTime(): number {
    return this.#below.wallTime()
  }

  after(ms: number, run: () => void): Cancel {
    assertFinite(ms)
    let isPending = true
    const end = () => {
      if (isPending) this.#pending--
      isPending = false
    }
    this.#pending++
    const cancel = this.#below.after(ms, () => {
      end()
      run()
    })
    return () => {
      end()
      cancel()
    }
  }
}

/** Node fires a timer of NaN or Infinity milliseconds at once. */
function assertFinite(ms: number): void {
  if (!Number.isFinite(ms)) throw new RangeError(`a timer of ${ms} ms`)
}
