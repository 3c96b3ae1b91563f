/** Where a frame of a zstd body lies and what it asks of a decoder (RFC 8878 section 3). */
export interface ZstdFrame {
  readonly start: number
  /** Index after the frame, its checksum included. */
  readonly end: number
  /** Memory its decoder must keep. */
  readonly windowBytes: number
  /** Index after each block; none for a frame that is to be skipped. */
  readonly blockEnds: readonly number[]
  /** Bytes that decoding a block may move, and all of them. */
  readonly blockCostBytes: number
  readonly costBytes: number
}

const LARGEST_BLOCK_BYTES = 128 * 1024
const RLE_BLOCK = 1

/**
 * Walks the frame that starts at `start` without decoding it. Undefined when it is none or is cut short. It stops
 * where `costBytes` is past `mostCost`, since nobody will decode it then.
 */
export function readFrame(body: Uint8Array, start: number, mostCost: number): ZstdFrame | undefined {
  const magic = unsigned(body, start, 4)
  if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
    const end = start + 8 + unsigned(body, start + 4, 4)
    if (end > body.length) return undefined
    return { start, end, windowBytes: 0, blockEnds: [], blockCostBytes: 0, costBytes: 0 }
  }
  const flags = body[start + 4]
  if (magic !== 0xfd2fb528 || flags === undefined) return undefined
  const singleSegment = (flags & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0
  const sizeAt = start + (singleSegment ? 5 : 6) + dictionaryBytes
  const contentBytes = unsigned(body, sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
  const windowBytes = singleSegment ? contentBytes : windowOf(body[start + 5] ?? 0)

  const blockCostBytes = windowBytes + LARGEST_BLOCK_BYTES
  const blockEnds: number[] = []
  let at = sizeAt + sizeBytes
  for (let last = false; !last; ) {
    if (at + 3 > body.length) return undefined
    const header = unsigned(body, at, 3)
    last = (header & 1) === 1
    at += 3 + (((header >> 1) & 3) === RLE_BLOCK ? 1 : header >> 3)
    blockEnds.push(at)
    if (blockEnds.length * blockCostBytes > mostCost) break
  }
  const end = at + ((flags & 4) !== 0 ? 4 : 0)
  if (end > body.length) return undefined
  return { start, end, windowBytes, blockEnds, blockCostBytes, costBytes: blockEnds.length * blockCostBytes }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** A little-endian number of up to eight bytes; bytes past the end count as 0. */
function unsigned(body: Uint8Array, at: number, bytes: number): number {
  let value = 0
  for (let index = bytes - 1; index >= 0; index--) value = value * 256 + (body[at + index] ?? 0)
  return value
}
