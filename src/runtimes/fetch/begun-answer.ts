import type { BegunAnswer } from '../../relay/begun-answer.ts'
import { headerPairs } from '../answer-forwarding.ts'

type Controller = ReadableStreamDefaultController<Uint8Array>

/** Brings the next part of an answer. */
type Pull = () => Promise<void>

/** An answer that begins before Ollama's, as a stream. Once `follow` was called, the client pulls Ollama's answer. */
export class FetchBegunAnswer implements BegunAnswer {
  readonly response: Response
  readonly client: Controller
  readonly #utf8 = new TextEncoder()
  #follow: (pull: Pull) => void = () => {}

  /** `cancelled`: called when the client has left. */
  constructor(headers: readonly string[], cancelled: () => void) {
    const pull = new Promise<Pull>((resolve) => {
      this.#follow = resolve
    })
    let client: Controller | undefined
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          client = controller
        },
        pull: async () => (await pull)(),
        cancel: cancelled,
      },
      { highWaterMark: 0 },
    )
    if (client === undefined) throw new TypeError('a stream begins when it is made')
    this.client = client
    this.response = new Response(stream, { status: 200, headers: headerPairs(headers) })
  }

  follow(pull: Pull): void {
    this.#follow(pull)
  }

  sign(text: string): void {
    // Below zero: the client has not taken the last sign.
    if ((this.client.desiredSize ?? 0) >= 0) this.client.enqueue(this.#utf8.encode(text))
  }

  finish(text: string): void {
    this.client.enqueue(this.#utf8.encode(text))
    this.client.close()
  }
}
