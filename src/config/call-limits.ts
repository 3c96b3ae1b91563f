import type { Config } from './schema.ts'

type Limited = Pick<
  Config,
  'request_timeout' | 'first_byte_timeout' | 'stream_idle_timeout' | 'max_body_size'
>

/** The limits of one call as the relay takes them: milliseconds and bytes. */
export function callLimits(config: Limited) {
  const { request_timeout, first_byte_timeout, stream_idle_timeout, max_body_size } = config
  return {
    requestTimeoutMs: request_timeout * 1_000,
    // Unset and 0 are two things: unset leaves the first byte to request_timeout, 0 takes every limit away.
    firstByteTimeoutMs:
      first_byte_timeout === undefined ? undefined : first_byte_timeout * 1_000 || Number.POSITIVE_INFINITY,
    streamIdleTimeoutMs: stream_idle_timeout * 1_000,
    maxBodyBytes: max_body_size,
  }
}
