import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { aSimulator, everything, post, rawPost, rawRequest, until } from './support.ts'

const MODEL = 'llama3.2:latest'
/** A prompt token takes an hour, so a call does not end during a test. */
const SLOW = { promptTokensPerSecond: 1 / 3600, outputTokensPerSecond: 1 }
const ask = (stream: boolean) =>
  rawPost('/api/generate', JSON.stringify({ model: 'llama3.2', prompt: 'x', stream }))

function counters(simulator: Simulator) {
  return simulator.engine.counters.of(MODEL)
}

function nothingLeft(simulator: Simulator): boolean {
  const { active, waiting, pending, onWire } = simulator.engine.counters.total()
  return active + waiting + pending + onWire === 0
}

const WAYS: [string, (socket: Socket) => void][] = [
  ['a FIN', (socket) => socket.end()],
  ['a RST', (socket) => socket.resetAndDestroy()],
  ['a close', (socket) => socket.destroy()],
]

describe('a client that leaves', () => {
  for (const [way, leave] of WAYS) {
    it(`with ${way} while it runs gives its slot to the next at once`, async (t) => {
      const { simulator, port } = await aSimulator(t, SLOW)
      const first = await rawRequest(t, port, ask(true))
      await until(() => counters(simulator).active === 1)
      const second = await rawRequest(t, port, ask(false))
      await until(() => counters(simulator).waiting === 1)
      assert.equal(counters(simulator).onWire, 2)
      leave(first)
      await until(() => counters(simulator).aborted === 1)
      assert.equal(counters(simulator).active, 1)
      assert.equal(counters(simulator).waiting, 0)
      assert.equal(counters(simulator).onWire, 1)
      leave(second)
      await until(() => counters(simulator).aborted === 2)
      assert.ok(nothingLeft(simulator))
    })

    it(`with ${way} while it waits for a slot gives up its place`, async (t) => {
      const { simulator, port } = await aSimulator(t, SLOW)
      await rawRequest(t, port, ask(true))
      await until(() => counters(simulator).active === 1)
      const second = await rawRequest(t, port, ask(true))
      await until(() => counters(simulator).waiting === 1)
      leave(second)
      await until(() => counters(simulator).waiting === 0)
      assert.equal(counters(simulator).aborted, 1)
      assert.equal(counters(simulator).started, 1)
    })

    it(`with ${way} while its model loads aborts the load`, async (t) => {
      const { simulator, port } = await aSimulator(t, { ...SLOW, loadMs: 3_600_000 })
      const socket = await rawRequest(t, port, ask(true))
      await until(() => counters(simulator).pending === 1)
      leave(socket)
      await until(() => counters(simulator).aborted === 1)
      assert.equal(counters(simulator).loads, 0)
      assert.ok(nothingLeft(simulator))
    })
  }

  it('in mid-stream is counted once, whatever the sign was', async (t) => {
    const { simulator, port } = await aSimulator(t, { outputTokensPerSecond: 1000 })
    const body = JSON.stringify({ model: 'llama3.2', prompt: 'x', options: { num_predict: 4096 } })
    const socket = await rawRequest(t, port, rawPost('/api/generate', body))
    await new Promise((resolve) => socket.once('data', resolve))
    socket.resetAndDestroy()
    await until(() => nothingLeft(simulator))
    assert.equal(counters(simulator).aborted, 1)
    assert.equal(counters(simulator).finished, 0)
  })

  it('before its body is complete never becomes a call', async (t) => {
    const { simulator, port, url } = await aSimulator(t)
    const socket = await rawRequest(t, port, ask(true).slice(0, -5))
    socket.resetAndDestroy()
    await (await post(`${url}/api/generate`, { model: 'llama3.2', prompt: 'y' })).text()
    assert.equal(counters(simulator).submitted, 1)
  })

  it('after its answer aborts nothing', async (t) => {
    const { simulator, port } = await aSimulator(t)
    const socket = await rawRequest(t, port, ask(false))
    await new Promise((resolve) => socket.once('data', resolve))
    socket.end()
    await until(() => nothingLeft(simulator))
    assert.equal(counters(simulator).aborted, 0)
    assert.equal(counters(simulator).finished, 1)
  })
})

describe('a client that does not read', () => {
  const pieces = Array.from({ length: 2000 }, () => 'x'.repeat(32 * 1024))
  const script = () => ({ pieces })

  it('holds its slot and stops the generation, which goes on when it reads', async (t) => {
    const { simulator, port } = await aSimulator(t, { script, outputTokensPerSecond: 100_000 })
    const socket = await rawRequest(t, port, ask(true))
    socket.pause()
    const second = await rawRequest(t, port, ask(false))
    await until(() => counters(simulator).waiting === 1)
    second.destroy()
    await until(() => counters(simulator).aborted === 1)
    assert.equal(counters(simulator).active, 1)
    assert.equal(counters(simulator).finished, 0)
    const reading = everything(socket)
    let last = ''
    socket.on('data', (chunk: Buffer) => {
      last = (last + chunk.toString()).slice(-10)
      if (last.endsWith('0\r\n\r\n')) socket.end()
    })
    socket.resume()
    assert.match((await reading).text, /"done":true/)
    assert.equal(counters(simulator).finished, 1)
  })

  it('frees the slot when it leaves without having read', async (t) => {
    const { simulator, port } = await aSimulator(t, { script, outputTokensPerSecond: 100_000 })
    const socket = await rawRequest(t, port, ask(true))
    socket.pause()
    await until(() => counters(simulator).active === 1)
    socket.resetAndDestroy()
    await until(() => nothingLeft(simulator))
    assert.equal(counters(simulator).aborted, 1)
  })
})

describe('close()', () => {
  it('ends running calls and idle connections at once, and listen() works again', async (t) => {
    const { simulator, port, url } = await aSimulator(t, SLOW)
    const socket = await rawRequest(t, port, ask(true))
    const end = everything(socket)
    await until(() => counters(simulator).active === 1)
    await fetch(`${url}/api/version`)
    await simulator.close()
    await end
    await until(() => nothingLeft(simulator))
    assert.equal(counters(simulator).aborted, 1)
    await assert.rejects(rawRequest(t, port, ''), { code: 'ECONNREFUSED' })
    await simulator.listen(port)
    assert.equal((await fetch(`${url}/api/version`)).status, 200)
  })

  it('rejects a second listen() and an address that is taken', async (t) => {
    const { simulator, port } = await aSimulator(t)
    await assert.rejects(simulator.listen(), /listens already/)
    const other = await aSimulator(t)
    await other.simulator.close()
    await assert.rejects(other.simulator.listen(port), { code: 'EADDRINUSE' })
    await other.simulator.listen()
  })
})

it('the peak on the wire counts all calls at the same time, not only calls with a slot', async (t) => {
  const { simulator, url } = await aSimulator(t, { numParallel: 2, outputTokensPerSecond: 200 })
  const calls = Array.from({ length: 6 }, () =>
    post(`${url}/api/generate`, { model: 'llama3.2', prompt: 'x' }),
  )
  await Promise.all(calls.map(async (call) => (await call).text()))
  assert.equal(counters(simulator).peakActive, 2)
  assert.equal(counters(simulator).peakOnWire, 6)
  assert.equal(counters(simulator).onWire, 0)
  simulator.engine.counters.reset()
  assert.deepEqual([counters(simulator).peakOnWire, counters(simulator).finished], [0, 0])
})
