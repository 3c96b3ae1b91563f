import { type DirectController, directBody } from './bun-api.ts'

/** A response's body that Ollama's bytes are written into. After `end`, `break` or `drop` nothing more is written. */
export interface AnswerBody {
  readonly stream: ReadableStream<Uint8Array>
  /** Whether its framing lets something be added to it. */
  readonly hasRoom: boolean
  write(part: Uint8Array): void
  /**
   * `done` runs when the last byte is with the client's socket; `last` right before the client is told of the end,
   * while Bun still knows the request.
   */
  end(done: () => void, last?: () => void): void
  /** Breaks the client's connection off. */
  break(): void
  /** The client is gone: lets go of everything. */
  drop(): void
}

/**
 * A body of unknown length, chunk for chunk: each write is flushed, or Bun would join them. `full` is told when the
 * client has no room for more, and when it has again.
 */
export class StreamedBody implements AnswerBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly hasRoom = true
  readonly #full: (is: boolean) => void
  #client: DirectController | undefined
  #release: () => void = () => {}
  /** Written before Bun asked for the body, or while the client was full. */
  #held: Uint8Array[] = []
  #waits = false
  #ended: (() => void) | undefined
  #last: (() => void) | undefined
  #broken = false
  #over = false

  constructor(full: (is: boolean) => void) {
    this.#full = full
    this.stream = directBody({
      type: 'direct',
      pull: (client) => this.#begin(client),
      cancel: () => this.drop(),
    })
  }

  write(part: Uint8Array): void {
    if (this.#over) return
    if (this.#client === undefined || this.#waits) this.#held.push(part)
    else this.#push(this.#client, part)
  }

  end(done: () => void, last?: () => void): void {
    this.#ended = done
    this.#last = last
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
    this.#waits = true
    this.#full(true)
    const resume = (): void => {
      this.#waits = false
      if (!this.#over) this.#resume()
    }
    taken.then(resume, resume)
  }

  #resume(): void {
    while (this.#held.length > 0 && !this.#waits) {
      for (const part of this.#held.splice(0)) this.write(part)
    }
    if (this.#waits) return
    this.#full(false)
    this.#settle()
  }

  #settle(): void {
    const client = this.#client
    if (client === undefined || this.#over) return
    if (this.#broken) {
      this.#over = true
      client.close(new Error('Ollama broke off'))
      this.#release()
    } else if (this.#ended && !this.#waits && this.#held.length === 0) {
      this.#over = true
      this.#last?.()
      client.end()
      this.#release()
      this.#ended()
    }
  }
}

/** Bytes of a sized body that may wait for the client before Ollama is held back. */
const ROOM_BYTES = 256 * 1024

/** A body of an announced length, told how much of it Bun has taken. Bun announces no length for a stream and sends it in chunks. */
export class SizedBody implements AnswerBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly hasRoom = false
  readonly #full: (is: boolean) => void
  #client: ReadableStreamDefaultController<Uint8Array> | undefined
  #ended: (() => void) | undefined
  #last: (() => void) | undefined
  #over = false

  constructor(full: (is: boolean) => void, onCancel: () => void) {
    this.#full = full
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (client) => {
          this.#client = client
        },
        pull: () => {
          full(false)
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
    if (this.#roomBytes <= 0) this.#full(true)
  }

  end(done: () => void, last?: () => void): void {
    this.#ended = done
    this.#last = last
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

  /** Ends once nothing waits for the client any more. */
  #settle(): void {
    if (this.#over || !this.#ended || this.#roomBytes < ROOM_BYTES) return
    this.#over = true
    this.#last?.()
    this.#client?.close()
    this.#ended()
  }
}
