import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { askForMadeUpModels, RealModels } from './made-up-models.ts'
import { node, Pair, type Target } from './pair.ts'
import { MIB, residentOf } from './process-memory.ts'

/** What 20 000 names may leave in the process: half a kilobyte for each. */
const ROOM = 10 * MIB
const WARM_UP = 10_000
const NAMES = 20_000

/** A heap that is kept small: otherwise the garbage that is not collected yet makes a difference of 50 MiB. */
const [program, ...args] = node.command
const SMALL_HEAP: Target = {
  ...node,
  command: [program, '--max-semi-space-size=1', '--optimize-for-size', ...args],
}

describe('20 000 made-up names', () => {
  it('leave nothing in the whole proxy, and real models keep their lanes and figures', async () => {
    const pair = await Pair.start(SMALL_HEAP, { simulate: ['--load-time', '0'], serve: ['--parallel', '2'] })
    try {
      const real = await RealModels.called(pair)
      await askForMadeUpModels(pair, 0, WARM_UP, 10)
      await real.areAlone()
      const before = residentOf(pair.proxy)
      await askForMadeUpModels(pair, WARM_UP, WARM_UP + NAMES, 10)
      await real.areAlone()
      const after = residentOf(pair.proxy)
      if (before && after) assert.ok(after.now < before.now + ROOM, `grew from ${before.now} to ${after.now}`)
    } finally {
      await pair.stop()
    }
  })
})
