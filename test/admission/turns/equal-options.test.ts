import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TurnWorld } from './support/world.ts'

/** Ollama's own number where a call sets none. */
const DEFAULT_CONTEXT = 4_096

describe('options that are written differently and mean the same', () => {
  const alternate = (world: TurnWorld, numCtx: number) => {
    for (let i = 0; i < 8; i++) {
      world.ask({ model: 'a', streamed: true, numCtx: i % 2 === 0 ? undefined : numCtx })
      world.settle(60_000)
    }
    return [undefined, numCtx, undefined, numCtx].map((each) =>
      world.ask({ model: 'a', numCtx: each, outputMs: 5_000 }),
    )
  }

  it('share a turn after two switches in which Ollama loaded nothing', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }], numParallel: 4 })
    world.admission.configure('a', { parallel: 4 })
    const calls = alternate(world, DEFAULT_CONTEXT)
    assert.deepEqual(
      calls.map(({ state }) => state),
      ['running', 'running', 'running', 'running'],
    )
    world.settle(60_000)
  })

  it('take turns as long as Ollama loads the model for each of them', () => {
    const world = new TurnWorld({ models: [{ name: 'a' }], numParallel: 4 })
    world.admission.configure('a', { parallel: 4 })
    const calls = alternate(world, 2 * DEFAULT_CONTEXT)
    assert.equal(calls.filter(({ state }) => state === 'running').length < 4, true)
    world.settle(60_000)
  })
})
