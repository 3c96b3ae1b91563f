/** A request that ends in an error answer before its first byte. The dialect of its route gives it its shape. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly status: number
  /**
   * Who says it, which decides charset and newline on /v1 routes: the inner handler's errors are rewritten by the
   * dialect's writer, those of the route's own checks are gin's. `bare`: before any dialect, so in Ollama's own shape.
   */
  readonly origin: 'handler' | 'check' | 'bare'

  constructor(status: number, message: string, origin: 'handler' | 'check' | 'bare' = 'check') {
    super(message)
    this.status = status
    this.origin = origin
  }
}

export const BUSY = 'server busy, please try again.  maximum pending requests exceeded'
export const RUNNER_DIED =
  'model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details'
