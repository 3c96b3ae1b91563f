import type { Clock } from '../clock.ts'

/** A page that is older than this is made again. */
const SHARED_MS = 100

/**
 * After a change a page is made again sooner, once its age is this many times the time that making it takes. Making
 * then takes at most a twentieth of the time, and a small page is nearly always fresh.
 */
const MAKING_SHARE = 20

/** So many variants of one page are kept. The oldest one goes first. */
const MOST_VARIANTS = 32

const utf8 = new TextEncoder()

/** A value as JSON text. The bytes are made once for all clients. */
export class JsonText {
  readonly text: string
  #bytes: Uint8Array<ArrayBuffer> | undefined

  constructor(value: unknown) {
    this.text = JSON.stringify(value)
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    this.#bytes ??= utf8.encode(this.text)
    return this.#bytes
  }
}

interface MadePage<T> {
  readonly value: T
  readonly madeAt: number
  /** Milliseconds that making took: the smaller of the last two times, because other work delays some of them. */
  tookMs: number
  readonly generation: number
  /** The number of `changes` when the page was made. */
  readonly changes: number
  /** True while the value is a promise that is not settled. */
  pending: boolean
}

/**
 * All clients share one copy of a page for up to 100 ms. A page over a thousand lanes takes milliseconds to make, and
 * any client may ask for any number of pages.
 */
export class SharedPages {
  readonly #clock: Clock
  readonly #changes: () => number
  #generation = 0

  /** `changes`: a number that is different after each event that pages show. */
  constructor(clock: Clock, changes: () => number) {
    this.#clock = clock
    this.#changes = changes
  }

  /** An operator changed something: every page is made again at the next request. */
  forget(): void {
    this.#generation++
  }

  /** Returns a function that gives the shared page. An error of `make`, thrown or rejected, is not kept. */
  share<T>(make: () => T): () => T {
    const page = this.shareEach(make)
    return () => page(undefined)
  }

  /** The same for a page with variants. Each variant is shared. Undefined is a variant too. */
  shareEach<T>(make: (variant: string | undefined) => T): (variant: string | undefined) => T {
    const kept = new Map<string | undefined, MadePage<T>>()
    return (variant) => {
      const known = kept.get(variant)
      if (known && this.#isFresh(known)) return known.value
      const made = this.#make(() => make(variant), known?.tookMs)
      kept.delete(variant)
      kept.set(variant, made)
      const [oldest] = kept.keys()
      if (kept.size > MOST_VARIANTS) kept.delete(oldest)
      if (made.value instanceof Promise)
        made.value.then(
          () => this.#settle(made, known?.tookMs),
          () => {
            if (kept.get(variant) === made) kept.delete(variant)
          },
        )
      return made.value
    }
  }

  #make<T>(make: () => T, tookBefore: number | undefined): MadePage<T> {
    // Read before the page is made: an event that happens meanwhile then makes the page old.
    const [madeAt, changes, generation] = [this.#clock.now(), this.#changes(), this.#generation]
    const value = make()
    const made = { value, madeAt, changes, generation, tookMs: 0, pending: value instanceof Promise }
    if (!made.pending) this.#settle(made, tookBefore)
    return made
  }

  #settle(made: MadePage<unknown>, tookBefore = Number.POSITIVE_INFINITY): void {
    made.pending = false
    made.tookMs = Math.min(this.#clock.now() - made.madeAt, tookBefore)
  }

  #isFresh({ changes, generation, madeAt, pending, tookMs }: MadePage<unknown>): boolean {
    if (generation !== this.#generation) return false
    // Clients that ask while a page is being made wait for this page. Otherwise a slow page would be made many times
    // at once.
    if (pending) return true
    const ageMs = this.#clock.now() - madeAt
    if (ageMs >= SHARED_MS) return false
    return changes === this.#changes() || ageMs < tookMs * MAKING_SHARE
  }
}
