import type { Spread } from '../admission/observer.ts'

/**
 * Log-linear buckets over units of 0.01 ms: exact up to 0.63 ms, above that 32 buckets to each doubling, which is an
 * error of 1.6 % at most. The last bucket begins at about 7.8 days and also takes all longer times.
 */
const UNITS_PER_MS = 100
const SUB_BITS = 5
const SUB_BUCKETS = 1 << SUB_BITS
export const BUCKETS = 1_024
/** Integer arithmetic ends at 31 bits. Longer times are counted in units coarser by COARSE_BITS. */
const INT_LIMIT = 2 ** 31
const COARSE_BITS = 16
const FULL = 0xffff_ffff
/**
 * This many first records are kept one by one. So a model with few calls, or a made-up name, takes less memory than a
 * model that serves.
 */
const FEW = 16

/**
 * Counts durations in milliseconds. Takes some 100 bytes for the first 16 records. From the next one on it takes
 * 4 KiB, and 4 KiB more while the current interval has records.
 */
export class Histogram {
  /** Buckets of the first records, in the order of the records. Empty once the records are in the tables below. */
  #few: number[] = []
  /** Records of the intervals before the current one. */
  #settled: Uint32Array | undefined
  /** Records of the current interval. While this table exists, a record changes no other table. */
  #recent: Uint32Array | undefined
  #total = 0
  #settledTotal = 0
  /** The longest record. No percentile may exceed it, though the middle of a bucket can. */
  #longestMs = 0

  get total(): number {
    return this.#total
  }

  record(ms: number): void {
    const bucket = bucketOf(ms)
    const recent = this.#recent ?? this.#open()
    // A pushed array reserves room for 17 numbers at once, which a made-up name never needs.
    if (recent === undefined) this.#few = this.#few.concat(bucket)
    else {
      if (recent[bucket] === FULL) this.#halve()
      recent[bucket] = (recent[bucket] ?? 0) + 1
    }
    this.#total++
    if (ms > this.#longestMs) this.#longestMs = ms
  }

  /** The value that `percent` (0..100) of the records do not exceed, in milliseconds; 0 when there are none. */
  percentile(percent: number): number {
    if (this.#few.length > 0) return this.#valueOf(percent, this.#few.toSorted(ascending))
    if (this.#settled === undefined) return this.#valueAt(percent, this.#total, this.#recent)
    return this.#valueAt(percent, this.#total, this.#settled, this.#recent)
  }

  /** Percentiles since the previous call; null when nothing was recorded. Then a new interval begins. One reader only. */
  takeInterval(): Spread | null {
    if (this.#few.length > this.#settledTotal) {
      const recent = this.#few.slice(this.#settledTotal).sort(ascending)
      this.#settledTotal = this.#total
      return { p50: this.#valueOf(50, recent), p95: this.#valueOf(95, recent) }
    }
    const recent = this.#recent
    if (recent === undefined) return null
    const count = this.#total - this.#settledTotal
    const spread = { p50: this.#valueAt(50, count, recent), p95: this.#valueAt(95, count, recent) }
    this.#settle(recent)
    return spread
  }

  reset(): void {
    this.#few = []
    this.#settled = undefined
    this.#recent = undefined
    this.#total = 0
    this.#settledTotal = 0
    this.#longestMs = 0
  }

  /** The table for the next record. Undefined while the next record is one of the first. */
  #open(): Uint32Array | undefined {
    if (this.#settled === undefined && this.#few.length < FEW) return undefined
    const recent = tableOf(this.#few.slice(this.#settledTotal))
    if (this.#few.length > 0 && this.#settledTotal > 0)
      this.#settled = tableOf(this.#few.slice(0, this.#settledTotal))
    this.#few = []
    this.#recent = recent
    return recent
  }

  #valueOf(percent: number, sorted: readonly number[]): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length))
    return Math.min(middleOf(sorted[rank - 1] ?? 0), this.#longestMs)
  }

  #valueAt(percent: number, total: number, counts?: Uint32Array, more?: Uint32Array): number {
    if (counts === undefined || total === 0) return 0
    const rank = Math.max(1, Math.ceil((percent / 100) * total))
    let counted = 0
    let last = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = (counts[bucket] ?? 0) + (more?.[bucket] ?? 0)
      if (count === 0) continue
      counted += count
      last = bucket
      if (counted >= rank) break
    }
    return Math.min(middleOf(last), this.#longestMs)
  }

  #settle(recent: Uint32Array): void {
    const settled = this.#settled ?? new Uint32Array(BUCKETS)
    if (overflows(settled, recent)) this.#halve()
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      settled[bucket] = (settled[bucket] ?? 0) + (recent[bucket] ?? 0)
    }
    this.#settled = settled
    this.#recent = undefined
    this.#settledTotal = this.#total
  }

  /** Halves all buckets, because a full bucket would start again at zero. The percentiles stay the same. */
  #halve(): void {
    this.#settledTotal = halve(this.#settled)
    this.#total = this.#settledTotal + halve(this.#recent)
  }
}

function tableOf(buckets: readonly number[]): Uint32Array {
  const counts = new Uint32Array(BUCKETS)
  for (const bucket of buckets) counts[bucket] = (counts[bucket] ?? 0) + 1
  return counts
}

function ascending(a: number, b: number): number {
  return a - b
}

function overflows(counts: Uint32Array, more: Uint32Array): boolean {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if ((counts[bucket] ?? 0) + (more[bucket] ?? 0) > FULL) return true
  }
  return false
}

/** Halves each count. Returns the sum of the halves. */
function halve(counts: Uint32Array | undefined): number {
  let total = 0
  if (counts === undefined) return total
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const half = (counts[bucket] ?? 0) >>> 1
    counts[bucket] = half
    total += half
  }
  return total
}

/** The bucket of a duration. */
export function bucketOf(ms: number): number {
  const rounded = ms > 0 ? ms * UNITS_PER_MS + 0.5 : 0
  if (rounded < INT_LIMIT) return logLinear(rounded | 0)
  const coarse = Math.min(rounded / 2 ** COARSE_BITS, INT_LIMIT - 1) | 0
  return Math.min(logLinear(coarse) + (COARSE_BITS << SUB_BITS), BUCKETS - 1)
}

function logLinear(units: number): number {
  if (units < SUB_BUCKETS) return units
  const shift = 31 - SUB_BITS - Math.clz32(units)
  return (shift << SUB_BITS) + (units >>> shift)
}

/** The middle of a bucket in milliseconds. */
export function middleOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket / UNITS_PER_MS
  const shift = (bucket >>> SUB_BITS) - 1
  const width = 2 ** shift
  const lowest = (bucket - (shift << SUB_BITS)) * width
  return (lowest + (width - 1) / 2) / UNITS_PER_MS
}
