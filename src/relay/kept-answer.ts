/** Longer answers than this are no error messages. */
const MOST_KEPT_BYTES = 64 * 1024

/** An error answer of Ollama whose status came too late for the client. */
export class KeptAnswer {
  readonly status: number
  readonly #parts: Uint8Array[] = []
  #room = MOST_KEPT_BYTES

  constructor(status: number) {
    this.status = status
  }

  add(bytes: Uint8Array): void {
    const part = bytes.subarray(0, this.#room)
    this.#room -= part.length
    // A runtime may use the memory of a part again.
    if (part.length > 0) this.#parts.push(part.slice())
  }

  /** The body, as far as it was kept. */
  get text(): string {
    const decoder = new TextDecoder()
    return this.#parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode()
  }
}
