import { isZstd, type RequestHead } from './gated-request.ts'
import { TopLevelScan, type WantedKey } from './json-scan.ts'
import { gatedRoute } from './routes.ts'

const STREAM: readonly WantedKey<'stream'>[] = [{ key: 'stream', nullEmpties: true }]

/** Some milliseconds. A body in which the answer is further away is not worth more. */
const MOST_STEPS = 2 ** 20
const LONGEST_VALUE_BYTES = 64

/**
 * Whether a call could have streamed its answer and asked for the whole of it at once. Reads the body once more, so it
 * is for calls that have failed already: the others pay nothing for it. False for a compressed body and for a long one,
 * which cost more to read again than the right sentence is worth.
 */
export function askedForWhole(request: RequestHead, path: string, body: Uint8Array): boolean {
  const route = gatedRoute(path)
  if (route === undefined || route.streams === 'never' || isZstd(request, route)) return false
  const scan = new TopLevelScan(body, STREAM)
  if (!scan.advance(MOST_STEPS)) return false
  const stream = scan.size('stream') > LONGEST_VALUE_BYTES ? undefined : scan.text('stream')
  return route.streams === 'by default' ? stream === 'false' : stream !== 'true'
}
