import { Unreadable } from './unreadable.ts'
import { ZstdError } from './zstd-bits.ts'

/** The decoded bytes of all frames, in one piece. A repetition copies bytes that are already here. */
export class Decoded {
  readonly #most: number
  #bytes: Uint8Array
  #size = 0
  /** Where the current frame begins. A repetition cannot go back further. */
  #frame = 0

  /** `most`: more decoded bytes throw Unreadable body_too_large. `expected`: bytes to allocate at first. */
  constructor(most: number, expected: number) {
    this.#most = most
    this.#bytes = new Uint8Array(Math.min(most, expected))
  }

  get size(): number {
    return this.#size
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }

  beginFrame(): void {
    this.#frame = this.#size
  }

  /** Appends the bytes of `from` between `start` and `end`. */
  add(from: Uint8Array, start: number, end: number): void {
    const at = this.#grow(end - start)
    // For a few bytes a loop is faster than a call of `set`.
    if (end - start > 32) this.#bytes.set(from.subarray(start, end), at)
    else for (let index = start; index < end; index++) this.#bytes[at + index - start] = from[index] ?? 0
  }

  fill(byte: number, count: number): void {
    const at = this.#grow(count)
    this.#bytes.fill(byte, at, at + count)
  }

  /** Appends `count` bytes that begin `distance` bytes back. They may include bytes that this call writes. */
  repeat(distance: number, count: number): void {
    if (distance < 1 || distance > this.#size - this.#frame) throw new ZstdError('nothing to repeat')
    const at = this.#grow(count)
    const bytes = this.#bytes
    if (count > 32 && distance >= count) bytes.copyWithin(at, at - distance, at - distance + count)
    else for (let index = at; index < at + count; index++) bytes[index] = bytes[index - distance] ?? 0
  }

  /** Makes room for `count` bytes. @returns where the room begins. */
  #grow(count: number): number {
    const at = this.#size
    this.#size += count
    if (this.#size > this.#most) throw new Unreadable('body_too_large')
    if (this.#size > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#most, Math.max(this.#size, 2 * this.#bytes.length)))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    return at
  }
}
