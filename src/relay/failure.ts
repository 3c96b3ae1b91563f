import type { KeptAnswer } from './kept-answer.ts'

/**
 * Why a call fails that admission did not refuse.
 * upstream_error: Ollama refused the connection or broke before its first byte.
 * timeout: Ollama stayed silent past the call's deadline.
 * body_too_large: over max_body_size. body_stalled: the body stopped coming.
 * invalid_form: a form in which Ollama and the proxy might find different models.
 * invalid_request: a model name that is longer than any real one, a body that cannot be decoded safely, or a wrong queue key.
 * client_gone: the client left, so nobody reads the answer. cancelled: an operator ended the call.
 * superseded: a newer call with the same queue key ended the call.
 * internal_error: an error that nobody expected; it is the `cause`.
 */
export type FailureCode =
  | 'upstream_error'
  | 'timeout'
  | 'body_too_large'
  | 'body_stalled'
  | 'invalid_form'
  | 'invalid_request'
  | 'client_gone'
  | 'cancelled'
  | 'superseded'
  | 'internal_error'

/** Thrown where a call gets no answer from Ollama; becomes an HTTP answer in http/errors.ts and nowhere else. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  /** Key of the lane's model, where it is known. The relay adds the model to errors that a runtime throws. */
  model: string | undefined
  /** Ollama had the call: a client that sends the call again makes Ollama begin anew. */
  readonly sent: boolean
  /** The client asked for the whole answer at once, which is why no byte came in time. */
  askedForWhole = false
  /** The error answer of Ollama that this failure stands for. */
  readonly answer: KeptAnswer | undefined
  /** What is wrong about the request, where the sentence of the code says too little. */
  readonly about: 'queue_key' | undefined
  /** For the client, flat: name, value, name, value. */
  headers: readonly string[] = []

  constructor(
    code: FailureCode,
    options: {
      model?: string | undefined
      sent?: boolean
      cause?: unknown
      answer?: KeptAnswer
      about?: 'queue_key'
    } = {},
  ) {
    super(code, { cause: options.cause })
    this.code = code
    this.model = options.model
    this.sent = options.sent ?? false
    this.answer = options.answer
    this.about = options.about
  }
}
