import type { Percentiles } from '../admission/observer.ts'
import { BUCKETS, bucketOf, middleOf } from './histogram.ts'

const PART_MS = 30_000
const PARTS = 10

/** Percentiles of the durations of the last five minutes, to half a minute. Takes at most 44 KiB. */
export class RecentTimes {
  readonly #parts: (Uint32Array | undefined)[] = Array.from({ length: PARTS })
  readonly #counts = new Uint32Array(BUCKETS)
  #total = 0
  /** Number of the newest part, counted from clock time 0. */
  #newest = Number.NEGATIVE_INFINITY

  record(ms: number, now: number): void {
    this.#moveTo(now)
    const at = this.#newest % PARTS
    const part = this.#parts[at] ?? new Uint32Array(BUCKETS)
    this.#parts[at] = part
    const bucket = bucketOf(ms)
    part[bucket] = (part[bucket] ?? 0) + 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
  }

  /** All 0 where there is none. */
  at(now: number): Percentiles {
    this.#moveTo(now)
    return { p50: this.#percentile(50), p95: this.#percentile(95), p99: this.#percentile(99) }
  }

  #percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#total))
    let counted = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      counted += this.#counts[bucket] ?? 0
      if (counted >= rank) return middleOf(bucket)
    }
    return 0
  }

  #moveTo(now: number): void {
    const part = Math.floor(now / PART_MS)
    // From the first part on that has to go. After a long time all have to go, each once.
    for (let next = Math.max(this.#newest + 1, part - PARTS + 1); next <= part; next++)
      this.#forget(next % PARTS)
    this.#newest = Math.max(this.#newest, part)
  }

  #forget(at: number): void {
    const old = this.#parts[at]
    if (old === undefined) return
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = old[bucket] ?? 0
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) - count
      this.#total -= count
    }
    this.#parts[at] = undefined
  }
}
