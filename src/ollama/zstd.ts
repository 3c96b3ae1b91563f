import { ZstdError } from './zstd-bits.ts'
import { BlockDecoder, littleEndian, MOST_BLOCK_BYTES } from './zstd-block.ts'
import { Decoded } from './zstd-decoded.ts'

/** Ollama's bound of a decoded body. */
const MOST_DECODED_BYTES = 20 * 2 ** 20
/**
 * A decoded body may have this many times the size of its compressed body. Apache's mod_deflate refuses request bodies
 * above 200 by default (DeflateInflateRatioLimit). Measured with libzstd: chats and source code become 3 to 4 times as
 * large. The body of an agent that read the same files ten times becomes 38 times as large.
 */
const MOST_TIMES = 200
/** Any body may grow to this size, whatever the ratio. Decoding so much takes about a millisecond. */
const SMALL_BYTES = 256 * 1024

const FRAME = 0xfd2fb528
const SKIPPABLE_FRAME = 0x184d2a50
/** Steps of a compressed block with all the tables that it can have, besides the steps of its bytes. */
const COMPRESSED_STEPS = 8 * 1024
const PLAIN_STEPS = 64
/** Steps of a decoded byte of a compressed block. */
const BYTE_STEPS = 4

/** Whether a body begins like a zstd body. No JSON text does. */
export function beginsLikeZstd(body: Uint8Array): boolean {
  const magic = littleEndian(body, 0, 4)
  return magic === FRAME || isSkippable(magic)
}

function isSkippable(magic: number): boolean {
  return magic >= SKIPPABLE_FRAME && magic < SKIPPABLE_FRAME + 16
}

/**
 * Decodes a zstd body (RFC 8878) a block at a time, so that its model can be read. Ollama gets the compressed bytes,
 * and checks checksums and windows itself. The decoder is our own because the work on a block must have a bound. The
 * library fzstd decodes past the end of a block: 17 bytes keep it busy for ten seconds.
 */
export class ZstdDecoder {
  readonly #body: Uint8Array
  readonly #decoded: Decoded
  #at = 0
  /** Decoder of the current frame. Undefined between two frames. */
  #blocks: BlockDecoder | undefined
  #checksumBytes = 0
  #steps = 0

  /** `most`: the most decoded bytes that the call may hold. The bounds above apply as well. */
  constructor(body: Uint8Array, most: number) {
    this.#body = body
    const bound = Math.min(most, MOST_DECODED_BYTES, Math.max(SMALL_BYTES, MOST_TIMES * body.length))
    this.#decoded = new Decoded(bound, 4 * body.length)
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#steps
  }

  /** The bytes decoded so far. */
  get bytes(): Uint8Array {
    return this.#decoded.bytes
  }

  /**
   * Decodes on for about `most` steps. @returns whether the body is decoded.
   * Throws ZstdError for bytes that break the format, and Unreadable body_too_large past a bound.
   */
  advance(most: number): boolean {
    const until = this.#steps + most
    while (this.#at < this.#body.length && this.#steps < until) {
      if (this.#blocks === undefined) this.#beginFrame()
      else this.#block(this.#blocks)
    }
    if (this.#at < this.#body.length) return false
    if (this.#at > this.#body.length || this.#blocks !== undefined)
      throw new ZstdError('a frame that is cut off')
    return true
  }

  #beginFrame(): void {
    const body = this.#body
    const start = this.#at
    const magic = littleEndian(body, start, 4)
    this.#steps += PLAIN_STEPS
    if (isSkippable(magic)) {
      this.#at += 8 + littleEndian(body, start + 4, 4)
      return
    }
    const flags = body[start + 4]
    if (magic !== FRAME || flags === undefined || (flags & 8) !== 0) throw new ZstdError('not a frame')
    const isSingleSegment = (flags & 0x20) !== 0
    const windowBytes = isSingleSegment ? 0 : 1
    const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0
    const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0
    const dictionary = littleEndian(body, start + 5 + windowBytes, dictionaryBytes)
    if (dictionary !== 0) throw new ZstdError('a dictionary, which Ollama does not have')
    this.#at = start + 5 + windowBytes + dictionaryBytes + sizeBytes
    this.#checksumBytes = (flags & 4) !== 0 ? 4 : 0
    this.#decoded.beginFrame()
    this.#blocks = new BlockDecoder(body, this.#decoded)
  }

  #block(blocks: BlockDecoder): void {
    const body = this.#body
    const header = littleEndian(body, this.#at, 3)
    const type = (header >> 1) & 3
    const size = header >> 3
    const start = this.#at + 3
    const end = start + (type === 1 ? 1 : size)
    if (end > body.length || size > MOST_BLOCK_BYTES || type === 3)
      throw new ZstdError('a block that is cut off, too large or of an unknown type')
    const before = this.#decoded.size
    if (type === 0) this.#decoded.add(body, start, end)
    else if (type === 1) this.#decoded.fill(body[start] ?? 0, size)
    else blocks.decode(start, end)
    this.#steps +=
      end - start + (type === 2 ? COMPRESSED_STEPS + BYTE_STEPS * (this.#decoded.size - before) : PLAIN_STEPS)
    this.#at = end
    if ((header & 1) === 0) return
    this.#at += this.#checksumBytes
    this.#blocks = undefined
  }
}
