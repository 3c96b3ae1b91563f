import { type DirectController, directBody } from './bun-api.ts'

/** The body of a response, written part by part. After `end`, `break` or `drop` nothing more is written. */
export interface AnswerBody {
  readonly stream: ReadableStream<Uint8Array>
  /** Whether bytes can be added that Ollama did not send: not where the length was announced. */
  readonly hasRoom: boolean
  write(part: Uint8Array): void
  /**
   * Calls `beforeEnd` right before the end goes to the client, while Bun still knows the request. Calls `done` when the
   * last byte is with the client's socket.
   */
  end(done: () => void, beforeEnd?: () => void): void
  /** Breaks the client's connection off. */
  break(): void
  /** The client left: frees everything. */
  drop(): void
}

/**
 * A body of unknown length, sent chunk for chunk. Each write is flushed, because Bun would join the chunks. `onFull` is
 * called with true when the client is full, and with false when the client has room again.
 */
export class StreamedBody implements AnswerBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly hasRoom = true
  readonly #onFull: (isFull: boolean) => void
  #client: DirectController | undefined
  #release: () => void = () => {}
  /** Parts that came before Bun asked for the body, or while the client was full. */
  #held: Uint8Array[] = []
  #clientFull = false
  #done: (() => void) | undefined
  #beforeEnd: (() => void) | undefined
  #broken = false
  #over = false

  constructor(onFull: (isFull: boolean) => void) {
    this.#onFull = onFull
    this.stream = directBody({
      type: 'direct',
      pull: (client) => this.#begin(client),
      cancel: () => this.drop(),
    })
  }

  get full(): boolean {
    return this.#clientFull
  }

  write(part: Uint8Array): void {
    if (this.#over) return
    if (this.#client === undefined || this.#clientFull) this.#held.push(part)
    else this.#push(this.#client, part)
  }

  end(done: () => void, beforeEnd?: () => void): void {
    this.#done = done
    this.#beforeEnd = beforeEnd
    this.#settle()
  }

  break(): void {
    this.#broken = true
    this.#settle()
  }

  drop(): void {
    this.#over = true
    this.#held = []
    this.#release()
  }

  #begin(client: DirectController): Promise<void> {
    this.#client = client
    const over = new Promise<void>((resolve) => {
      this.#release = resolve
    })
    if (this.#over) this.#release()
    else this.#resume()
    return over
  }

  #push(client: DirectController, part: Uint8Array): void {
    const taken = client.write(part)
    client.flush()
    if (typeof taken === 'number') return
    this.#clientFull = true
    this.#onFull(true)
    const resume = (): void => {
      this.#clientFull = false
      if (!this.#over) this.#resume()
    }
    taken.then(resume, resume)
  }

  #resume(): void {
    while (this.#held.length > 0 && !this.#clientFull) {
      for (const part of this.#held.splice(0)) this.write(part)
    }
    if (this.#clientFull) return
    this.#onFull(false)
    this.#settle()
  }

  #settle(): void {
    const client = this.#client
    if (client === undefined || this.#over) return
    if (this.#broken) {
      this.#over = true
      client.close(new Error('Ollama broke off'))
      this.#release()
    } else if (this.#done && !this.#clientFull && this.#held.length === 0) {
      this.#over = true
      this.#beforeEnd?.()
      client.end()
      this.#release()
      this.#done()
    }
  }
}

/** Bytes of a sized body that may wait for the client before Ollama is held back. */
const ROOM_BYTES = 256 * 1024

/** A body of an announced length. Bun announces no length for a direct stream, and sends that stream in chunks. */
export class SizedBody implements AnswerBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly hasRoom = false
  readonly #onFull: (isFull: boolean) => void
  #client: ReadableStreamDefaultController<Uint8Array> | undefined
  #done: (() => void) | undefined
  #beforeEnd: (() => void) | undefined
  #over = false

  constructor(onFull: (isFull: boolean) => void, onCancel: () => void) {
    this.#onFull = onFull
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (client) => {
          this.#client = client
        },
        pull: () => {
          onFull(false)
          this.#settle()
        },
        cancel: () => {
          this.drop()
          onCancel()
        },
      },
      { highWaterMark: ROOM_BYTES, size: (part) => part.length },
    )
  }

  write(part: Uint8Array): void {
    if (this.#over || part.length === 0) return
    this.#client?.enqueue(part)
    if (this.#roomBytes <= 0) this.#onFull(true)
  }

  end(done: () => void, beforeEnd?: () => void): void {
    this.#done = done
    this.#beforeEnd = beforeEnd
    this.#settle()
  }

  break(): void {
    if (!this.#over) this.#client?.error(new Error('Ollama broke off'))
    this.#over = true
  }

  drop(): void {
    this.#over = true
  }

  get #roomBytes(): number {
    return this.#client?.desiredSize ?? 0
  }

  /** Ends the body once Bun has taken all of it. */
  #settle(): void {
    if (this.#over || !this.#done || this.#roomBytes < ROOM_BYTES) return
    this.#over = true
    this.#beforeEnd?.()
    this.#client?.close()
    this.#done()
  }
}
