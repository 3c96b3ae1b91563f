import { BackwardBits, highBit, ZstdError } from './zstd-bits.ts'

/** A finite state entropy table (RFC 8878 section 4.1.1): for each state its symbol and the next states. */
export interface FseTable {
  /** Number of bits of a state. */
  readonly log: number
  readonly symbols: Uint8Array
  /** The next state is a base, plus the number in so many next bits. */
  readonly bits: Uint8Array
  readonly bases: Uint16Array
}

/** A table in which each state gives the same symbol. */
export function constantTable(symbol: number): FseTable {
  return { log: 0, symbols: new Uint8Array([symbol]), bits: new Uint8Array(1), bases: new Uint16Array(1) }
}

/** Builds the table of a distribution. `shares`: how many states each symbol has; -1 means less than one. */
export function fseTable(log: number, shares: readonly number[]): FseTable {
  const size = 1 << log
  const symbols = new Uint8Array(size)
  const next = new Uint16Array(shares.length)
  let high = size
  shares.forEach((share, symbol) => {
    next[symbol] = Math.abs(share)
    if (share === -1) symbols[--high] = symbol
  })
  const step = (size >> 1) + (size >> 3) + 3
  let at = 0
  shares.forEach((share, symbol) => {
    for (let placed = 0; placed < share; placed++) {
      symbols[at] = symbol
      do at = (at + step) & (size - 1)
      while (at >= high)
    }
  })
  const bits = new Uint8Array(size)
  const bases = new Uint16Array(size)
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] ?? 0
    const count = next[symbol] ?? 1
    next[symbol] = count + 1
    bits[state] = log - highBit(count)
    bases[state] = (count << (log - highBit(count))) - size
  }
  return { log, symbols, bits, bases }
}

/** Reads the description of a table that begins at `start`. @returns the table and the index behind its description. */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  end: number,
  most: { readonly log: number; readonly symbol: number },
): [table: FseTable, end: number] {
  let bit = start * 8
  const take = (count: number): number => {
    const at = bit >> 3
    const three = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
    const value = (three >> (bit & 7)) & ((1 << count) - 1)
    bit += count
    return value
  }
  const log = take(4) + 5
  if (log > most.log) throw new ZstdError('a table that is too large')
  const shares: number[] = []
  let left = 1 << log
  while (left > 0 && shares.length <= most.symbol) {
    // A share has as many bits as the largest share that is left, or one bit less where that is enough.
    const count = highBit(left + 1) + 1
    const half = 1 << (count - 1)
    const short = (1 << count) - 1 - (left + 1)
    let value = take(count)
    if ((value & (half - 1)) < short) {
      value &= half - 1
      bit--
    } else if (value >= half) value -= short
    const share = value - 1
    left -= Math.abs(share)
    shares.push(share)
    for (let repeat = share === 0 ? 3 : 0; repeat === 3 && shares.length <= most.symbol; ) {
      repeat = take(2)
      for (let zeros = 0; zeros < repeat; zeros++) shares.push(0)
    }
    if (bit > end * 8) throw new ZstdError('a table that is cut off')
  }
  if (left !== 0 || shares.length > most.symbol + 1) throw new ZstdError('a table that does not add up')
  return [fseTable(log, shares), (bit + 7) >> 3]
}

/** A Huffman table (RFC 8878 section 4.2): for any `log` bits, the symbol that they begin with and its bits. */
export interface HuffmanTable {
  readonly log: number
  readonly symbols: Uint8Array
  readonly bits: Uint8Array
}

const MOST_HUFFMAN_BITS = 11
const WEIGHTS = { log: 6, symbol: 255 }

/** Reads the description of a table that begins at `start`. @returns the table and the index behind its description. */
export function readHuffmanTable(
  bytes: Uint8Array,
  start: number,
  end: number,
): [table: HuffmanTable, end: number] {
  const header = bytes[start] ?? 0
  const size = header < 128 ? header : (header - 126) >> 1
  const behind = start + 1 + size
  if (behind > end) throw new ZstdError('a Huffman table that is cut off')
  const weights = header < 128 ? compressedWeights(bytes, start + 1, behind) : []
  for (let index = 0; index < header - 127; index++) {
    const pair = bytes[start + 1 + (index >> 1)] ?? 0
    weights.push(index % 2 === 0 ? pair >> 4 : pair & 15)
  }
  return [huffmanTable(weights), behind]
}

function compressedWeights(bytes: Uint8Array, start: number, end: number): number[] {
  const [table, streamStart] = readFseTable(bytes, start, end, WEIGHTS)
  const stream = new BackwardBits(bytes, streamStart, end)
  const weights: number[] = []
  let state = stream.read(table.log)
  let other = stream.read(table.log)
  if (stream.left < 0) throw new ZstdError('weights that are cut off')
  // Two states take turns. When the stream ends, the other state gives the last weight.
  while (weights.length < 255) {
    weights.push(table.symbols[state] ?? 0)
    const next = (table.bases[state] ?? 0) + stream.read(table.bits[state] ?? 0)
    if (stream.left < 0) {
      weights.push(table.symbols[other] ?? 0)
      return weights
    }
    state = other
    other = next
  }
  throw new ZstdError('too many weights')
}

function huffmanTable(weights: number[]): HuffmanTable {
  let sum = 0
  for (const weight of weights) {
    if (weight > MOST_HUFFMAN_BITS) throw new ZstdError('a weight that is too large')
    sum += weight > 0 ? 1 << (weight - 1) : 0
  }
  if (sum === 0 || weights.length > 255) throw new ZstdError('a Huffman table without weights')
  const log = highBit(sum) + 1
  // The description leaves out the weight of the last symbol, which fills the rest of the table.
  const rest = (1 << log) - sum
  if (log > MOST_HUFFMAN_BITS || rest !== 1 << highBit(rest))
    throw new ZstdError('weights that do not add up')
  weights.push(highBit(rest) + 1)

  const symbols = new Uint8Array(1 << log)
  const bits = new Uint8Array(1 << log)
  let at = 0
  for (let weight = 1; weight <= log; weight++) {
    weights.forEach((each, symbol) => {
      if (each !== weight) return
      const width = 1 << (weight - 1)
      symbols.fill(symbol, at, at + width)
      bits.fill(log + 1 - weight, at, at + width)
      at += width
    })
  }
  return { log, symbols, bits }
}
