import { StringDecoder } from 'node:string_decoder'

/** Format of an answer: lines of JSON, server-sent events, or one whole text. */
export type Format = 'ndjson' | 'sse' | 'whole'

/** In characters. Of a longer line or whole answer, only the end is kept. */
const LONGEST_TEXT = 2 ** 20
// JSON escapes quotes inside texts, so these patterns cannot match the words of a model.
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

/** Result of reading an answer with a 2xx status. */
export interface Reading {
  /** Why the answer failed despite its status; undefined for a good answer. */
  readonly flaw: string | undefined
  /** Tokens, as the answer reports them; 0 when the answer does not. */
  readonly tokens: number
}

/** Reads the answer to one call while it arrives. */
export class AnswerReader {
  readonly #format: Format
  readonly #onPiece: () => void
  readonly #decoder = new StringDecoder('utf8')
  #text = ''
  #tokens = 0
  #ended = false
  /** The beginning of the text was dropped. */
  #truncated = false
  #flaw: string | undefined

  /** `onPiece` is called for each line or event of a stream. */
  constructor(format: Format, onPiece: () => void) {
    this.#format = format
    this.#onPiece = onPiece
  }

  take(chunk: Buffer): void {
    const text = this.#decoder.write(chunk)
    // Only the new text is searched for line ends: the text before has none.
    const lines = this.#format === 'whole' ? [text] : text.split('\n')
    lines[0] = this.#text + lines[0]
    this.#text = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    this.#truncated ||= this.#text.length > LONGEST_TEXT
    // Not at every chunk, since slice copies the text.
    if (this.#text.length > 2 * LONGEST_TEXT) this.#text = this.#text.slice(-LONGEST_TEXT)
  }

  /** Call this after the last chunk. */
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
    if (this.#truncated) return
    const whole = text.trim()
    // This is enough to recognise the page of another program.
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

  /** The last figure counts: a stream may report its tokens several times. */
  #count(content: string): void {
    for (const [, tokens] of content.matchAll(TOKENS)) this.#tokens = Number(tokens)
  }
}
