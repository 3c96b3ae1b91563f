import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Life, type Mood } from './support/life.ts'

/** The normal run has 36 000 steps. TURN_LIVES=2000 lives through more than a million. */
const LIVES = Number(process.env.TURN_LIVES ?? 60)
const STEPS = 300
/** Lives that ended in a fault once, and that the normal run does not come to. */
const ONCE_FAULTY: Readonly<Record<Mood, readonly number[]>> = { calm: [1563], wild: [1115] }

/** Each life is another machine, with other models and settings. */
function liveAll(mood: Mood): Map<string, number> {
  const fates = new Map<string, number>()
  const seeds = [...Array.from({ length: LIVES }, (_, index) => index + 1), ...ONCE_FAULTY[mood]]
  for (const seed of seeds) {
    const capped = seed % 2 === 0
    const life = new Life(seed, mood, capped)
    try {
      for (let step = 0; step < STEPS; step++) life.live()
      life.quiesce()
    } catch (error) {
      throw new Error(
        `a ${mood} life with seed ${seed}${capped ? ' and capped callers' : ''}: ${life.story}`,
        { cause: error },
      )
    }
    for (const [fate, count] of life.checker.fates) fates.set(fate, (fates.get(fate) ?? 0) + count)
  }
  return fates
}

describe('whatever happens to models that share a machine', () => {
  for (const mood of ['calm', 'wild'] as const)
    it(`no call is lost, none is sent to a runner that leaves, and nothing is left: ${mood} lives`, () => {
      const fates = liveAll(mood)
      for (const fate of ['done', 'cancelled', 'failed', 'timed_out', 'timeout', 'load_failed', 'queue_full'])
        assert.ok((fates.get(fate) ?? 0) > 0, `no call ends with ${fate}: ${JSON.stringify([...fates])}`)
    })
})
