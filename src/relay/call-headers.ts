/** What a page of another origin may read of an answer that Ollama gave it, besides what Ollama allows. */
const READABLE = 'X-Request-Id, X-Queue-Wait-Ms, Server-Timing'

const STREAMED = /^(?:application\/x-ndjson|text\/event-stream)\b/i

/** Whether an answer comes piece by piece. Ollama calls an image NDJSON, and sends it in one piece. */
export function isStream(path: string, contentType: string | undefined): boolean {
  return STREAMED.test(contentType ?? '') && !path.startsWith('/v1/images/')
}

/** What a gated answer says of itself: its name, how long it stood in line, how long Ollama took to begin. */
export function diagnosticHeaders(id: string, waitMs: number, upstreamMs?: number): string[] {
  const wait = hundredths(waitMs)
  const upstream = upstreamMs === undefined ? '' : `, upstream;dur=${hundredths(upstreamMs)}`
  return ['X-Request-Id', id, 'X-Queue-Wait-Ms', wait, 'Server-Timing', `queue;dur=${wait}${upstream}`]
}

/** Adds to that what makes a stream arrive in pieces behind a proxy that buffers, and a page able to read it. */
export function addForReaders(
  said: string[],
  header: (name: string) => string | undefined,
  streamed: boolean,
  toPage: boolean,
): readonly string[] {
  // nginx gathers what it passes on until a buffer is full, unless it is told not to.
  if (streamed && header('x-accel-buffering') === undefined) said.push('X-Accel-Buffering', 'no')
  // A second line of a list says what one line with both lists would say (RFC 9110 section 5.3).
  if (toPage) said.push('Access-Control-Expose-Headers', READABLE)
  return said
}

function hundredths(ms: number): string {
  return String(Math.round(ms * 100) / 100)
}
