/** Headers of an answer that is a stream of server-sent events. */
export const EVENT_STREAM: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // The stream may never end, so no later request on the same connection would get an answer.
  Connection: 'close',
  // Without this header nginx would buffer the events.
  'X-Accel-Buffering': 'no',
}

/** Proxies between us and a listener close connections without traffic, so a comment is sent after this silence. */
export const KEEP_ALIVE_MS = 15_000

/** A comment, which every reader of events skips. */
export const SIGN_OF_LIFE = ': still here\n\n'

/** A listener that lost its connection comes back after this time. */
const RECONNECT_MS = 2_000

/** The beginning of each stream. */
export const RETRY = `retry: ${RECONNECT_MS}\n\n`

const utf8 = new TextEncoder()

/** `data`: JSON on one line. */
export function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`
}

export function bytesOf(events: string): Uint8Array {
  return utf8.encode(events)
}
