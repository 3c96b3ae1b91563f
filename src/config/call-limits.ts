import type { Config } from './schema.ts'

/** The limits of one call in the relay's units: milliseconds and bytes. */
export function callLimits(
  config: Pick<Config, 'request_timeout' | 'first_byte_timeout' | 'stream_idle_timeout' | 'max_body_size'>,
) {
  const { request_timeout, first_byte_timeout, stream_idle_timeout, max_body_size } = config
  return {
    requestTimeoutMs: request_timeout * 1_000,
    // Unset: request_timeout limits the first byte as well. 0: nothing limits the first byte.
    firstByteTimeoutMs:
      first_byte_timeout === undefined ? undefined : first_byte_timeout * 1_000 || Number.POSITIVE_INFINITY,
    streamIdleTimeoutMs: stream_idle_timeout * 1_000,
    maxBodyBytes: max_body_size,
  }
}
