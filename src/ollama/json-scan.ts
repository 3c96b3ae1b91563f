import { spellsKey } from './json-key.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b

/** What a byte outside of strings means to the scan; numbers, words and white space mean nothing. */
const NOTHING = 0
const STRING = 1
const OPEN = 2
const CLOSE = 3
const COLON = 4
const COMMA = 5
/** Outside of strings, JSON has the letter n at the beginning of `null` alone. */
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

/** The end of a string is looked for byte by byte this far, then by the engine's own search. */
const NEAR_BYTES = 32
/** The engine's own search passes this many bytes in the time of one step, and its call takes so many steps. */
const FAR_BYTES_A_STEP = 8
const CALL_STEPS = 16
/** What a top-level key costs beside its bytes. */
const KEY_STEPS = 8

/** A top-level key that somebody asks for. */
export interface WantedKey<Key extends string> {
  readonly key: Key
  /** Whether `null` empties the field that Ollama decodes the key into (a slice, a pointer) or keeps it (a string). */
  readonly nullEmpties: boolean
}

const utf8 = new TextDecoder()

/**
 * Finds the wanted top-level keys of a JSON body without parsing it, as Go's decoder reads it: only the first value
 * counts, keys match without case, escapes in keys count, and the last of duplicate keys wins. The scan is linear,
 * has no recursion, copies nothing, and stops where it is told to, so that a large body does not hold up other calls.
 *
 * The scan is lenient on purpose: in a body that is not JSON it finds something or nothing. Ollama refuses such a
 * body, so nothing runs. What Ollama accepts must be read exactly.
 */
export class TopLevelScan<Key extends string> {
  readonly #body: Uint8Array
  readonly #wanted: readonly WantedKey<Key>[]
  /** Where the value of each wanted key starts and ends, white space included; undefined while there is none. */
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #at = 0
  /** Braces and brackets that are open. */
  #depth = 0
  #inString = false
  #keyExpected = true
  #stringStart = 0
  /** Which wanted key the value at hand belongs to; -1 for any other key. */
  #key = -1
  #valueStart = 0
  #isNull = false
  #steps = 0

  constructor(body: Uint8Array, wanted: readonly WantedKey<Key>[]) {
    this.#body = body
    this.#wanted = wanted
  }

  /** Steps taken so far. One step takes about the time of one byte. */
  get steps(): number {
    return this.#steps
  }

  /** Bytes of the value under a key, with the white space around it; 0 when there is none. */
  size(key: Key): number {
    const index = this.#indexOf(key)
    return (this.#ends[index] ?? 0) - (this.#starts[index] ?? 0)
  }

  /** The value under a key as raw text; undefined when there is none. */
  text(key: Key): string | undefined {
    const index = this.#indexOf(key)
    const end = this.#ends[index]
    return end === undefined ? undefined : utf8.decode(this.#body.subarray(this.#starts[index], end)).trim()
  }

  /** Goes on for about `most` steps. @returns whether the scan is over. */
  advance(most: number): boolean {
    const body = this.#body
    const start = this.#at
    const reach = Math.min(body.length, start + most * FAR_BYTES_A_STEP)
    const inReach = reach < body.length ? body.subarray(0, reach) : body
    let limit = Math.min(reach, start + most)
    let at = start
    let depth = this.#depth
    let inString = this.#inString
    /** Bytes that were passed without a step for each. */
    let saved = 0
    let over = false
    while (depth === 0 && at < limit && !over) {
      const byte = body[at++]
      if (byte === OPEN_BRACE) depth = 1
      else over = byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09
    }
    while (at < limit && !over) {
      if (!inString) {
        const meaning = MEANING[body[at++] ?? 0]
        if (meaning === NOTHING) continue
        if (meaning === STRING) {
          inString = true
          if (depth === 1) this.#stringStart = at
        } else if (meaning === OPEN) depth++
        else if (meaning === CLOSE) {
          over = --depth === 0
          if (over) this.#endValue(at - 1)
        } else if (depth === 1) this.#punctuate(meaning, at)
        continue
      }
      const near = Math.min(limit, at + NEAR_BYTES)
      at = nearQuote(body, at, near)
      if (at < near) {
        if (depth === 1 && this.#keyExpected) {
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
    this.#depth = depth
    this.#inString = inString
    return over || at >= body.length
  }

  #endKey(end: number): void {
    this.#keyExpected = false
    for (let index = 0; index < this.#wanted.length; index++) {
      const wanted = this.#wanted[index]
      if (wanted && spellsKey(this.#body, this.#stringStart, end, wanted.key)) this.#key = index
    }
  }

  /** A colon, a comma or the beginning of `null` in the top-level object, which ends before `after`. */
  #punctuate(meaning: number | undefined, after: number): void {
    if (meaning === COLON) {
      this.#valueStart = after
      this.#isNull = false
    } else if (meaning === COMMA) this.#endValue(after - 1)
    else this.#isNull = true
  }

  #endValue(end: number): void {
    const nullEmpties = this.#wanted[this.#key]?.nullEmpties
    if (nullEmpties !== undefined && (nullEmpties || !this.#isNull)) {
      this.#starts[this.#key] = this.#valueStart
      this.#ends[this.#key] = end
    }
    this.#key = -1
    this.#keyExpected = true
  }

  #indexOf(key: Key): number {
    let index = 0
    while (index < this.#wanted.length && this.#wanted[index]?.key !== key) index++
    return index
  }
}

/** The string that a raw JSON value stands for; undefined when it is none. */
export function stringValue(raw: string | undefined): string | undefined {
  if (raw === undefined || raw[0] !== '"') return undefined
  try {
    const value: unknown = JSON.parse(raw)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** Index of the first quote between `from` and `limit` that no backslash escapes; `limit` or the index after it without one. */
function nearQuote(body: Uint8Array, from: number, limit: number): number {
  let at = from
  while (at < limit) {
    const byte = body[at]
    if (byte === QUOTE) return at
    at += byte === BACKSLASH ? 2 : 1
  }
  return at
}

/** How many backslashes stand before `end`, from `from` on. An odd number of them escapes what stands at `end`. */
function backslashesBefore(body: Uint8Array, end: number, from: number): number {
  let at = end
  while (at > from && body[at - 1] === BACKSLASH) at--
  return end - at
}
