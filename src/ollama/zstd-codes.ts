import { type FseTable, fseTable } from './zstd-tables.ts'

/** One of the three numbers of a sequence: how its codes are written, and what they mean. */
export interface Code {
  readonly most: { readonly log: number; readonly symbol: number }
  readonly predefined: FseTable
  /** For each code: the smallest number that it stands for, and how many bits follow to be added to the number. */
  readonly bases: readonly number[]
  readonly bits: readonly number[]
}

function code(
  log: number,
  shares: readonly number[],
  most: number,
  first: number,
  bits: readonly number[],
): Code {
  const bases: number[] = []
  let base = first
  for (const count of bits) {
    bases.push(base)
    base += 2 ** count
  }
  return { most: { log: most, symbol: bits.length - 1 }, predefined: fseTable(log, shares), bases, bits }
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)
const zeros = (count: number): number[] => new Array<number>(count).fill(0)

/** RFC 8878 sections 3.1.1.3.2.1 and 3.1.1.3.2.2. */
export const LITERAL_LENGTHS = code(
  6,
  [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
    -1, -1,
  ],
  9,
  0,
  [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, ...upTo(16).slice(5)],
)
export const MATCH_LENGTHS = code(
  6,
  [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
  ],
  9,
  3,
  [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, ...upTo(16).slice(6)],
)
export const OFFSETS = code(
  5,
  [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
  8,
  1,
  [0, ...upTo(31)],
)
