import type { Clock } from '../clock.ts'

/** A page is never older than this. */
const SHARED_MS = 100

/**
 * While calls come and go a page is made again sooner, so that a small one is as good as new. Making takes at most
 * one part in so many of the time.
 */
const MAKING_SHARE = 20

/** Variants of one page that are kept; whichever was made first goes first. */
const MOST_VARIANTS = 32

const utf8 = new TextEncoder()

/** A value as JSON text. Its bytes are made once, however many ask for them. */
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

interface Made<T> {
  readonly value: T
  readonly madeAt: number
  /** What it took to make, in milliseconds. The lesser of the last two, because others use the processor too. */
  tookMs: number
  readonly generation: number
  /** What `changes` said. */
  readonly changes: number
  /** A promise that is not settled yet. */
  pending: boolean
}

/**
 * Everybody who asks for a page of ours is given the same one for up to 100 ms: a page over a thousand lanes takes
 * milliseconds, and anybody may ask for as many as he likes.
 */
export class SharedPages {
  readonly #clock: Clock
  readonly #changes: () => number
  #generation = 0

  /** `changes`: another number once something happened that pages show. */
  constructor(clock: Clock, changes: () => number) {
    this.#clock = clock
    this.#changes = changes
  }

  /** What comes next is made anew: somebody has changed what the pages show. */
  forget(): void {
    this.#generation++
  }

  /** The page, shared. What `make` throws, or a promise of it rejects with, is not kept. */
  share<T>(make: () => T): () => T {
    const page = this.shareEach(make)
    return () => page(undefined)
  }

  /** A page that comes in variants, each shared. Undefined is a variant too. */
  shareEach<T>(make: (variant: string | undefined) => T): (variant: string | undefined) => T {
    const kept = new Map<string | undefined, Made<T>>()
    return (variant) => {
      const known = kept.get(variant)
      if (known && this.#isGood(known)) return known.value
      const made = this.#make(() => make(variant), known?.tookMs)
      kept.delete(variant)
      kept.set(variant, made)
      if (kept.size > MOST_VARIANTS) forgetFirst(kept)
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

  #make<T>(make: () => T, tookBefore: number | undefined): Made<T> {
    // Noted first, so that a page is never older than it seems.
    const [madeAt, changes, generation] = [this.#clock.now(), this.#changes(), this.#generation]
    const value = make()
    const made = { value, madeAt, changes, generation, tookMs: 0, pending: value instanceof Promise }
    if (!made.pending) this.#settle(made, tookBefore)
    return made
  }

  #settle(made: Made<unknown>, tookBefore = Number.POSITIVE_INFINITY): void {
    made.pending = false
    made.tookMs = Math.min(this.#clock.now() - made.madeAt, tookBefore)
  }

  #isGood({ changes, generation, madeAt, pending, tookMs }: Made<unknown>): boolean {
    if (generation !== this.#generation) return false
    // Whoever asks while a page is being made waits for that one, or a slow page would be made many times at once.
    if (pending) return true
    const ageMs = this.#clock.now() - madeAt
    if (ageMs >= SHARED_MS) return false
    return changes === this.#changes() || ageMs < tookMs * MAKING_SHARE
  }
}

function forgetFirst<V>(kept: Map<V, unknown>): void {
  for (const first of kept.keys()) {
    kept.delete(first)
    return
  }
}
