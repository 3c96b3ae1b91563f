import { until } from '../../support/until.ts'
import type { Pair } from '../pair.ts'
import { collect, failureOf } from './outcome.ts'

/** The headers of a client whose newest call alone matters. */
export const NEWEST_ALONE = { 'X-Queue-Key': 'document-1', 'X-Queue-Key-Running': 'cancel' }

/** The calls of a client that sends the headers above with each of them. */
interface Asks {
  /** An answer that has no end, and comes as a whole. */
  whole(): Promise<unknown>
  /** An answer that has no end, and comes as a stream. */
  stream(): Promise<AsyncIterable<unknown>>
  /** An answer that is soon over. */
  short(): Promise<unknown>
}

/** Three calls, each of which replaces the one before. What the client raises for the first, and for the second in its stream. */
export async function replaced(pair: Pair, asks: Asks): Promise<readonly [whole: Error, streamed: Error]> {
  const whole = failureOf(asks.whole())
  await until('it runs', async () => (await pair.simulated()).active === 1)
  const stream = await asks.stream()
  const streamed = failureOf(collect(stream))
  await asks.short()
  return [await whole, await streamed]
}
