import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EngineFigures, EngineHandle } from '../../src/simulator/engine-call.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { anEngine, aSimulator, post, rawPost, rawRequest, until } from './support.ts'

/** A prompt of 100 ms and an output of 100 ms, with the figures in `ends`. */
function work(ends: [string, EngineFigures][], name: string) {
  const onDone = (figures: EngineFigures) => void ends.push([name, figures])
  return { model: 'a', promptTokens: 100, outputTokens: 10, onDone }
}

describe('the figures of a call', () => {
  it('add up to the total: load, overhead, wait, prompt and output', () => {
    const { engine, clock } = anEngine({ overheadMs: 7 })
    const ends: [string, EngineFigures][] = []
    engine.submit(work(ends, 'first'))
    engine.submit(work(ends, 'second'))
    clock.advance(5000)
    const times = ends.map(([, { totalMs, loadMs, waitMs, promptMs, outputMs }]) => [
      totalMs,
      loadMs,
      waitMs,
      promptMs,
      outputMs,
    ])
    assert.deepEqual(times, [
      [1207, 1000, 0, 100, 100],
      [1407, 1000, 200, 100, 100],
    ])
  })

  it('a load has no overhead', () => {
    const { engine, clock } = anEngine({ overheadMs: 7 })
    let total = 0
    const onDone = ({ totalMs, waitMs }: EngineFigures) => (total = totalMs + waitMs)
    engine.submit({ model: 'a', promptTokens: 0, outputTokens: 0, loadOnly: true, onDone })
    clock.advance(5000)
    assert.equal(total, 1000)
  })

  it('a client that leaves during the overhead frees the runner', () => {
    const { engine, clock } = anEngine({ overheadMs: 50, keepAliveMs: 0 })
    const handle = engine.submit(work([], 'first'))
    clock.advance(1010)
    handle?.cancel()
    clock.advance(1000)
    const { active, waiting, started, aborted, peakWaiting } = engine.counters.of('a')
    assert.deepEqual([active, waiting, started, aborted, peakWaiting], [0, 0, 0, 1, 0])
    assert.deepEqual([engine.loaded().length, clock.pending], [0, 0])
  })

  it('on the wire: the rest of total_duration is the wait inside Ollama and the overhead', async (t) => {
    const clock = new ManualClock()
    const { url, simulator } = await aSimulator(t, { clock, overheadMs: 5, outputTokensPerSecond: 500 })
    const body = { model: 'llama3.2', prompt: 'x', stream: false, options: { num_predict: 50 } }
    const asked = [1, 2].map(() => post(`${url}/api/generate`, body))
    await until(() => simulator.engine.counters.of('llama3.2:latest').submitted === 2)
    clock.advance(1000)
    const answers = await Promise.all(asked.map(async (answer) => (await answer).json()))
    const rests = answers.map((it) => (it.total_duration - it.eval_duration) / 1e6)
    assert.deepEqual(
      rests.sort((a, b) => a - b),
      [5, 105],
    )
  })
})

describe('a call that is aborted while it computes', () => {
  it('gives its slot to the next call at once, which waits inside until llama-server notices', () => {
    const { engine, clock } = anEngine({ abortLingerMs: 60 })
    const ends: [string, EngineFigures][] = []
    const first = engine.submit({ ...work(ends, 'first'), onToken: () => assert.fail('aborted before') })
    engine.submit(work(ends, 'second'))
    clock.advance(1050)
    first?.cancel()
    const counts = engine.counters.of('a')
    assert.deepEqual([counts.active, counts.waiting, counts.aborted], [1, 0, 1])
    clock.advance(1000)
    const [[name, figures] = []] = ends
    assert.deepEqual([ends.length, name, figures?.waitMs, figures?.totalMs], [1, 'second', 110, 1310])
  })

  it('holds its inner slot no longer than its own work takes', () => {
    const { engine, clock } = anEngine({ abortLingerMs: 1000 })
    const ends: [string, EngineFigures][] = []
    const first = engine.submit(work(ends, 'first'))
    engine.submit(work(ends, 'second'))
    clock.advance(1150)
    first?.cancel()
    clock.advance(2000)
    assert.deepEqual(
      ends.map(([name, { waitMs }]) => [name, waitMs]),
      [['second', 200]],
    )
  })

  it('slows the other slots down until llama-server notices', () => {
    const { engine, clock } = anEngine({ abortLingerMs: 50, numParallel: 2, slowdown: 1 })
    const ends: [string, EngineFigures][] = []
    const first = engine.submit({ ...work(ends, 'first'), outputTokens: 1000 })
    engine.submit(work(ends, 'second'))
    clock.advance(1100)
    first?.cancel()
    clock.advance(2000)
    // Half the speed for 150 ms, and the other 125 ms of work alone.
    assert.deepEqual(
      ends.map(([name, { totalMs }]) => [name, totalMs]),
      [['second', 1275]],
    )
  })

  it('does not keep the model in memory', () => {
    const { engine, clock } = anEngine({ abortLingerMs: 1000, keepAliveMs: 0 })
    const handle = engine.submit(work([], 'first'))
    clock.advance(1050)
    handle?.cancel()
    assert.deepEqual([engine.loaded().length, clock.pending], [0, 0])
  })

  it('a call that waits inside can leave, too', () => {
    const { engine, clock } = anEngine({ abortLingerMs: 100 })
    const ends: [string, EngineFigures][] = []
    const handles: (EngineHandle | undefined)[] = ['1', '2', '3'].map((name) =>
      engine.submit(work(ends, name)),
    )
    clock.advance(1050)
    handles[0]?.cancel()
    handles[1]?.cancel()
    clock.advance(2000)
    assert.deepEqual(
      ends.map(([name, { waitMs }]) => [name, waitMs]),
      [['3', 150]],
    )
    const { active, waiting, aborted, started } = engine.counters.of('a')
    assert.deepEqual([active, waiting, aborted, started], [0, 0, 2, 2])
  })
})

describe('an embed with several inputs', () => {
  const embed = (inputs: readonly number[], onDone?: (figures: EngineFigures) => void) => {
    const promptTokens = inputs.reduce((sum, tokens) => sum + tokens, 0)
    return { model: 'e', promptTokens, outputTokens: 0, inputs, ...(onDone ? { onDone } : {}) }
  }

  it('takes a slot for each input, and ends with the last', () => {
    const { engine, clock } = anEngine({ numParallel: 2 })
    let figures: EngineFigures | undefined
    engine.submit(embed([100, 50, 100], (it) => (figures = it)))
    clock.advance(1000)
    const { active, waiting } = engine.counters.of('e')
    assert.deepEqual([active, waiting], [2, 1])
    clock.advance(1000)
    assert.deepEqual([figures?.totalMs, figures?.promptTokens, figures?.waitMs], [1150, 250, 0])
    const { started, finished, peakActive } = engine.counters.of('e')
    assert.deepEqual([started, finished, peakActive], [1, 1, 2])
  })

  it('runs its inputs one after another on one slot, in line with those of other calls', () => {
    const { engine, clock } = anEngine()
    const ends: [string, number][] = []
    engine.submit(embed([10, 10, 10], () => ends.push(['first', clock.now()])))
    engine.submit(embed([10], () => ends.push(['second', clock.now()])))
    clock.advance(2000)
    assert.deepEqual(ends, [
      ['first', 1030],
      ['second', 1040],
    ])
  })

  it('leaves the line and the slots together', () => {
    const { engine, clock } = anEngine({ numParallel: 2, abortLingerMs: 20 })
    const handle = engine.submit(embed([100, 100, 100, 100]))
    let end = 0
    engine.submit(embed([10], () => (end = clock.now())))
    clock.advance(1010)
    handle?.cancel()
    const { active, waiting, aborted } = engine.counters.of('e')
    assert.deepEqual([active, waiting, aborted], [1, 0, 1])
    clock.advance(1000)
    assert.equal(end, 1040)
    assert.equal(engine.counters.of('e').active, 0)
  })

  it('on the wire: an embedding model runs the inputs one by one, another model at once', async (t) => {
    const { url, simulator } = await aSimulator(t, { numParallel: 4 })
    const input = ['a', 'bb', 'a text of eight']
    for (const model of ['all-minilm', 'llama3.2']) {
      const answer = await (await post(`${url}/api/embed`, { model, input })).json()
      assert.deepEqual([answer.embeddings.length, answer.prompt_eval_count], [3, 6])
      await (await post(`${url}/v1/embeddings`, { model, input })).json()
    }
    const { models } = simulator.snapshot()
    assert.equal(models['all-minilm:latest']?.peakActive, 1)
    assert.equal(models['all-minilm:latest']?.peakWaiting, 2)
    assert.equal(models['llama3.2:latest']?.peakActive, 3)
    assert.equal(models['llama3.2:latest']?.finished, 2)
  })

  it('on the wire: a client that leaves takes all its inputs with it', async (t) => {
    const { simulator, port } = await aSimulator(t, { promptTokensPerSecond: 1 / 3600, numParallel: 2 })
    const body = JSON.stringify({ model: 'llama3.2', input: ['a', 'b', 'c', 'd'] })
    const socket = await rawRequest(t, port, rawPost('/api/embed', body))
    const counts = simulator.engine.counters.of('llama3.2:latest')
    await until(() => counts.active === 2 && counts.waiting === 2)
    socket.destroy()
    await until(() => counts.active + counts.waiting + counts.onWire === 0)
    assert.equal(counts.aborted, 1)
  })
})
