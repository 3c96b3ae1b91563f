import { Unreadable } from './unreadable.ts'
import { ZstdError } from './zstd-bits.ts'

/** What has been decoded so far, all frames in one piece, in which repetitions find what they repeat. */
export class Decoded {
  readonly #most: number
  #bytes: Uint8Array
  #size = 0
  /** Where the frame at hand begins: nothing before it can be repeated. */
  #frame = 0

  /** `most`: bytes after which Unreadable body_too_large is thrown. */
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

  /** The bytes of `from` from `start` to `end`. */
  add(from: Uint8Array, start: number, end: number): void {
    const at = this.#grow(end - start)
    // A call of the engine costs more than a few bytes.
    if (end - start > 32) this.#bytes.set(from.subarray(start, end), at)
    else for (let index = start; index < end; index++) this.#bytes[at + index - start] = from[index] ?? 0
  }

  fill(byte: number, count: number): void {
    const at = this.#grow(count)
    this.#bytes.fill(byte, at, at + count)
  }

  /** What begins `distance` bytes back, `count` bytes of it; the bytes that are written now can be among them. */
  repeat(distance: number, count: number): void {
    if (distance < 1 || distance > this.#size - this.#frame) throw new ZstdError('nothing to repeat')
    const at = this.#grow(count)
    const bytes = this.#bytes
    if (count > 32 && distance >= count) bytes.copyWithin(at, at - distance, at - distance + count)
    else for (let index = at; index < at + count; index++) bytes[index] = bytes[index - distance] ?? 0
  }

  /** Makes room. @returns where it begins. */
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
