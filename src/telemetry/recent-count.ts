const PART_MS = 30_000
const PARTS = 20

/** Minutes that a RecentCount covers. */
export const RECENT_MINUTES = (PART_MS * PARTS) / 60_000

/** How often something happened in the last ten minutes, to half a minute. The size does not grow with the count. */
export class RecentCount {
  readonly #counts = new Float64Array(PARTS)
  /** Number of the newest part, counted from clock time 0. */
  #newest = 0

  add(now: number): void {
    this.#moveTo(now)
    const at = this.#newest % PARTS
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  at(now: number): number {
    this.#moveTo(now)
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  #moveTo(now: number): void {
    const part = Math.floor(now / PART_MS)
    if (part - this.#newest >= PARTS) this.#counts.fill(0)
    else for (let next = this.#newest + 1; next <= part; next++) this.#counts[next % PARTS] = 0
    this.#newest = Math.max(this.#newest, part)
  }
}
