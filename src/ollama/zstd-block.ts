import { BackwardBits, ZstdError } from './zstd-bits.ts'
import { type Code, LITERAL_LENGTHS, MATCH_LENGTHS, OFFSETS } from './zstd-codes.ts'
import type { Decoded } from './zstd-decoded.ts'
import {
  constantTable,
  type FseTable,
  type HuffmanTable,
  readFseTable,
  readHuffmanTable,
} from './zstd-tables.ts'

/** The most bytes of a block, compressed or decoded (RFC 8878 section 3.1.1.2.4). */
export const MOST_BLOCK_BYTES = 128 * 1024

/** The literals of a block: bytes that are copied to the output. */
interface Literals {
  readonly bytes: Uint8Array
  /** Index behind the section of the literals. */
  readonly end: number
}

/** The tables for the three numbers of each sequence. A block can use the tables of the block before. */
interface Tables {
  readonly literals: FseTable
  readonly offsets: FseTable
  readonly matches: FseTable
}

/** Decodes the compressed blocks of one frame in their order (RFC 8878 section 3.1.1.3). Throws ZstdError. */
export class BlockDecoder {
  readonly #body: Uint8Array
  readonly #decoded: Decoded
  #huffman: HuffmanTable | undefined
  #tables: Tables | undefined
  /** The last three distances. A sequence can use them again. */
  readonly #distances = [1, 4, 8]

  constructor(body: Uint8Array, decoded: Decoded) {
    this.#body = body
    this.#decoded = decoded
  }

  decode(start: number, end: number): void {
    const { bytes, end: sequencesAt } = this.#literals(start, end)
    const body = this.#body
    let at = sequencesAt
    let count = body[at++] ?? 0
    if (count === 255) {
      count = 0x7f00 + (body[at] ?? 0) + ((body[at + 1] ?? 0) << 8)
      at += 2
    } else if (count > 127) count = ((count - 128) << 8) + (body[at++] ?? 0)
    if (at > end) throw new ZstdError('a block that is cut off')
    const used = count === 0 ? 0 : this.#sequences(bytes, count, at, end)
    this.#decoded.add(bytes, used, bytes.length)
  }

  #literals(start: number, end: number): Literals {
    const body = this.#body
    const first = body[start] ?? 0
    const type = first & 3
    const format = (first >> 2) & 3
    if (type < 2) {
      const header = (format & 1) === 0 ? 1 : format === 1 ? 2 : 3
      const size = header === 1 ? first >> 3 : littleEndian(body, start, header) >> 4
      const at = start + header
      const behind = at + (type === 0 ? size : 1)
      if (behind > end || size > MOST_BLOCK_BYTES) throw new ZstdError('literals that are cut off')
      const bytes = type === 0 ? body.subarray(at, behind) : new Uint8Array(size).fill(body[at] ?? 0)
      return { bytes, end: behind }
    }
    // Two sizes of 10, 14 or 18 bits.
    const header = format < 2 ? 3 : format + 2
    const width = format < 2 ? 10 : format === 2 ? 14 : 18
    const sizes = Math.floor(littleEndian(body, start, header) / 16)
    const size = sizes % 2 ** width
    const behind = start + header + Math.floor(sizes / 2 ** width)
    if (behind > end || size > MOST_BLOCK_BYTES) throw new ZstdError('literals that are cut off')
    let at = start + header
    if (type === 2) [this.#huffman, at] = readHuffmanTable(body, at, behind)
    if (this.#huffman === undefined) throw new ZstdError('literals without a table')
    const bytes = new Uint8Array(size)
    if (format === 0) decodeHuffman(this.#huffman, body, at, behind, bytes)
    else decodeFourStreams(this.#huffman, body, at, behind, bytes)
    return { bytes, end: behind }
  }

  /** Writes the output of the sequences. @returns how many literals they used. */
  #sequences(literals: Uint8Array, count: number, start: number, end: number): number {
    const modes = this.#body[start] ?? 0
    let at = start + 1
    const table = (shift: number, { most, predefined }: Code, before: FseTable | undefined): FseTable => {
      const mode = (modes >> shift) & 3
      if (mode === 0) return predefined
      if (mode === 1) return constantTable(this.#body[at++] ?? 0)
      if (mode === 2) {
        const [read, behind] = readFseTable(this.#body, at, end, most)
        at = behind
        return read
      }
      if (before === undefined) throw new ZstdError('no table to repeat')
      return before
    }
    this.#tables = {
      literals: table(6, LITERAL_LENGTHS, this.#tables?.literals),
      offsets: table(4, OFFSETS, this.#tables?.offsets),
      matches: table(2, MATCH_LENGTHS, this.#tables?.matches),
    }
    return this.#execute(this.#tables, literals, count, new BackwardBits(this.#body, at, end))
  }

  #execute(tables: Tables, literals: Uint8Array, count: number, stream: BackwardBits): number {
    const lengths = new Numbers(tables.literals, LITERAL_LENGTHS, stream)
    const offsets = new Numbers(tables.offsets, OFFSETS, stream)
    const matches = new Numbers(tables.matches, MATCH_LENGTHS, stream)
    const before = this.#decoded.size
    let used = 0
    for (let left = count; ; ) {
      const offset = offsets.read()
      const match = matches.read()
      const length = lengths.read()
      if (used + length > literals.length) throw new ZstdError('more literals than there are')
      if (this.#decoded.size - before + length + match > MOST_BLOCK_BYTES)
        throw new ZstdError('a block that is too large')
      this.#decoded.add(literals, used, used + length)
      used += length
      this.#decoded.repeat(this.#distance(offset, length), match)
      left--
      if (left === 0) break
      lengths.step()
      matches.step()
      offsets.step()
    }
    if (stream.left !== 0) throw new ZstdError('sequences that do not end with their bits')
    return used
  }

  /**
   * The distance for an offset. Offsets 1 to 3 mean the last three distances. Without literals they mean the second,
   * the third, and the first minus 1.
   */
  #distance(offset: number, literals: number): number {
    const distances = this.#distances
    const [first = 0, second = 0, third = 0] = distances
    const again = offset > 3 ? 4 : literals === 0 ? offset + 1 : offset
    if (again === 1) return first
    const distance = offset > 3 ? offset - 3 : again === 2 ? second : again === 3 ? third : first - 1
    if (again > 2) distances[2] = second
    distances[1] = first
    distances[0] = distance
    return distance
  }
}

/** One of the three numbers of the sequences. */
class Numbers {
  readonly #table: FseTable
  readonly #code: Code
  readonly #stream: BackwardBits
  #state: number

  constructor(table: FseTable, code: Code, stream: BackwardBits) {
    this.#table = table
    this.#code = code
    this.#stream = stream
    this.#state = stream.read(table.log)
  }

  read(): number {
    const symbol = this.#table.symbols[this.#state] ?? 0
    const base = this.#code.bases[symbol]
    if (base === undefined) throw new ZstdError('a code that stands for nothing')
    return base + this.#stream.read(this.#code.bits[symbol] ?? 0)
  }

  step(): void {
    this.#state =
      (this.#table.bases[this.#state] ?? 0) + this.#stream.read(this.#table.bits[this.#state] ?? 0)
  }
}

/** Four streams with a quarter of the literals each. The sizes of the first three streams come before them. */
function decodeFourStreams(
  table: HuffmanTable,
  body: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
): void {
  const quarter = (into.length + 3) >> 2
  let at = start + 6
  for (let stream = 0; stream < 4; stream++) {
    const behind = stream === 3 ? end : at + littleEndian(body, start + 2 * stream, 2)
    if (behind > end) throw new ZstdError('a Huffman stream that is cut off')
    const last = stream === 3 ? into.length : (stream + 1) * quarter
    decodeHuffman(table, body, at, behind, into.subarray(stream * quarter, last))
    at = behind
  }
}

function decodeHuffman(
  table: HuffmanTable,
  body: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
): void {
  const { log, symbols, bits } = table
  const stream = new BackwardBits(body, start, end)
  const mask = (1 << log) - 1
  let state = stream.read(log)
  for (let index = 0; index < into.length; index++) {
    into[index] = symbols[state] ?? 0
    const count = bits[state] ?? 0
    state = ((state << count) & mask) + stream.read(count)
  }
  // The state holds `log` bits of look-ahead, so the reader is so many bits past the beginning.
  if (stream.left !== -log) throw new ZstdError('literals that do not end with their bits')
}

/** A little-endian number of up to six bytes. Bytes behind the end of the body count as 0. */
export function littleEndian(body: Uint8Array, at: number, bytes: number): number {
  let value = 0
  for (let index = bytes - 1; index >= 0; index--) value = value * 256 + (body[at + index] ?? 0)
  return value
}
