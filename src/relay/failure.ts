/**
 * What can go wrong with a call that is not a Refusal of admission.
 * upstream_error: Ollama refused the connection or broke before its first byte.
 * timeout: Ollama stayed silent past the call's deadline.
 * body_too_large: over max_body_size. body_stalled: the body stopped coming. invalid_form: a form that is not plain
 * enough for Ollama and us to find the same model in it. invalid_request: a model name longer than anybody has.
 * client_gone: nobody reads the answer. cancelled: an operator ended it.
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

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  /** The lane's model, where one is known; the relay adds it to what a transport throws. */
  model: string | undefined
  /** Ollama had the call: whoever sends it again makes Ollama begin anew. */
  readonly sent: boolean
  /** The client asked for the whole answer at once; the relay adds it where that is why nothing came in time. */
  askedForWhole = false

  constructor(
    code: FailureCode,
    options: { model?: string | undefined; sent?: boolean; cause?: unknown } = {},
  ) {
    super(code, { cause: options.cause })
    this.code = code
    this.model = options.model
    this.sent = options.sent ?? false
  }
}
