import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from '../support/manual-clock.ts'
import { anEngine, aSimulator, everything, post, rawPost, rawRequest, until } from './support.ts'

const SLOW = { promptTokensPerSecond: 1 / 3600, outputTokensPerSecond: 1 }
const ask = (model = 'llama3.2') => rawPost('/api/generate', JSON.stringify({ model, prompt: 'x' }))

describe('a restart of the engine', () => {
  it('ends every call, wherever it waits or runs, and leaves nothing behind', () => {
    const { engine, clock } = anEngine({ overheadMs: 5, abortLingerMs: 100 })
    const call = (model: string) => ({ model, promptTokens: 10, outputTokens: 100 })
    const never = { onDone: () => assert.fail('the call was cut') }
    engine.submit({ ...call('a'), ...never })
    clock.advance(1010)
    engine.submit({ ...call('a'), ...never })
    engine.submit(call('a'))?.cancel()
    clock.advance(10)
    engine.submit({ ...call('a'), ...never })
    for (const model of ['b', 'c']) engine.submit({ ...call(model), ...never })
    engine.submit({ ...call('d'), runner: 'cloud', ...never })
    engine.restart(3)
    assert.deepEqual([engine.loaded().length, clock.pending], [0, 0])
    const { active, waiting, pending, failed, aborted } = engine.counters.total()
    assert.deepEqual([active, waiting, pending, failed, aborted], [0, 0, 0, 6, 1])
    let ended = 0
    for (let index = 0; index < 3; index++) engine.submit({ ...call('a'), onDone: () => ended++ })
    clock.advance(1000 + 5)
    assert.equal(engine.counters.of('a').active, 3)
    assert.equal(engine.counters.of('a').loads, 2)
    clock.advance(5000)
    assert.equal(ended, 3)
  })

  it('takes the first of its slots for the units of an embed that ran on many', () => {
    const { engine, clock } = anEngine({ numParallel: 2 })
    engine.submit({ model: 'e', promptTokens: 30, outputTokens: 0, inputs: [10, 10, 10] })
    engine.submit({ model: 'e', promptTokens: 10, outputTokens: 0 })
    clock.advance(1001)
    engine.restart()
    const { active, waiting, failed, started } = engine.counters.of('e')
    assert.deepEqual([active, waiting, failed, started, clock.pending], [0, 0, 2, 1, 0])
  })
})

describe('a restart of the simulator', () => {
  it('cuts all connections and opens the same port again, with nothing in memory', async (t) => {
    const { simulator, port, url } = await aSimulator(t, SLOW)
    const socket = await rawRequest(t, port, ask())
    const end = everything(socket)
    await until(() => simulator.engine.counters.total().active === 1)
    await simulator.restart({ numParallel: 2 })
    assert.equal((await end).text, '')
    await until(() => simulator.engine.counters.total().onWire === 0)
    const { failed, aborted } = simulator.engine.counters.of('llama3.2:latest')
    assert.deepEqual([failed, aborted], [1, 0])
    assert.equal(await (await fetch(`${url}/api/ps`)).text(), '{"models":[]}')
    await Promise.all([1, 2, 3].map(() => rawRequest(t, port, ask())))
    await until(() => simulator.engine.counters.total().waiting === 1)
    assert.equal(simulator.snapshot().loaded[0]?.slots, 2)
  })

  it('keeps the port closed for as long as it is told, on the clock', async (t) => {
    const clock = new ManualClock()
    const { simulator, port, url } = await aSimulator(t, { clock })
    const restarted = simulator.restart({ closedMs: 5000 })
    await until(() => clock.pending === 1)
    clock.advance(4999)
    await assert.rejects(rawRequest(t, port, ''), { code: 'ECONNREFUSED' })
    clock.advance(1)
    await restarted
    assert.equal((await fetch(`${url}/api/version`)).status, 200)
  })

  it('stays closed when close() comes before the port opens again', async (t) => {
    const clock = new ManualClock()
    const { simulator, port } = await aSimulator(t, { clock })
    const restarted = simulator.restart({ closedMs: 5000 })
    await until(() => clock.pending === 1)
    await assert.rejects(simulator.restart(), /does not listen/)
    await simulator.close()
    clock.advance(5000)
    await restarted
    await assert.rejects(rawRequest(t, port, ''), { code: 'ECONNREFUSED' })
  })

  it('is asked for by POST /_sim/restart, whose answer is whole', async (t) => {
    const { simulator, url, port } = await aSimulator(t, SLOW)
    await rawRequest(t, port, ask())
    await until(() => simulator.engine.counters.total().active === 1)
    const answer = await post(`${url}/_sim/restart`, { numParallel: 4, closedMs: 10 })
    assert.deepEqual([answer.status, await answer.json()], [200, { numParallel: 4, closedMs: 10 }])
    await until(() => simulator.engine.counters.total().failed === 1)
    const again = () => fetch(`${url}/api/version`).catch(() => undefined)
    let version = await again()
    while (!version) version = await again()
    assert.equal(version.status, 200)
    const wrong = await post(`${url}/_sim/restart`, { numParallel: 0 })
    assert.equal(wrong.status, 400)
    const empty = await post(`${url}/_sim/restart`, '')
    assert.deepEqual(await empty.json(), {})
  })
})
