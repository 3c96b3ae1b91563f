import { spellsKey, type WantedKey } from './json-key.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACKET = 0x5d

/** What a byte outside of strings means to the scan. Numbers, words and white space mean nothing. */
const NOTHING = 0
const STRING = 1
const OPEN = 2
const CLOSE = 3
const COLON = 4
const COMMA = 5
/** The letter n. Outside of strings, JSON has an n only at the beginning of `null`. */
const NULL = 6
const MEANING = new Uint8Array(256)
for (const [letters, meaning] of [
  ['"', STRING],
  ['{[', OPEN],
  ['}]', CLOSE],
  [':', COLON],
  [',', COMMA],
  ['n', NULL],
] as const) {
  for (const letter of letters) MEANING[letter.charCodeAt(0)] = meaning
}

/** The scan looks for the end of a string byte by byte for so many bytes, then with the engine's own search. */
const NEAR_BYTES = 32
/** The engine's search passes so many bytes in the time of one step. Each call of the search costs CALL_STEPS. */
const FAR_BYTES_A_STEP = 8
const CALL_STEPS = 16
/** Steps of a top-level key, besides the steps of its bytes. */
const KEY_STEPS = 8

const utf8 = new TextDecoder()

/**
 * Finds top-level keys of a JSON body without parsing the body. It reads the body as Go's decoder does: only the first
 * value counts, keys match without case, escapes in keys count, and the last of several equal keys wins. The scan is
 * linear, has no recursion and copies nothing. It works in stretches, so that a large body does not delay other calls.
 *
 * In a body that is not JSON the scan may find a key or not. That is intended: Ollama refuses such a body, so no model
 * runs. A body that Ollama accepts must be read exactly.
 */
export class TopLevelScan<Key extends string> {
  readonly #body: Uint8Array
  readonly #wanted: readonly WantedKey<Key>[]
  /** Index of the wanted key whose array is counted. -1: none. */
  readonly #counted: number
  /** Level of the top-level object: 1, or 0 in a scan that counts: there the elements of an array are at level 1. */
  readonly #top: number
  /** Where the value of each wanted key starts and ends, with its white space. Undefined: no value was found yet. */
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #at = 0
  /** Level 1 is the deepest whose punctuation means something, so the loop compares the level with a constant. */
  #level: number
  #begun = false
  #inString = false
  #keyExpected = true
  #stringStart = 0
  /** Index of the wanted key whose value the scan is in. -1: any other key. */
  #key = -1
  #valueStart = 0
  #isNull = false
  /** Commas at level 1 of a scan that counts, since the last bracket that closed there. */
  #commas = 0
  /** Elements of the value that the scan is in. */
  #elementsHere = 1
  #elements = 1
  #steps = 0

  /** `counted`: the wanted key whose `elements` are counted. */
  constructor(body: Uint8Array, wanted: readonly WantedKey<Key>[], counted?: Key) {
    this.#body = body
    this.#wanted = wanted
    this.#counted = counted === undefined ? -1 : this.#indexOf(counted)
    this.#top = this.#counted < 0 ? 1 : 0
    this.#level = this.#top
  }

  /** Steps taken so far. One step takes about the time of one byte. */
  get steps(): number {
    return this.#steps
  }

  /** Elements of the array under the counted key. 1 for an empty array, for any other value and for no value. */
  get elements(): number {
    return this.#elements
  }

  /** Bytes of the value under a key, with the white space around the value. 0: no such key. */
  size(key: Key): number {
    const index = this.#indexOf(key)
    return (this.#ends[index] ?? 0) - (this.#starts[index] ?? 0)
  }

  /** The value under a key as raw text. Undefined: no such key. */
  text(key: Key): string | undefined {
    const index = this.#indexOf(key)
    const end = this.#ends[index]
    return end === undefined ? undefined : utf8.decode(this.#body.subarray(this.#starts[index], end)).trim()
  }

  /** Scans on for about `most` steps. @returns whether the scan is over. */
  advance(most: number): boolean {
    const body = this.#body
    const start = this.#at
    const reach = Math.min(body.length, start + most * FAR_BYTES_A_STEP)
    const inReach = reach < body.length ? body.subarray(0, reach) : body
    let limit = Math.min(reach, start + most)
    let at = start
    let level = this.#level
    let inString = this.#inString
    /** Bytes that cost no step. */
    let saved = 0
    let over = false
    while (!this.#begun && at < limit && !over) {
      const byte = body[at++]
      if (byte === OPEN_BRACE) this.#begun = true
      else over = byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09
    }
    while (at < limit && !over) {
      if (!inString) {
        const meaning = MEANING[body[at++] ?? 0]
        if (meaning === NOTHING) continue
        if (meaning === STRING) {
          inString = true
          if (level <= 1) this.#stringStart = at
        } else if (meaning === OPEN) level++
        else if (meaning === CLOSE) {
          if (--level < 1) over = this.#close(level, at - 1)
        } else if (level <= 1) this.#punctuate(meaning, level, at)
        continue
      }
      const near = Math.min(limit, at + NEAR_BYTES)
      at = nearQuote(body, at, near)
      if (at < near) {
        if (level <= 1 && this.#keyExpected) {
          this.#endKey(at)
          saved -= KEY_STEPS
          limit = Math.min(reach, start + most + saved)
        }
        inString = false
        at++
      } else if (at < limit) {
        const from = at
        const quote = inReach.indexOf(QUOTE, from)
        const stop = quote < 0 ? reach : quote
        const escapes = backslashesBefore(body, stop, from)
        at = stop
        if ((escapes & 1) === 1) at += quote < 0 ? -1 : 1
        const passed = stop - from
        saved += passed - Math.trunc(passed / FAR_BYTES_A_STEP) - escapes - CALL_STEPS
        limit = Math.min(reach, start + most + saved)
      }
    }
    this.#steps += at - start - saved
    this.#at = at
    this.#level = level
    this.#inString = inString
    return over || at >= body.length
  }

  #endKey(end: number): void {
    this.#keyExpected = false
    for (let index = 0; index < this.#wanted.length; index++) {
      const wanted = this.#wanted[index]
      if (wanted && spellsKey(this.#body, this.#stringStart, end, wanted)) this.#key = index
    }
  }

  /** Takes a colon, a comma or the n of `null` at a level up to 1. `after`: the index behind it. */
  #punctuate(meaning: number | undefined, level: number, after: number): void {
    if (level > this.#top) {
      if (meaning === COMMA) this.#commas++
    } else if (meaning === COLON) {
      this.#valueStart = after
      this.#isNull = false
    } else if (meaning === COMMA) this.#endValue(after - 1)
    else this.#isNull = true
  }

  /** Takes the closing bracket at `end`. `level`: the level behind the bracket. @returns whether the scan is over. */
  #close(level: number, end: number): boolean {
    if (level < this.#top) {
      this.#endValue(end)
      return true
    }
    if (this.#body[end] === CLOSE_BRACKET) this.#elementsHere = this.#commas + 1
    this.#commas = 0
    return false
  }

  #endValue(end: number): void {
    const nullEmpties = this.#wanted[this.#key]?.nullEmpties
    if (nullEmpties !== undefined && (nullEmpties || !this.#isNull)) {
      this.#starts[this.#key] = this.#valueStart
      this.#ends[this.#key] = end
      if (this.#key === this.#counted) this.#elements = this.#elementsHere
    }
    this.#elementsHere = 1
    this.#key = -1
    this.#keyExpected = true
  }

  #indexOf(key: Key): number {
    let index = 0
    while (index < this.#wanted.length && this.#wanted[index]?.key !== key) index++
    return index
  }
}

/** The string that a raw JSON value stands for. Undefined: the value is not a string. */
export function stringValue(raw: string | undefined): string | undefined {
  if (raw === undefined || raw[0] !== '"') return undefined
  try {
    const value: unknown = JSON.parse(raw)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** Index of the first unescaped quote from `from` on. Without such a quote: `limit`, or the index behind it. */
function nearQuote(body: Uint8Array, from: number, limit: number): number {
  let at = from
  while (at < limit) {
    const byte = body[at]
    if (byte === QUOTE) return at
    at += byte === BACKSLASH ? 2 : 1
  }
  return at
}

/** How many backslashes come right before `end`, back to `from`. An odd number escapes the byte at `end`. */
function backslashesBefore(body: Uint8Array, end: number, from: number): number {
  let at = end
  while (at > from && body[at - 1] === BACKSLASH) at--
  return end - at
}
