import type { Cancel, Clock } from '../clock.ts'

interface Timer {
  readonly at: number
  /** Grows with each timer, so that equal times keep the order in which they were asked for. */
  readonly order: number
  run: (() => void) | undefined
}

/** A clock that jumps from one timer to the next. Timers stand in a heap: a day has hundreds of thousands. */
export class VirtualClock implements Clock {
  readonly #epoch: number
  readonly #heap: Timer[] = []
  #now = 0
  #asked = 0

  /** `epoch`: milliseconds since 1970 at which the clock starts. */
  constructor(epoch: number) {
    this.#epoch = epoch
  }

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return this.#epoch + this.#now
  }

  after(ms: number, run: () => void): Cancel {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#asked++, run }
    this.#add(timer)
    return () => {
      // The timer stays in the heap, but what it would run is free at once.
      timer.run = undefined
    }
  }

  /** Runs all that is due up to `at`, in clock milliseconds. Then it is `at`. */
  runTo(at: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= at; next = this.#heap[0]) this.#runFirst()
    this.#now = Math.max(this.#now, at)
  }

  /** Runs what is due next. False when nothing is. */
  runNext(): boolean {
    return this.#heap.length > 0 && this.#runFirst()
  }

  #runFirst(): true {
    const { at, run } = this.#takeFirst()
    if (run === undefined) return true
    this.#now = at
    run()
    return true
  }

  #add(timer: Timer): void {
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const parent = heap[(index - 1) >> 1] as Timer
      if (!isBefore(timer, parent)) break
      heap[index] = parent
      index = (index - 1) >> 1
    }
    heap[index] = timer
  }

  #takeFirst(): Timer {
    const heap = this.#heap
    const first = heap[0] as Timer
    const last = heap.pop() as Timer
    if (heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      if (right !== undefined && isBefore(right, left)) child++
      const next = heap[child] as Timer
      if (!isBefore(next, last)) break
      heap[index] = next
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
