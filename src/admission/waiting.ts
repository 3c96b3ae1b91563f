/**
 * What calls without a slot hold, all lanes together: places in line, and bytes of bodies. A body counts from its first
 * byte on, while the call is still being read.
 */
export class Waiting {
  /** Calls in line. */
  calls = 0
  /** Bytes of the bodies of calls in line and of calls that are being read. */
  bytes = 0
  readonly maxBytes: number

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /**
   * Counts `more` bytes of a body of which `own` bytes are counted already. False when there is no room for them. A body
   * that is alone always has room: a `maxBytes` below the size of one body must not refuse that body for ever.
   */
  hold(own: number, more: number): boolean {
    if (this.bytes + more > this.maxBytes && this.bytes > own) return false
    this.bytes += more
    return true
  }

  free(bytes: number): void {
    this.bytes -= bytes
  }
}
