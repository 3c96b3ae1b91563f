/** The beginning of every answer. */
const BEGINNING = 'HTTP/1.'
const END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** Collects the head of an answer that comes in pieces. The work for a byte does not grow with the number of pieces. */
export class HeadBuffer {
  readonly #mostBytes: number
  /** A buffer that grows by doubling, and the number of bytes in use. */
  #buffer = NOTHING
  #used = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /**
   * Takes the next bytes. Returns the head without its end, and how many of the new bytes belong to the head. Returns
   * undefined while the head is not complete.
   * @throws Error for a head that is too large, and for bytes that are no HTTP.
   */
  take(fresh: Buffer): { readonly head: string; readonly bytes: number } | undefined {
    const before = this.#used
    const all = before === 0 ? fresh : this.#append(fresh)
    // Earlier bytes are searched already, except for an end of which only a part had come.
    const end = all.indexOf(END, Math.max(0, before - END.length + 1))
    if ((end < 0 ? all.length : end) > this.#mostBytes) throw new Error('headers too large')
    if (end < 0) {
      // A server that does not speak HTTP may never send the end of a head.
      if (!BEGINNING.startsWith(all.toString('latin1', 0, BEGINNING.length)))
        throw new Error('no HTTP/1 status line')
      if (before === 0) this.#append(fresh)
      return undefined
    }
    this.#buffer = NOTHING
    this.#used = 0
    return { head: all.toString('latin1', 0, end), bytes: end + END.length - before }
  }

  /** Appends the bytes. Returns all bytes so far. */
  #append(fresh: Buffer): Buffer {
    const used = this.#used + fresh.length
    if (used > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(used, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#used)
      this.#buffer = larger
    }
    fresh.copy(this.#buffer, this.#used)
    this.#used = used
    return this.#buffer.subarray(0, used)
  }
}
