import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EngineCall } from '../../src/simulator/engine-call.ts'
import { anEngine, aSimulator, post } from './support.ts'

/** An engine of two slots whose calls take 500 ms after a load of a second. `story` has what happens to them. */
function anEngineWithStory() {
  const { engine, clock } = anEngine({ numParallel: 2 })
  const story: string[] = []
  const ask = (name: string, model = 'a', parts: Partial<EngineCall> = {}) =>
    engine.submit({
      model,
      promptTokens: 0,
      outputTokens: 50,
      onDone: () => story.push(`${name} ${clock.now()}`),
      ...parts,
    })
  return { engine, clock, story, ask }
}

describe('a hung generation', () => {
  it('stops the running and all later calls of its model, and no other model', () => {
    const { engine, clock, story, ask } = anEngineWithStory()
    const tokens: number[] = []
    ask('running', 'a', { onToken: () => tokens.push(clock.now()) })
    clock.advance(1_200)
    engine.hangs.set('a', 'generation')
    assert.equal(tokens.length, 20)
    ask('later')
    ask('other', 'b')
    clock.advance(600_000)
    assert.deepEqual([story, tokens.length], [['other 2700'], 20])
  })

  it('goes on where it stood once it is cleared', () => {
    const { engine, clock, story, ask } = anEngineWithStory()
    ask('running')
    clock.advance(1_200)
    engine.hangs.set('a', 'generation')
    clock.advance(60_000)
    engine.hangs.set('a', undefined)
    clock.advance(1_000)
    assert.deepEqual(story, ['running 61500'])
  })

  it('holds for a runner that is loaded later, and ends with the process of the runner', () => {
    const { engine, clock, story, ask } = anEngineWithStory()
    engine.hangs.set('a', 'generation')
    const first = ask('first')
    clock.advance(10_000)
    first?.cancel()
    engine.unload('a')
    assert.deepEqual(engine.hangs.snapshot(), {})
    ask('second')
    clock.advance(2_000)
    assert.deepEqual(story, ['second 11500'])
  })

  it('ends with a restart', () => {
    const { engine, clock, story, ask } = anEngineWithStory()
    ask('lost')
    clock.advance(1_200)
    engine.hangs.set('a', 'generation')
    engine.restart()
    ask('again')
    clock.advance(2_000)
    assert.deepEqual(story, ['again 2700'])
  })

  it('gives the slot of a client that leaves to the next call, which does not move either', () => {
    const { engine, clock, story, ask } = anEngineWithStory()
    const calls = [ask('1'), ask('2'), ask('3')]
    clock.advance(1_200)
    engine.hangs.set('a', 'generation')
    for (const call of calls.slice(0, 2)) call?.cancel()
    clock.advance(5_000)
    assert.equal(engine.counters.of('a').active, 1)
    engine.hangs.set('a', undefined)
    clock.advance(500)
    assert.deepEqual(story, ['3 6700'])
  })
})

describe('a hung load', () => {
  it('never ends, while loaded models serve their calls', () => {
    const { engine, clock, story, ask } = anEngineWithStory()
    ask('other', 'b')
    clock.advance(2_000)
    engine.hangs.set('a', 'load')
    ask('waits')
    clock.advance(200_000)
    ask('other, too', 'b')
    clock.advance(1_000)
    assert.deepEqual(story, ['other 1500', 'other, too 202500'])
    assert.deepEqual([engine.counters.of('a').pending, engine.counters.of('a').loads], [1, 0])
  })

  it('ends at once when it is cleared, and in its time when it is cleared earlier', () => {
    for (const [clearedAt, endsAt] of [
      [60_000, 60_500],
      [400, 1_500],
    ] as const) {
      const { engine, clock, story, ask } = anEngineWithStory()
      engine.hangs.set('a', 'load')
      ask('waits')
      clock.advance(clearedAt)
      engine.hangs.set('a', undefined)
      clock.advance(5_000)
      assert.deepEqual(story, [`waits ${endsAt}`])
    }
  })

  it('ends for a client that leaves, and the load of the next call hangs as well', () => {
    const { engine, clock, ask } = anEngineWithStory()
    engine.hangs.set('a', 'load')
    const first = ask('first')
    ask('second')
    clock.advance(5_000)
    first?.cancel()
    clock.advance(5_000)
    assert.deepEqual(
      engine.snapshot().loads.map(({ outcome }) => outcome),
      ['aborted'],
    )
    assert.equal(engine.counters.of('a').pending, 1)
  })

  it('ends with a restart', () => {
    const { engine, clock, story, ask } = anEngineWithStory()
    engine.hangs.set('a', 'load')
    ask('lost')
    clock.advance(5_000)
    engine.restart()
    ask('again')
    clock.advance(2_000)
    assert.deepEqual(story, ['again 6500'])
  })
})

describe('/_sim/hangs', () => {
  it('sets and clears what stands still, under any name of the model, and shows it', async (t) => {
    const { simulator, url } = await aSimulator(t, { models: ['llama3.2', 'mistral'] })
    await (await post(`${url}/api/copy`, { source: 'llama3.2', destination: 'twin' })).text()
    const set = async (body: unknown) => (await post(`${url}/_sim/hangs`, body)).json()
    const [[runner, hang] = []] = Object.entries(await set({ twin: 'generation' }))
    assert.ok(runner)
    assert.equal(hang, 'generation')
    assert.deepEqual((await (await fetch(`${url}/_sim/state`)).json()).hangs, { [runner]: 'generation' })
    const question = { model: 'llama3.2', prompt: 'x', stream: false }
    const answer = post(`${url}/api/generate`, question)
    assert.equal((await post(`${url}/api/generate`, { ...question, model: 'mistral' })).status, 200)
    assert.equal((await fetch(`${url}/api/version`)).status, 200)
    assert.deepEqual(await set({ 'llama3.2': null }), {})
    assert.equal((await answer).status, 200)
    simulator.hang('llama3.2', 'load')
    assert.deepEqual(simulator.engine.hangs.snapshot(), { [runner]: 'load' })
    assert.throws(() => simulator.hang('nobody', 'load'), RangeError)
  })

  it('refuses other words and unknown models, and changes nothing then', async (t) => {
    const { simulator, url } = await aSimulator(t, { models: ['llama3.2'] })
    assert.equal((await post(`${url}/_sim/hangs`, { 'llama3.2': 'for ever' })).status, 400)
    assert.equal((await post(`${url}/_sim/hangs`, { 'llama3.2': 'load', nobody: 'load' })).status, 404)
    assert.deepEqual(simulator.engine.hangs.snapshot(), {})
  })
})
