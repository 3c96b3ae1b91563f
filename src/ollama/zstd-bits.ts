import { Unreadable } from './unreadable.ts'

/** The bytes of a zstd body break RFC 8878 or a bound of the format. */
export class ZstdError extends Unreadable {
  constructor(why: string) {
    super('invalid_request', why)
  }
}

/** Index of the highest bit that is set. `value`: above 0. */
export function highBit(value: number): number {
  return 31 - Math.clz32(value)
}

/**
 * Reads a bit stream from its end to its beginning (RFC 8878 section 4.1). Past the beginning it reads zeros, and
 * `left` becomes negative.
 */
export class BackwardBits {
  /** Bits that are still to read. */
  left: number
  readonly #bytes: Uint8Array
  readonly #start: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? bytes[end - 1] : 0
    // The highest set bit of the last byte marks the end of the stream.
    if (!last) throw new ZstdError('a bit stream without an end')
    this.#bytes = bytes
    this.#start = start
    this.left = (end - 1 - start) * 8 + highBit(last)
  }

  /** The next bits as a number. The first bit is the highest of the number. `count`: up to 32. */
  read(count: number): number {
    if (count > 24) return this.read(count - 16) * 65_536 + this.read(16)
    this.left -= count
    if (this.left >= 0) return this.#bitsAt(this.left, count)
    const missing = Math.min(-this.left, count)
    return this.#bitsAt(0, count - missing) << missing
  }

  #bitsAt(bit: number, count: number): number {
    const bytes = this.#bytes
    const at = this.#start + (bit >> 3)
    // This may read bytes behind the stream. The mask removes them.
    const four =
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)
    return (four >>> (bit & 7)) & ((1 << count) - 1)
  }
}
