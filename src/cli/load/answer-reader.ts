import { StringDecoder } from 'node:string_decoder'

/** How the bytes of an answer are to be read: lines of JSON, events, or one whole. */
export type Format = 'ndjson' | 'sse' | 'whole'

/** A line or a whole answer that is longer is not looked at to its end. */
const LONGEST_TEXT = 2 ** 20
// In JSON a quote inside a text is escaped, so none of these can be found in what a model said.
const TOKENS = /"(?:eval_count|completion_tokens|output_tokens)":\s*(\d{1,15})\b/g
const ERROR = /^\s*\{\s*"(?:error"|type":\s*"(?:error|response\.failed)")/
const ERROR_EVENT = /^event:\s*(?:error|response\.failed)\s*$/
const LAST_LINE = /"done":\s*true/
const LAST_DATA = /^\s*\[DONE\]/
const LAST_EVENT = /^event:\s*(?:message_stop|response\.completed|response\.incomplete)\s*$/

export function formatOf(contentType: string | undefined): Format {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return type === 'application/x-ndjson' ? 'ndjson' : type === 'text/event-stream' ? 'sse' : 'whole'
}

/** What became of an answer whose status was good. */
export interface Reading {
  /** Why it is no good answer after all; undefined when it is one. */
  readonly flaw: string | undefined
  /** As the answer itself says; 0 when it does not. */
  readonly tokens: number
}

/** Reads the answer to one call while it comes. */
export class AnswerReader {
  readonly #format: Format
  readonly #onPiece: () => void
  readonly #decoder = new StringDecoder('utf8')
  #text = ''
  #tokens = 0
  #ended = false
  /** The beginning of a whole answer, or of a line, is not kept any more. */
  #cut = false
  #flaw: string | undefined

  /** `onPiece` is told of each line or event of a stream. */
  constructor(format: Format, onPiece: () => void) {
    this.#format = format
    this.#onPiece = onPiece
  }

  take(chunk: Buffer): void {
    const text = this.#decoder.write(chunk)
    // Only what is new is looked through: what came before has no end of a line.
    const lines = this.#format === 'whole' ? [text] : text.split('\n')
    lines[0] = this.#text + lines[0]
    this.#text = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    this.#cut ||= this.#text.length > LONGEST_TEXT
    // Now and then, since cutting takes a copy.
    if (this.#text.length > 2 * LONGEST_TEXT) this.#text = this.#text.slice(-LONGEST_TEXT)
  }

  /** To be called when the last byte was taken. */
  end(): Reading {
    if (this.#format === 'whole') this.#whole(this.#text)
    else {
      this.#line(this.#text)
      if (!this.#ended) this.#flaw ??= 'stream cut short'
    }
    return { flaw: this.#flaw, tokens: this.#tokens }
  }

  #whole(text: string): void {
    this.#count(text)
    if (this.#cut) return
    const whole = text.trim()
    // Enough to tell an answer of Ollama from a page of whatever else may stand there.
    if (!whole.startsWith('{') || !whole.endsWith('}')) this.#flaw = 'answer is not JSON'
    else if (ERROR.test(text)) this.#flaw = 'error inside the answer'
  }

  #line(line: string): void {
    if (this.#format === 'ndjson') {
      if (line.trim() === '') return
      this.#piece(line)
      if (LAST_LINE.test(line)) this.#ended = true
    } else if (line.startsWith('data:')) {
      const data = line.slice('data:'.length)
      this.#piece(data)
      if (LAST_DATA.test(data)) this.#ended = true
    } else if (ERROR_EVENT.test(line)) this.#fail()
    else if (LAST_EVENT.test(line)) this.#ended = true
  }

  #piece(content: string): void {
    this.#onPiece()
    this.#count(content)
    if (ERROR.test(content)) this.#fail()
  }

  #fail(): void {
    this.#flaw ??= 'error inside the stream'
  }

  /** The last figure counts: a stream may tell how far it is on the way. */
  #count(content: string): void {
    for (const [, tokens] of content.matchAll(TOKENS)) this.#tokens = Number(tokens)
  }
}
