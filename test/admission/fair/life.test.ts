import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Gap } from './support/gap-watch.ts'
import { FairLife, type FairMood } from './support/life.ts'

/** The normal run has 18 000 steps. FAIR_LIVES=1700 lives through more than a million. */
const LIVES = Number(process.env.FAIR_LIVES ?? 30)
const STEPS = 300
/** Lives that ended in a fault once, and that the normal run does not come to. */
const ONCE_FAULTY: Readonly<Record<FairMood, readonly number[]>> = { steady: [], wild: [41] }
const NO_GAP: Gap = { share: 0, text: '' }

/** Each life is another machine, with other callers and settings. Returns how often what was seen. */
function liveAll(mood: FairMood): Map<string, number> {
  const seen = new Map<string, number>()
  const count = (what: string, times: number) => seen.set(what, (seen.get(what) ?? 0) + times)
  const widest: Record<'charged' | 'received', Gap> = { charged: NO_GAP, received: NO_GAP }
  for (const seed of [...Array.from({ length: LIVES }, (_, index) => index + 1), ...ONCE_FAULTY[mood]]) {
    const life = new FairLife(seed, mood)
    try {
      for (let step = 0; step < STEPS; step++) life.live()
      life.quiesce()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`a ${mood} life with seed ${seed}: ${why}\n${life.story}`, { cause: error })
    }
    for (const [what, times] of life.checker.seen) count(what, times)
    for (const gap of life.gaps) {
      count('pairs compared', gap.pairs)
      for (const kind of ['charged', 'received'] as const)
        if (gap[kind].share > widest[kind].share)
          widest[kind] = { ...gap[kind], text: `seed ${seed} ${gap[kind].text}` }
    }
  }
  if (process.env.FAIR_LIVES !== undefined) console.log(mood, widest, [...seen])
  return seen
}

function assertSeen(seen: ReadonlyMap<string, number>, ...wanted: readonly string[]): void {
  for (const what of wanted) assert.ok((seen.get(what) ?? 0) > 20, `${what}: ${JSON.stringify([...seen])}`)
}

describe('whatever happens in fair lines', () => {
  it('those who always wait get slot-time by their weights: callers, people behind a key, classes', () => {
    const ends = ['done running', 'cancelled line', 'cancelled running', 'timeout line', 'granted at once']
    assertSeen(liveAll('steady'), 'pairs compared', 'granted from the line', ...ends)
  })

  it('no slot is idle while it could be used, no limit is broken, and nothing is left', () => {
    const ends = ['done running', 'cancelled line', 'failed running', 'timeout line', 'queue_full arrival']
    assertSeen(liveAll('wild'), 'made room', 'queue_full line', 'granted at once', ...ends)
  })
})
