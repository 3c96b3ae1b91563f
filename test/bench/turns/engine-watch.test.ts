import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EngineWatch } from '../../../bench/turns/engine-watch.ts'
import { Engine } from '../../../src/simulator/engine.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const LOAD_MS = 1_000
const KEEP_ALIVE_MS = 5_000

function aWatch() {
  const clock = new ManualClock()
  const engine = new Engine(clock, {
    ...{ numParallel: 1, maxQueue: 10, maxLoaded: 1, loadMs: LOAD_MS, keepAliveMs: KEEP_ALIVE_MS },
    ...{ promptTokensPerSecond: 1_000, outputTokensPerSecond: 1_000, slowdown: 0 },
  })
  const answers: { models: readonly string[]; expiresAt: number | undefined; askedAt: number; at: number }[] =
    []
  const watch = new EngineWatch({
    clock,
    engine,
    told: (models, askedAt) =>
      answers.push({
        models: models.map(({ model }) => model),
        expiresAt: models[0]?.expiresAt,
        askedAt,
        at: clock.now(),
      }),
  })
  const load = (model: string) => engine.submit({ model, promptTokens: 0, outputTokens: 0, loadOnly: true })
  return { clock, watch, answers, load }
}

describe('the watch over the loaded models of an engine', () => {
  it('asks at the pace, from question to question, until it is told to stop', () => {
    const { clock, watch, answers } = aWatch()
    watch.pace(100)
    clock.advance(250)
    assert.deepEqual(
      answers.map(({ askedAt, at }) => [askedAt, at]),
      [0, 100, 200].map((askedAt) => [askedAt, askedAt + 10]),
    )
    watch.pace(undefined)
    clock.advance(1_000)
    assert.equal(answers.length, 3)
    assert.equal(clock.pending, 0)
  })

  it('looks once more after the question under way', () => {
    const { clock, watch, answers } = aWatch()
    watch.look()
    watch.look()
    watch.look()
    clock.advance(1_000)
    assert.deepEqual(
      answers.map(({ askedAt }) => askedAt),
      [0, 10],
    )
  })

  it('does not see a model that is loading, and sees when a loaded one would leave', () => {
    const { clock, watch, answers, load } = aWatch()
    load('a')
    clock.advance(LOAD_MS / 2)
    watch.look()
    clock.advance(LOAD_MS)
    watch.look()
    clock.advance(10)
    const [loading, loaded] = answers
    assert.deepEqual(loading?.models, [])
    assert.deepEqual(loaded?.models, ['a'])
    assert.equal(loaded?.expiresAt, LOAD_MS + KEEP_ALIVE_MS)
  })
})
