/** A decoded object. Go ignores the case of keys and takes the last of equal keys, so all entries are kept in order. */
export class GoObject {
  readonly entries: readonly (readonly [string, GoValue])[]

  constructor(entries: readonly (readonly [string, GoValue])[]) {
    this.entries = entries
  }
}

export type GoValue = null | boolean | number | string | readonly GoValue[] | GoObject

/** The message is that of Go's decoder, word for word. `EOF`: the input is empty or white space. */
export class GoSyntaxError extends Error {
  override readonly name = 'GoSyntaxError'
}

/** As in Go. */
const MAX_DEPTH = 10_000

/** The first JSON value of the body. As with json.Decoder, bytes after this value are ignored. Throws GoSyntaxError. */
export function decodeFirst(body: Buffer): GoValue {
  return new GoDecoder(body).first()
}

class GoDecoder {
  readonly #body: Buffer
  #at = 0
  #depth = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  first(): GoValue {
    this.#skipSpace()
    if (this.#at >= this.#body.length) throw new GoSyntaxError('EOF')
    return this.#value()
  }

  #value(): GoValue {
    switch (this.#next()) {
      case '{':
        return new GoObject(this.#list('}', 'after object key:value pair', () => this.#entry()))
      case '[':
        return this.#list(']', 'after array element', () => this.#value())
      case '"':
        return this.#string()
      case 't':
        return this.#literal('true', true)
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      default:
        return this.#number()
    }
  }

  /** The items of an object or array, up to its closing bracket. `after`: what Go calls the place behind an item. */
  #list<T>(close: string, after: string, read: () => T): T[] {
    if (++this.#depth > MAX_DEPTH) throw new GoSyntaxError('exceeded max depth')
    this.#at++
    const items: T[] = []
    let end = this.#next()
    if (end === close) this.#at++
    while (end !== close) {
      items.push(read())
      end = this.#next()
      if (end !== ',' && end !== close) this.#fail(after)
      this.#at++
    }
    this.#depth--
    return items
  }

  #entry(): [string, GoValue] {
    if (this.#next() !== '"') this.#fail('looking for beginning of object key string')
    const key = this.#string()
    if (this.#next() !== ':') this.#fail('after object key')
    this.#at++
    return [key, this.#value()]
  }

  #string(): string {
    const start = ++this.#at
    let escaped = false
    for (;;) {
      const byte = this.#byte()
      if (byte === 0x22) break
      if (byte < 0x20) this.#fail('in string literal')
      if (byte === 0x5c) {
        escaped = true
        this.#at++
        this.#escape()
      } else this.#at++
    }
    const text = this.#body.toString('utf8', start, this.#at++)
    return escaped ? JSON.parse(`"${text}"`) : text
  }

  #escape(): void {
    const kind = String.fromCharCode(this.#byte())
    if (!'"\\/bfnrtu'.includes(kind)) this.#fail('in string escape code')
    this.#at++
    if (kind !== 'u') return
    for (let digits = 0; digits < 4; digits++) {
      if (!/[0-9a-fA-F]/.test(String.fromCharCode(this.#byte())))
        this.#fail('in \\u hexadecimal character escape')
      this.#at++
    }
  }

  #literal<T>(word: string, value: T): T {
    for (let index = 0; index < word.length; index++) {
      const expected = word.charAt(index)
      if (String.fromCharCode(this.#byte()) !== expected) {
        this.#fail(`in literal ${word} (expecting '${expected}')`)
      }
      this.#at++
    }
    return value
  }

  #number(): number {
    const start = this.#at
    if (this.#peek() === '-') {
      this.#at++
      this.#byte()
      if (!isDigit(this.#peek())) this.#fail('in numeric literal')
    } else if (!isDigit(this.#peek())) this.#fail('looking for beginning of value')
    if (this.#peek() === '0') this.#at++
    else this.#digits('in numeric literal')
    if (this.#peek() === '.') {
      this.#at++
      this.#digits('after decimal point in numeric literal')
    }
    if (this.#peek() === 'e' || this.#peek() === 'E') {
      this.#at++
      if (this.#peek() === '+' || this.#peek() === '-') this.#at++
      this.#digits('in exponent of numeric literal')
    }
    return Number(this.#body.toString('latin1', start, this.#at))
  }

  #digits(where: string): void {
    this.#byte()
    if (!isDigit(this.#peek())) this.#fail(where)
    while (isDigit(this.#peek())) this.#at++
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.#peek())) this.#at++
  }

  /** The next character after white space. Throws GoSyntaxError at the end of the body. */
  #next(): string {
    this.#skipSpace()
    return String.fromCharCode(this.#byte())
  }

  #peek(): string {
    const byte = this.#body[this.#at]
    return byte === undefined ? '' : String.fromCharCode(byte)
  }

  #byte(): number {
    const byte = this.#body[this.#at]
    if (byte === undefined) throw new GoSyntaxError('unexpected EOF')
    return byte
  }

  #fail(where: string): never {
    throw new GoSyntaxError(`invalid character ${quoted(this.#byte())} ${where}`)
  }
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9' && char !== ''
}

function quoted(byte: number): string {
  const char = String.fromCharCode(byte)
  if (char === "'") return "'\\''"
  if (char === '"') return "'\"'"
  if (char === '\\') return "'\\\\'"
  const control = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' }[char]
  if (control) return `'${control}'`
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`
  return byte > 0x7f && byte < 0xa1 ? `'\\u00${byte.toString(16)}'` : `'${char}'`
}
