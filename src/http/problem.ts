/** Why one of our own pages says no. */
export type ProblemCode =
  | 'unauthorized'
  | 'forbidden'
  | 'model_not_found'
  | 'stats_disabled'
  | 'invalid_request'
  | 'invalid_target'
  | 'body_stalled'
  | 'too_many_attempts'
  | 'invalid_config'
  | 'shutting_down'
  | 'request_not_found'
  | 'too_many_listeners'
  | 'not_found'
  | 'method_not_allowed'

/** Thrown by our own routes; becomes an HTTP answer in errors.ts. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly code: ProblemCode
  /** Goes into the body behind `error` and `message`. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    parts: { fields?: Readonly<Record<string, unknown>>; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(code)
    this.code = code
    this.fields = parts.fields ?? {}
    this.headers = parts.headers ?? {}
  }
}
