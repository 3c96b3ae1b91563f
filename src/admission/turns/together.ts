/** A set that was not seen again for this long is unknown again. */
const REMEMBERED_MS = 3_600_000
/** Sets that are remembered at most. The oldest is forgotten first. */
const MOST_SETS = 100

interface KnownSet {
  readonly ids: ReadonlySet<string>
  /** Clock milliseconds. */
  at: number
}

/**
 * Which runners fit into memory together, learned from what Ollama shows. An eviction says that a whole set does not fit,
 * and not which two of it. So sets are remembered, not pairs.
 */
export class Together {
  /** The largest sets that were seen in memory. */
  #fitting: KnownSet[] = []
  /** The smallest sets of which one left when the last was loaded. */
  #apart: KnownSet[] = []
  #configured: readonly ReadonlySet<string>[] = []
  /** Runners whose load has failed: they exclude all others until they were seen beside one. */
  readonly #alone = new Set<string>()

  /** Sets that an operator knows to fit. */
  configure(sets: readonly (readonly string[])[]): void {
    this.#configured = sets.map((ids) => new Set(ids))
  }

  /** Whether all of these are known to fit. */
  fits(ids: readonly string[], now: number): boolean {
    if (ids.length < 2) return true
    const holds = (set: ReadonlySet<string>) => ids.every((id) => set.has(id))
    // An operator names models, whatever options their calls have.
    const names = (set: ReadonlySet<string>) => ids.every((id) => [...set].some((name) => isOf(id, name)))
    if (this.#configured.some(names)) return true
    if (ids.some((id) => this.#alone.has(id))) return false
    return this.#fitting.some((known) => isFresh(known, now) && holds(known.ids))
  }

  /** Whether nothing is known: a first meeting would tell. */
  isUnknown(ids: readonly string[], now: number): boolean {
    if (ids.some((id) => this.#alone.has(id)) || this.fits(ids, now)) return false
    return !this.#apart.some((known) => isFresh(known, now) && isSubset(known.ids, new Set(ids)))
  }

  /** These are in memory now. */
  seen(ids: readonly string[], now: number): void {
    if (ids.length < 2) return
    const set = new Set(ids)
    for (const id of ids) this.#alone.delete(id)
    this.#apart = this.#apart.filter((known) => !isSubset(known.ids, set))
    const larger = this.#fitting.find((known) => isSubset(set, known.ids))
    if (larger !== undefined && larger.ids.size === set.size) larger.at = now
    else if (larger === undefined || !isFresh(larger, now)) {
      this.#fitting = [...this.#fitting.filter((known) => !isSubset(known.ids, set)), { ids: set, at: now }]
      if (this.#fitting.length > MOST_SETS) this.#fitting.shift()
    }
  }

  /** One of `before` left when `id` was loaded. */
  evicted(before: readonly string[], id: string, now: number): void {
    const set = new Set([...before, id])
    this.#fitting = this.#fitting.filter((known) => !isSubset(set, known.ids))
    if (this.#apart.some((known) => isFresh(known, now) && isSubset(known.ids, set))) return
    this.#apart = [...this.#apart.filter((known) => !isSubset(set, known.ids)), { ids: set, at: now }]
    if (this.#apart.length > MOST_SETS) this.#apart.shift()
  }

  /** The load of `id` failed. Ollama evicts all others when memory is short. */
  failed(id: string): void {
    this.#alone.add(id)
    if (this.#alone.size > MOST_SETS) for (const first of this.#alone) return void this.#alone.delete(first)
  }

  /** Ollama was restarted, or has other models. */
  forget(): void {
    this.#fitting = []
    this.#apart = []
    this.#alone.clear()
  }

  /** The sets for pages: as learned, and as configured. */
  sets(now: number): { readonly together: string[][]; readonly apart: string[][] } {
    const fitting = this.#fitting.filter((known) => isFresh(known, now)).map(({ ids }) => [...ids])
    const apart = this.#apart.filter((known) => isFresh(known, now)).map(({ ids }) => [...ids])
    return { together: [...this.#configured.map((ids) => [...ids]), ...fitting], apart }
  }
}

/** Whether an id of a contender stands for this runner, with any options. */
function isOf(id: string, runner: string): boolean {
  return id === runner || id.startsWith(`${runner} `)
}

function isFresh({ at }: KnownSet, now: number): boolean {
  return now - at < REMEMBERED_MS
}

function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size > b.size) return false
  for (const id of a) if (!b.has(id)) return false
  return true
}
