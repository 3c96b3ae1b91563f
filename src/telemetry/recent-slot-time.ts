const PART_MS = 10_000
const PARTS = 30

/** Names without a place of their own in ten seconds. Addresses are made up at will, and a page lists a hundred. */
export const MOST_NAMES = 500

/** Slots that were held from a moment to `to`, both clock milliseconds. */
export interface HeldSlots {
  readonly slots: number
  readonly heldMs: number
  readonly to: number
}

/** Milliseconds times slots, of ten seconds. */
interface Part {
  /** Counted from clock time 0. */
  number: number
  total: number
  /** A name is also here with 0: its calls waited. */
  readonly byName: Map<string, number>
  /** Names in `byName` that have no place of their own. */
  passing: number
}

/** Slot-time of the last five minutes. */
export interface SlotTime {
  /** Milliseconds times slots, of all names together. */
  readonly totalMs: number
  readonly byName: ReadonlyMap<string, number>
}

/**
 * The slot-time of each name over the last five minutes. The oldest ten seconds leave at once, so the window is up to ten
 * seconds shorter. The time of a call counts where it was, however late the call is
 * told. To add a call takes at most thirty additions. The size depends on the names alone that have a place of their own.
 */
export class RecentSlotTime {
  readonly #parts: Part[] = Array.from({ length: PARTS }, () => ({
    number: Number.NEGATIVE_INFINITY,
    total: 0,
    byName: new Map(),
    passing: 0,
  }))

  /** `hasPlace`: the name is one of few, so it is never left out. The time of a name that is left out counts in the total. */
  add(name: string, { slots, heldMs, to }: HeldSlots, hasPlace: boolean): void {
    const from = Math.max(to - heldMs, startAt(to))
    for (let number = numberOf(from); number <= numberOf(to); number++) {
      const ms = Math.min(to, (number + 1) * PART_MS) - Math.max(from, number * PART_MS)
      addTo(this.#partOf(number), name, slots * Math.max(0, ms), hasPlace)
    }
  }

  /** `running`: slots that are still held. */
  at(now: number, running: Iterable<readonly [name: string, held: HeldSlots]>): SlotTime {
    const byName = new Map<string, number>()
    let totalMs = 0
    const add = (name: string, ms: number) => byName.set(name, (byName.get(name) ?? 0) + ms)
    for (const part of this.#parts) {
      if (part.number * PART_MS < startAt(now)) continue
      totalMs += part.total
      for (const [name, ms] of part.byName) add(name, ms)
    }
    for (const [name, { slots, heldMs, to }] of running) {
      const ms = slots * Math.min(heldMs, to - startAt(now))
      totalMs += ms
      add(name, ms)
    }
    return { totalMs, byName }
  }

  #partOf(number: number): Part {
    const part = this.#parts[((number % PARTS) + PARTS) % PARTS] as Part
    if (part.number === number) return part
    part.byName.clear()
    return Object.assign(part, { number, total: 0, passing: 0 })
  }
}

function addTo(part: Part, name: string, ms: number, hasPlace: boolean): void {
  part.total += ms
  const known = part.byName.get(name)
  if (known === undefined && !hasPlace && part.passing++ >= MOST_NAMES) return
  part.byName.set(name, (known ?? 0) + ms)
}

function numberOf(time: number): number {
  return Math.floor(time / PART_MS)
}

/** The beginning of the window that ends at `now`. */
function startAt(now: number): number {
  return (numberOf(now) - PARTS + 1) * PART_MS
}
