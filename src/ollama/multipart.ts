import { plainParameters } from './form-header.ts'
import { MOST_NAME_BYTES } from './model-name.ts'
import { Unreadable } from './unreadable.ts'

const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d

/** The head of a real part has a few hundred bytes. */
const MOST_HEAD_BYTES = 64 * 1024
/** Parts before the model ends the search. The transcription API has about ten fields. */
const MOST_PARTS = 100
/** Steps of one byte of a head. */
const HEAD_STEPS = 4

const HEADER = /^([!#$%&'*+\-.^_`|~\w]+):([\t\x20-\x7e\x80-\uffff]*)$/
/** Encodings that do not change the bytes of a part. */
const IDENTITY = /^(?:7bit|8bit|binary)$/i

/** For Go, a byte-order mark is a letter like any other. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/**
 * Finds the first text field `model` in a multipart/form-data body (RFC 7578). The scan understands the plain grammar
 * that clients write: curl, browsers, requests, httpx, undici, Go. In such a form Ollama's reader, Go's mime/multipart,
 * is sure to find the same model. The scan refuses anything else: lines that end in LF alone, folded headers, text
 * before the first boundary, blanks behind a boundary, a field without a name. The scan is linear. It works in
 * stretches, so that a large form does not delay other calls.
 *
 * All methods throw Unreadable invalid_form.
 */
export class FormScan {
  readonly #body: Uint8Array
  /** A line end, two dashes and the boundary. Its only CR is its first byte, so a failed match need not go back. */
  readonly #delimiter: Uint8Array
  /** 1 for each byte value that the delimiter contains. */
  readonly #inDelimiter = new Uint8Array(256)
  #at: number
  /** How many bytes of the delimiter come right before `#at`. */
  #matched = 0
  #parts = 0
  #inHead = true
  #isModel = false
  #contentStart = 0
  #model: string | undefined
  #over = false
  #steps = 0

  constructor(body: Uint8Array, boundary: string) {
    this.#body = body
    this.#delimiter = encoder.encode(`\r\n--${boundary}`)
    for (const byte of this.#delimiter) this.#inDelimiter[byte] = 1
    const dashed = this.#delimiter.subarray(2)
    if (!startsWith(body, dashed, 0)) throw new Unreadable('invalid_form')
    this.#at = dashed.length
    this.#endBoundary()
  }

  /** Steps taken so far. One step takes about the time of one byte. */
  get steps(): number {
    return this.#steps
  }

  /** Undefined: the form has no model, or the scan is not over. */
  get model(): string | undefined {
    return this.#model
  }

  /** Scans on for about `most` steps. @returns whether the scan is over. */
  advance(most: number): boolean {
    const until = this.#steps + most
    while (!this.#over && this.#steps < until) {
      if (this.#inHead) this.#readHead()
      else this.#findDelimiter(until)
    }
    return this.#over
  }

  #readHead(): void {
    const room = this.#body.subarray(this.#at, this.#at + MOST_HEAD_BYTES)
    const size = headSize(room)
    const head = utf8.decode(room.subarray(0, size))
    this.#isModel = describesModel(head)
    this.#steps += size * HEAD_STEPS
    this.#at += size + 4
    this.#contentStart = this.#at
    this.#inHead = false
    // Go reads a boundary here as the end of an empty part. Clients write a line end before the boundary.
    if (startsWith(this.#body, this.#delimiter.subarray(2), this.#at)) throw new Unreadable('invalid_form')
  }

  #findDelimiter(until: number): void {
    const body = this.#body
    const delimiter = this.#delimiter
    const { length } = delimiter
    let at = this.#at
    let matched = this.#matched
    let steps = this.#steps
    while (matched < length && steps < until) {
      if (at >= body.length) throw new Unreadable('invalid_form')
      steps++
      // A delimiter that begins in the next `length` bytes contains the last of them. The delimiter has no such byte.
      if (matched === 0 && this.#inDelimiter[body[at + length - 1] ?? 0] === 0) {
        at += length
        continue
      }
      const byte = body[at++]
      if (byte === delimiter[matched]) matched++
      else matched = byte === CR ? 1 : 0
    }
    this.#at = at
    this.#matched = matched
    this.#steps = steps
    if (matched === length) this.#endContent()
  }

  #endContent(): void {
    const end = this.#at - this.#delimiter.length
    this.#endBoundary()
    if (!this.#isModel) return
    if (end - this.#contentStart > MOST_NAME_BYTES) throw new Unreadable('invalid_form')
    this.#model = utf8.decode(this.#body.subarray(this.#contentStart, end))
    this.#over = true
  }

  /** Reads behind a boundary: a line end and the next part, or two dashes and the end of the form. */
  #endBoundary(): void {
    const first = this.#body[this.#at]
    const second = this.#body[this.#at + 1]
    this.#over = first === DASH && second === DASH
    if (this.#over) return
    if (first !== CR || second !== LF || this.#parts === MOST_PARTS) throw new Unreadable('invalid_form')
    this.#parts++
    this.#at += 2
    this.#matched = 0
    this.#inHead = true
  }
}

/** Whether a head belongs to a text field `model`. `head`: its lines, without the empty line at the end. */
function describesModel(head: string): boolean {
  let parameters: ReadonlyMap<string, string> | undefined
  let encoded = false
  for (const line of head.split('\r\n')) {
    const [, name, value = ''] = HEADER.exec(line) ?? []
    if (name === undefined) throw new Unreadable('invalid_form')
    const content = value.replace(/^[\t ]+/, '')
    switch (name.toLowerCase()) {
      case 'content-disposition':
        if (parameters !== undefined || !/^form-data/i.test(content)) throw new Unreadable('invalid_form')
        parameters = plainParameters(content.slice('form-data'.length))
        break
      case 'content-transfer-encoding':
        encoded ||= !IDENTITY.test(content)
    }
  }
  const field = parameters?.get('name')
  if (field === undefined) throw new Unreadable('invalid_form')
  if (field !== 'model') return false
  // No client sends its model as a file or in an encoding.
  if (encoded || parameters?.has('filename') || parameters?.has('filename*'))
    throw new Unreadable('invalid_form')
  return true
}

/** Bytes of a head, without the empty line at its end. `room`: the bytes from the head on. */
function headSize(room: Uint8Array): number {
  for (let at = room.indexOf(LF); at > 0; at = room.indexOf(LF, at + 1)) {
    if (room[at - 1] === CR && room[at + 1] === CR && room[at + 2] === LF) return at - 1
  }
  throw new Unreadable('invalid_form')
}

function startsWith(body: Uint8Array, sought: Uint8Array, at: number): boolean {
  for (let index = 0; index < sought.length; index++) if (body[at + index] !== sought[index]) return false
  return true
}
