import type { ErrorCode } from './error-codes.ts'

/** Thrown by our own routes. errors.ts turns it into an HTTP answer. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly code: ErrorCode
  /** More fields of the body, after `error` and `message`. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Flat: name, value, name, value. */
  readonly headers: readonly string[]

  constructor(
    code: ErrorCode,
    parts: { fields?: Readonly<Record<string, unknown>>; headers?: readonly string[] } = {},
  ) {
    super(code)
    this.code = code
    this.fields = parts.fields ?? {}
    this.headers = parts.headers ?? []
  }
}
