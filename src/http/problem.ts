import type { ErrorCode } from './error-codes.ts'

/** Thrown by our own routes; becomes an HTTP answer in errors.ts. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly code: ErrorCode
  /** Goes into the body behind `error` and `message`. */
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
