/** Of every answer. */
const BEGINNING = 'HTTP/1.'
const END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** Collects the head of an answer that comes in pieces. Each byte is copied and searched a fixed number of times. */
export class HeldHead {
  readonly #mostBytes: number
  /** Room that grows by doubling, and how much of it is used. */
  #room = NOTHING
  #used = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /**
   * Takes the next bytes. Returns the head without its end, and how many of these bytes belong to it; undefined while
   * it is not whole. Throws for what is too large, and for what is no HTTP.
   */
  take(fresh: Buffer): { readonly head: string; readonly bytes: number } | undefined {
    const before = this.#used
    const all = before === 0 ? fresh : this.#hold(fresh)
    // What came before was searched already, but for an end that had only begun.
    const end = all.indexOf(END, Math.max(0, before - END.length + 1))
    if ((end < 0 ? all.length : end) > this.#mostBytes) throw new Error('headers too large')
    if (end < 0) {
      // What does not speak HTTP may never send the end of a head.
      if (!BEGINNING.startsWith(all.toString('latin1', 0, BEGINNING.length)))
        throw new Error('no HTTP/1 status line')
      if (before === 0) this.#hold(fresh)
      return undefined
    }
    this.#room = NOTHING
    this.#used = 0
    return { head: all.toString('latin1', 0, end), bytes: end + END.length - before }
  }

  /** Puts the bytes behind what is held; returns all of it. */
  #hold(fresh: Buffer): Buffer {
    const used = this.#used + fresh.length
    if (used > this.#room.length) {
      const larger = Buffer.allocUnsafe(Math.max(used, 2 * this.#room.length))
      this.#room.copy(larger, 0, 0, this.#used)
      this.#room = larger
    }
    fresh.copy(this.#room, this.#used)
    this.#used = used
    return this.#room.subarray(0, used)
  }
}
