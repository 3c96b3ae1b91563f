import { Refusal } from '../admission/refusal.ts'
import type { Waiting } from '../admission/waiting.ts'
import { type Clock, nextTurn } from '../clock.ts'
import { Failure } from './failure.ts'

/** A body of which nothing came for this long is stalled. No client on a working network needs longer. */
const STALLED_MS = 30_000
/** A part of at least this size is kept as it came. Smaller parts are copied together: each object costs about 200 bytes. */
const WHOLE_PART_BYTES = 4 * 1024
/**
 * From this size on, a body is gathered in one buffer that grows in place, in steps of the same size. Such a body is in
 * one piece without a last copy, which would hold the body twice. For smaller bodies the system calls cost too much.
 */
const LARGE_BODY_BYTES = 2 ** 20

/** Tiny parts that are read before other calls get a turn: about 5 ms. */
const PARTS_A_TURN = 4_096

const NOTHING = new Uint8Array()

/**
 * A request body on its way into memory. The body takes little more memory than the bytes that have come, whatever the
 * size of their parts. These bytes count among the bytes that all waiting calls hold, until `free`.
 */
export class IncomingBody {
  readonly maxBytes: number
  readonly #waiting: Waiting
  readonly #clock: Clock
  #parts: Uint8Array[] = []
  /** Small parts are copied in behind `#used`. The bytes before `#from` belong to a sealed part. */
  #block: Uint8Array = NOTHING
  #from = 0
  #used = 0
  /** The whole of a large body. */
  #large: ArrayBuffer | undefined
  #size = 0
  #counted = 0
  #partsRead = 0
  /** Clock milliseconds of the last part, or of the beginning before the first part. */
  #progressAt: number

  constructor(maxBytes: number, waiting: Waiting, clock: Clock) {
    this.maxBytes = maxBytes
    this.#waiting = waiting
    this.#clock = clock
    this.#progressAt = clock.now()
  }

  /** Clock milliseconds at which the body is stalled unless more of it comes. */
  get stallsAt(): number {
    return this.#progressAt + STALLED_MS
  }

  /** Bytes that have come. */
  get size(): number {
    return this.#size
  }

  /** Takes a part. Returns why the reading must stop: body_too_large, or queue_full where no more bytes may be held. */
  add(part: Uint8Array): Failure | Refusal | undefined {
    const at = this.#size
    const stop = this.expect(part.length)
    if (stop !== undefined) return stop
    this.#progressAt = this.#clock.now()
    if (at > 0 && this.#size > LARGE_BODY_BYTES) new Uint8Array(this.#grown()).set(part, at)
    else if (at === 0 || part.length >= WHOLE_PART_BYTES) {
      this.#seal()
      this.#parts.push(part)
    } else this.#copy(part)
    return undefined
  }

  /**
   * For a reader that gets its parts one microtask after the other, so that nothing else runs: await this after each
   * part. Usually undefined.
   */
  turn(): Promise<void> | undefined {
    this.#partsRead++
    return this.#partsRead % PARTS_A_TURN === 0 ? nextTurn(this.#clock) : undefined
  }

  /** Counts bytes that the platform gathers by itself. The result is that of `add`. */
  expect(bytes: number): Failure | Refusal | undefined {
    if (this.#size + bytes > this.maxBytes) return new Failure('body_too_large')
    if (!this.#waiting.hold(this.#counted, bytes)) return new Refusal('queue_full', {})
    this.#size += bytes
    this.#counted += bytes
    return undefined
  }

  /** The body in one piece. */
  whole(): Uint8Array {
    if (this.#large !== undefined) return new Uint8Array(this.#large, 0, this.#size)
    this.#seal()
    const [only = NOTHING] = this.#parts
    return this.#parts.length <= 1 ? only : joined(this.#parts, new Uint8Array(this.#size))
  }

  /** The bytes no longer count: the call is over, or the line counts them. */
  free(): void {
    this.#waiting.free(this.#counted)
    this.#counted = 0
  }

  /** Lets go of all bytes. */
  drop(): void {
    this.free()
    this.#letGo()
    this.#large = undefined
  }

  #copy(part: Uint8Array): void {
    if (part.length > this.#block.length - this.#used) {
      this.#seal()
      this.#block = new Uint8Array(Math.max(this.#size, WHOLE_PART_BYTES))
      this.#from = 0
      this.#used = 0
    }
    this.#block.set(part, this.#used)
    this.#used += part.length
  }

  /** Makes a part of the copied bytes. The rest of the block stays in use. */
  #seal(): void {
    if (this.#used > this.#from) this.#parts.push(this.#block.subarray(this.#from, this.#used))
    this.#from = this.#used
  }

  /** The buffer of a large body, with room for all bytes that have come. */
  #grown(): ArrayBuffer {
    const steps = Math.ceil(this.#size / LARGE_BODY_BYTES)
    const room = Math.min(steps * LARGE_BODY_BYTES, this.maxBytes)
    if (this.#large === undefined) {
      this.#large = new ArrayBuffer(room, { maxByteLength: this.maxBytes })
      this.#seal()
      joined(this.#parts, new Uint8Array(this.#large))
      this.#letGo()
    } else if (room > this.#large.byteLength) this.#large.resize(room)
    return this.#large
  }

  #letGo(): void {
    this.#parts = []
    this.#block = NOTHING
    this.#from = 0
    this.#used = 0
  }
}

function joined(parts: readonly Uint8Array[], whole: Uint8Array): Uint8Array {
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
