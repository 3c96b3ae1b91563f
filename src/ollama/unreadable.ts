/**
 * invalid_form: the form is not plain enough for Ollama and the proxy to find the same model in it.
 * invalid_request: the model name is longer than anybody has, or the body begins like zstd and does not decode.
 * body_too_large: the decoded body passes a bound.
 */
type UnreadableCode = 'invalid_form' | 'invalid_request' | 'body_too_large'

/** The body of a gated request cannot be read for certain, so the request must not go to Ollama. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly code: UnreadableCode

  constructor(code: UnreadableCode, why: string = code) {
    super(why)
    this.code = code
  }
}
