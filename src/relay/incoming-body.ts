import { Refusal } from '../admission/refusal.ts'
import type { Waiting } from '../admission/waiting.ts'
import type { Clock } from '../clock.ts'
import { Failure } from './failure.ts'

/** A part of at least this size is kept as it is. Smaller parts are copied together: each object costs about 200 bytes. */
const WHOLE_PART_BYTES = 4 * 1024
/** Blocks for small parts grow with what has come, up to this size. */
const LARGEST_BLOCK_BYTES = 2 ** 20
/** A body that has not moved on for so long is stalled: no client on any network that works needs longer. */
const STALLED_MS = 30_000
/** Copying this much takes about a millisecond. Other requests get their turn after it. */
const COPIED_IN_ONE_GO_BYTES = 4 * 2 ** 20

const NOTHING = new Uint8Array()

/**
 * A request body on its way into memory, in at most twice the bytes that have come, whatever their parts. What it holds
 * is counted among what all waiting calls hold, until `free`.
 */
export class IncomingBody {
  readonly maxBytes: number
  readonly #waiting: Waiting
  readonly #clock: Clock
  #parts: Uint8Array[] = []
  /** Small parts are copied into the room behind `#used`; what lies before `#from` belongs to a part already. */
  #block: Uint8Array = NOTHING
  #from = 0
  #used = 0
  #size = 0
  #counted = 0
  /** Clock time of the last part that came, and of the beginning until one comes. */
  #progressAt: number

  constructor(maxBytes: number, waiting: Waiting, clock: Clock) {
    this.maxBytes = maxBytes
    this.#waiting = waiting
    this.#clock = clock
    this.#progressAt = clock.now()
  }

  /** Clock time at which the body is stalled unless more of it comes. */
  get stallsAt(): number {
    return this.#progressAt + STALLED_MS
  }

  /** Bytes that have come. */
  get size(): number {
    return this.#size
  }

  /** Takes what came. Returns why the reading must stop: body_too_large, or queue_full where nothing more may be held. */
  add(part: Uint8Array): Failure | Refusal | undefined {
    const stop = this.expect(part.length)
    if (stop !== undefined) return stop
    if (part.length >= WHOLE_PART_BYTES || this.#parts.length + this.#block.length === 0) {
      this.#seal()
      this.#parts.push(part)
    } else this.#copy(part)
    this.#progressAt = this.#clock.now()
    return undefined
  }

  /** Counts bytes that the platform gathers by itself, with the same result as `add`. */
  expect(bytes: number): Failure | Refusal | undefined {
    if (this.#size + bytes > this.maxBytes) return new Failure('body_too_large')
    if (!this.#waiting.hold(this.#counted, bytes)) return new Refusal('queue_full', {})
    this.#size += bytes
    this.#counted += bytes
    return undefined
  }

  /** All that came, in one piece. A large body is put together in steps. */
  whole(): Uint8Array | Promise<Uint8Array> {
    this.#seal()
    const parts = this.#parts
    this.#parts = []
    const [only = NOTHING] = parts
    if (parts.length <= 1) return only
    const whole = new Uint8Array(this.#size)
    if (this.#size > COPIED_IN_ONE_GO_BYTES) return this.#join(parts, whole)
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  /** What it holds is counted no more: it is over, or the line counts it. */
  free(): void {
    this.#waiting.free(this.#counted)
    this.#counted = 0
  }

  /** Keeps nothing of what came. */
  drop(): void {
    this.free()
    this.#parts = []
    this.#block = NOTHING
    this.#from = 0
    this.#used = 0
  }

  #copy(part: Uint8Array): void {
    if (part.length > this.#block.length - this.#used) {
      this.#seal()
      this.#block = new Uint8Array(Math.min(Math.max(this.#size, WHOLE_PART_BYTES), LARGEST_BLOCK_BYTES))
      this.#from = 0
      this.#used = 0
    }
    this.#block.set(part, this.#used)
    this.#used += part.length
  }

  /** Makes a part of what was copied. The rest of the block stays in use. */
  #seal(): void {
    if (this.#used > this.#from) this.#parts.push(this.#block.subarray(this.#from, this.#used))
    this.#from = this.#used
  }

  async #join(parts: Uint8Array[], whole: Uint8Array): Promise<Uint8Array> {
    let at = 0
    let copied = 0
    for (let index = 0; index < parts.length; index++) {
      const part = parts[index] ?? NOTHING
      // Given back part by part, so that a body is never held twice as a whole.
      parts[index] = NOTHING
      whole.set(part, at)
      at += part.length
      copied += part.length
      if (copied < COPIED_IN_ONE_GO_BYTES) continue
      copied = 0
      await new Promise<void>((resolve) => this.#clock.after(0, resolve))
    }
    return whole
  }
}
