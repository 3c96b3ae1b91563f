/** Lets a few calls at a time do work that takes much memory; the others wait in the order of their arrival. */
export class HeavyWork {
  readonly #waiting: (() => void)[] = []
  #free: number

  /** `places`: how many at a time. */
  constructor(places: number) {
    this.#free = places
  }

  /** Waits for a place. Whoever gets one must leave it, once. */
  async enter(): Promise<void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** The place goes straight to whoever waits the longest. */
  leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
