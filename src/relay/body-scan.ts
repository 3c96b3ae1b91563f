/** Top-level values of a JSON object as raw text; the last of duplicate keys wins, `null` overrules nothing. */
export type TopLevel<Key extends string> = { [K in Key]?: string }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const LETTER_U = 0x75
const LONG_S = 0x17f
const KELVIN_SIGN = 0x212a

/** A string's end is looked for byte by byte this far, then by the engine's own search, which costs a call. */
const NEAR_BYTES = 32

/** Enough to tell whether a prompt is empty. */
const LONGEST_VALUE_BYTES = 8192

const utf8 = new TextDecoder()

/**
 * Finds the wanted top-level keys of a JSON body without parsing it, as Go's decoder reads it: only the first
 * value counts, keys match without case, escapes in keys count. Linear, no recursion, and nothing is copied
 * but the wanted values, of which all but that of `inFull` are cut after 8 KiB.
 *
 * It is lenient on purpose: a body that is not JSON gives what was found so far, since the worst that follows
 * is that Ollama refuses a call that holds a slot. What Ollama accepts must be read exactly.
 */
export function scanTopLevel<Key extends string>(
  body: Uint8Array,
  wanted: readonly Key[],
  inFull?: Key,
): TopLevel<Key> {
  const found: TopLevel<Key> = {}
  let at = skipSpace(body, 0)
  if (body[at] !== OPEN_BRACE) return found
  at = skipSpace(body, at + 1)
  while (body[at] === QUOTE) {
    const keyEnd = endOfString(body, at)
    const key = wantedAt(body, at + 1, keyEnd - 1, wanted)
    at = skipSpace(body, keyEnd)
    if (body[at] !== COLON) return found
    const valueStart = skipSpace(body, at + 1)
    const valueEnd = endOfValue(body, valueStart)
    if (key !== undefined) {
      const end = key === inFull ? valueEnd : Math.min(valueEnd, valueStart + LONGEST_VALUE_BYTES)
      const text = utf8.decode(body.subarray(valueStart, end))
      if (text !== 'null') found[key] = text
    }
    at = skipSpace(body, valueEnd)
    if (body[at] !== COMMA) return found
    at = skipSpace(body, at + 1)
  }
  return found
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

function skipSpace(body: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const byte = body[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/** Index after the closing quote of the string that opens at `from`; the body's length when it never closes. */
function endOfString(body: Uint8Array, from: number): number {
  const end = body.length
  let at = from + 1
  for (;;) {
    const near = Math.min(end, at + NEAR_BYTES)
    while (at < near) {
      const byte = body[at]
      if (byte === QUOTE) return at + 1
      at += byte === BACKSLASH ? 2 : 1
    }
    if (at >= end) return end
    const quote = body.indexOf(QUOTE, at)
    if (quote < 0) return end
    let escapes = 0
    while (quote - 1 - escapes >= at && body[quote - 1 - escapes] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** Index after the value that starts at `from`. */
function endOfValue(body: Uint8Array, from: number): number {
  const first = body[from]
  if (first === QUOTE) return endOfString(body, from)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return endOfLiteral(body, from)
  let depth = 0
  let at = from
  const end = body.length
  while (at < end) {
    const byte = body[at]
    if (byte === QUOTE) {
      at = endOfString(body, at)
      continue
    }
    at++
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at
  }
  return end
}

/** Numbers, true, false, null: up to what cannot belong to them. */
function endOfLiteral(body: Uint8Array, from: number): number {
  let at = from
  while (at < body.length) {
    const byte = body[at]
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) break
    at++
  }
  return at
}

function wantedAt<Key extends string>(
  body: Uint8Array,
  start: number,
  end: number,
  wanted: readonly Key[],
): Key | undefined {
  for (const key of wanted) if (matches(body, start, end, key)) return key
  return undefined
}

/**
 * True when the string's bytes spell the key as Go folds it: ASCII letters in either case, the long s for an s and
 * the Kelvin sign for a k, any of them written as an escape. By hand, because a body can hold millions of keys;
 * and not by full case folding, which makes `messages` of a word with a sharp s that Ollama does not read so.
 */
function matches(body: Uint8Array, start: number, end: number, key: string): boolean {
  let at = start
  for (let index = 0; index < key.length; index++) {
    if (at >= end) return false
    let code = body[at++] ?? 0
    if (code === BACKSLASH) {
      if (body[at] !== LETTER_U) return false
      code = hexNumber(body, at + 1)
      at += 5
    } else if (code === 0xc5 && body[at] === 0xbf) {
      code = LONG_S
      at += 1
    } else if (code === 0xe2 && body[at] === 0x84 && body[at + 1] === 0xaa) {
      code = KELVIN_SIGN
      at += 2
    }
    if (folded(code) !== key.charCodeAt(index)) return false
  }
  return at === end
}

function folded(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code + 0x20
  if (code === LONG_S) return 0x73
  return code === KELVIN_SIGN ? 0x6b : code
}

/** The number in four hexadecimal digits; NaN when they are none. */
function hexNumber(body: Uint8Array, from: number): number {
  let number = 0
  for (let at = from; at < from + 4; at++) {
    const byte = body[at] ?? 0
    const letter = byte | 0x20
    if (byte >= 0x30 && byte <= 0x39) number = number * 16 + byte - 0x30
    else if (letter >= 0x61 && letter <= 0x66) number = number * 16 + letter - 0x57
    else return Number.NaN
  }
  return number
}
