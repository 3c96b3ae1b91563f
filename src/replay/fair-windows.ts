/** A caller counts in a window if calls of it stood in line for at least this share of the window. */
const LEAST_SHARE = 0.5

/** One caller within one class. */
export interface Side {
  readonly group: string
  /** Caller times class, as the slots are shared. */
  readonly weight: number
  waiting: number
  /** Slots held. */
  running: number
  /** Clock milliseconds up to which `waitedMs` and `slotMs` are counted. */
  countedTo: number
  /** In this window. */
  waitedMs: number
  slotMs: number
}

/**
 * Jain's index over the callers' slot time by weight, over windows of time. Callers that ask for little get little, and
 * that is fair. So only callers that had calls in line for half of a window are compared, and only within one class. The
 * index is the mean over the windows, by the slot time in them.
 */
export class FairWindows {
  readonly #windowMs: number
  readonly #sides = new Map<string, Side>()
  /** Sides that have calls, or had some in this window. */
  readonly #active = new Set<Side>()
  /** Clock milliseconds. */
  #endsAt: number
  #sum = 0
  #weights = 0

  constructor(windowMs: number) {
    this.#windowMs = windowMs
    this.#endsAt = windowMs
  }

  /** Null: no two callers stood in line at once for long enough. */
  get jain(): number | null {
    return this.#weights === 0 ? null : this.#sum / this.#weights
  }

  /** Of one caller in one class (`group`). */
  side(group: string, caller: string, weight: number): Side {
    const key = `${group} ${caller}`
    let side = this.#sides.get(key)
    if (side === undefined) {
      side = { group, weight, waiting: 0, running: 0, countedTo: 0, waitedMs: 0, slotMs: 0 }
      this.#sides.set(key, side)
    }
    return side
  }

  /** Changes the calls in line and the slots held. `now`: clock milliseconds. */
  change(side: Side, waiting: number, running: number, now: number): void {
    while (now >= this.#endsAt) this.#close(now)
    count(side, now)
    side.waiting += waiting
    side.running += running
    this.#active.add(side)
  }

  #close(now: number): void {
    const groups = new Map<string, number[]>()
    for (const side of this.#active) {
      count(side, this.#endsAt)
      if (side.waitedMs >= LEAST_SHARE * this.#windowMs)
        groups.set(side.group, [...(groups.get(side.group) ?? []), side.slotMs / side.weight])
      side.waitedMs = 0
      side.slotMs = 0
      if (side.waiting === 0 && side.running === 0) this.#active.delete(side)
    }
    for (const shares of groups.values()) this.#add(shares)
    this.#endsAt += this.#windowMs
    // Nobody has a call, so the windows up to now are empty.
    if (this.#active.size === 0 && now > this.#endsAt)
      this.#endsAt += Math.floor((now - this.#endsAt) / this.#windowMs + 1) * this.#windowMs
  }

  #add(shares: readonly number[]): void {
    const sum = shares.reduce((total, share) => total + share, 0)
    if (shares.length < 2 || sum === 0) return
    const squares = shares.reduce((total, share) => total + share * share, 0)
    this.#sum += (sum * (sum * sum)) / (shares.length * squares)
    this.#weights += sum
  }
}

function count(side: Side, now: number): void {
  const ms = Math.max(0, now - side.countedTo)
  if (side.waiting > 0) side.waitedMs += ms
  side.slotMs += side.running * ms
  side.countedTo = now
}
