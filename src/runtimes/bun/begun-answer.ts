import type { BegunAnswer } from '../../relay/begun-answer.ts'
import { headerPairs } from '../answer-forwarding.ts'
import { StreamedBody } from './answer-body.ts'

/** The client's side of an answer. */
export interface Client {
  /** The answer ends at this moment. Its connection is kept for the next request. */
  keepAlive(): void
  /** Has the connection closed soon after the end of the answer. */
  closeSoon(): void
  /** The answer is over, however it ended. */
  finished(): void
}

/** An answer that begins before Ollama's, for a client of Bun.serve. */
export class BunBegunAnswer implements BegunAnswer {
  readonly response: Response
  readonly body: StreamedBody
  readonly #client: Client
  /** Called with true when the client is full, and with false when the client has room again. */
  onFull: ((isFull: boolean) => void) | undefined

  constructor(headers: readonly string[], client: Client) {
    this.#client = client
    this.body = new StreamedBody((isFull) => this.onFull?.(isFull))
    this.response = new Response(this.body.stream, { status: 200, headers: headerPairs(headers) })
  }

  sign(text: string): void {
    if (!this.body.full) this.body.write(Buffer.from(text))
  }

  finish(text: string): void {
    this.body.write(Buffer.from(text))
    this.body.end(
      () => this.#client.finished(),
      () => this.#client.keepAlive(),
    )
  }
}
