/** What a gated answer says of itself: its name, how long it stood in line, how long Ollama took to begin. */
export function explain(id: string, waitMs: number, upstreamMs?: number): readonly string[] {
  const wait = hundredths(waitMs)
  const upstream = upstreamMs === undefined ? '' : `, upstream;dur=${hundredths(upstreamMs)}`
  return ['X-Request-Id', id, 'X-Queue-Wait-Ms', wait, 'Server-Timing', `queue;dur=${wait}${upstream}`]
}

function hundredths(ms: number): string {
  return String(Math.round(ms * 100) / 100)
}
