const BACKSLASH = 0x5c
const LETTER_U = 0x75
const LONG_S = 0x17f
const KELVIN_SIGN = 0x212a

/** A top-level key that the scan looks for. */
export interface WantedKey<Key extends string> {
  readonly key: Key
  /** True: the key must be written as it is here. Absent: letters match in either case, as in Go. */
  readonly exact?: true
  /** True: `null` empties Ollama's field for this key (a slice, a pointer). False: the field keeps its value. */
  readonly nullEmpties: boolean
}

/**
 * Whether the bytes between the quotes of a JSON string spell the key. Letters match as in Go: ASCII in either case,
 * the long s for an s, the Kelvin sign for a k, and each of them as an escape. `key`: in lower case. With
 * `exact`, only lower case matches, plain or as an escape.
 *
 * The comparison is written by hand because a body can have millions of keys, and because full case folding is wrong:
 * a word with a sharp s would match `messages`, which Go does not do.
 */
export function spellsKey(
  body: Uint8Array,
  start: number,
  end: number,
  { key, exact }: Omit<WantedKey<string>, 'nullEmpties'>,
): boolean {
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
    if ((exact ? code : folded(code)) !== key.charCodeAt(index)) return false
  }
  return at === end
}

function folded(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code + 0x20
  if (code === LONG_S) return 0x73
  return code === KELVIN_SIGN ? 0x6b : code
}

/** The number that four hexadecimal digits write. NaN: a byte is not such a digit. */
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
