import type { AnswerForm } from '../ollama/answer-form.ts'

/** In this header, by its lower-case name, a client asks for signs of life or for none. */
export const QUEUE_NOTIFY = 'x-queue-notify'

/** An answer that the proxy has begun while Ollama is silent. A later `forward` continues this answer. */
export interface BegunAnswer {
  /** For the route to return. */
  readonly response: Response
  /** Adds bytes that the client ignores. A client that is full does not get them. */
  sign(text: string): void
  /** Ends the answer. Ollama's answer does not come. */
  finish(text: string): void
}

/** A begun answer that ends with an error. */
export interface LateAnswer {
  readonly form: AnswerForm
  readonly path: string
  readonly acceptLanguage: string | undefined
}

/** Which calls get signs of life, and when. */
export interface SignSettings {
  /** auto: streams that came through a proxy that cuts, and calls that ask. always: all streams, and calls that ask. */
  readonly when: 'off' | 'auto' | 'always'
  /** Milliseconds from the moment at which the request is read to the first sign. */
  readonly afterMs: number
  /** Milliseconds between signs. */
  readonly everyMs: number
}
