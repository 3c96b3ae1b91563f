import assert from 'node:assert/strict'
import { until } from '../../support/until.ts'
import { occupy } from '../occupied.ts'
import type { Pair } from '../pair.ts'

/** A fetch that notes when it was called, and what each answer said about the next time. */
export class WatchedFetch {
  readonly calls: { readonly at: number; readonly status: number; readonly retryAfterMs: number }[] = []

  readonly fetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    this.calls.push({
      at: performance.now(),
      status: response.status,
      retryAfterMs: Number(response.headers.get('retry-after-ms') ?? Number.NaN),
    })
    return response
  }
}

/** One refusal, then a free slot: the client comes back when it was told to, and is served. */
export async function comesBackInTime(
  pair: Pair,
  watched: WatchedFetch,
  ask: () => Promise<unknown>,
): Promise<void> {
  const holder = await occupy(pair)
  const asked = ask()
  await until('it is refused', () => watched.calls.length === 1)
  holder.leave('rst')
  await asked
  const [refused, served] = watched.calls
  assert.ok(refused && served, 'it came back')
  assert.deepEqual([refused.status, served.status, watched.calls.length], [503, 200, 2])
  assert.ok(refused.retryAfterMs >= 1_000 && refused.retryAfterMs <= 60_000)
  const waited = served.at - refused.at
  // Their own back-off would be half a second, and the whole seconds of Retry-After are at least two here.
  assert.ok(waited >= refused.retryAfterMs - 20, `asked for ${refused.retryAfterMs} ms, came after ${waited}`)
  assert.ok(waited < refused.retryAfterMs + 900, `asked for ${refused.retryAfterMs} ms, came after ${waited}`)
}
