/** A request of our own for Ollama, as opposed to the requests of clients. */
export interface UpstreamQuestion {
  readonly method: 'GET' | 'POST'
  /** Path below `ollama_url`. */
  readonly path: string
  /** JSON. */
  readonly body?: string
  /** Bytes of the answer's body that are read at most. */
  readonly mostBytes: number
  /** Milliseconds from the question to the last byte of the answer. */
  readonly timeoutMs: number
}

export interface Reply {
  readonly status: number
  /** Target of a redirect. No question follows a redirect: the Authorization would go to the address in it. */
  readonly location?: string | undefined
  /** Read only with status 200; otherwise empty. */
  readonly body: string
  /** False when some or all of the body was not read. */
  readonly whole: boolean
}

/** Rejects when there is no answer in time. */
export type Ask = (question: UpstreamQuestion) => Promise<Reply>

/** The body of a reply as its bytes arrive. */
export class ReplyBody {
  readonly #decoder = new TextDecoder()
  #room: number
  #text = ''
  #whole = true

  constructor({ mostBytes }: UpstreamQuestion) {
    this.#room = mostBytes
  }

  /** Takes the next bytes. Returns false when a byte has no room; then the rest is not wanted. */
  add(part: Uint8Array): boolean {
    if (part.length > this.#room) this.#whole = false
    this.#text += this.#decoder.decode(part.subarray(0, this.#room), { stream: true })
    this.#room = Math.max(0, this.#room - part.length)
    return this.#whole
  }

  reply(status: number, location: string | undefined): Reply {
    return { status, location, body: this.#text, whole: this.#whole }
  }
}

/** Reads a body into a reply. The rest of a body that is too long is cancelled. */
export async function readReply(
  question: UpstreamQuestion,
  {
    status,
    location,
    body,
  }: { status: number; location: string | undefined; body: AsyncIterable<Uint8Array> },
): Promise<Reply> {
  const read = new ReplyBody(question)
  for await (const part of body) if (!read.add(part)) break
  return read.reply(status, location)
}

/** The reply of an answer whose body is not read. */
export function unreadReply(status: number, location: string | undefined): Reply {
  return { status, location, body: '', whole: false }
}
