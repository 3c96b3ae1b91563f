import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { closed } from './occupied.ts'
import { Pair, startProxy, type Target } from './pair.ts'
import { RawCall } from './raw-call.ts'

const chat = (tokens: number): string =>
  JSON.stringify({
    model: 'llama3.2',
    messages: [{ role: 'user', content: 'hello' }],
    options: { num_predict: tokens },
  })

export function crashes(target: Target): void {
  describe('an Ollama that dies', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '2', '--load-time', '0', '--token-rate', '100', '--prompt-rate', '100000'],
        serve: ['--parallel', '2'],
      })
    })
    after(() => pair.stop())

    it('in mid-stream, twenty times over, gives every slot back, and the next call is served', async () => {
      for (let round = 0; round < 20; round++) {
        const calls = [new RawCall(pair.proxy.port), new RawCall(pair.proxy.port)]
        for (const call of calls) call.post('/api/chat', chat(5_000))
        await until('both stream', () => calls.every((call) => call.received.includes('"done":false')))

        await pair.simulator.stop('SIGKILL')
        await until('every slot is back', async () => (await pair.stats()).active_requests === 0, 1_000)
        for (const call of calls) {
          const broke = () => /^\{"error":"/m.test(call.received)
          await until('the last line says that the answer broke', broke)
          await closed(call, target)
        }

        const refused = new RawCall(pair.proxy.port)
        refused.post('/api/chat', chat(1))
        await until('an answer while it is down', () => refused.status > 0)
        assert.equal(refused.status, 502)
        refused.leave('fin')

        await pair.restartSimulator()
        const next = new RawCall(pair.proxy.port)
        next.post('/api/chat', chat(2))
        await until('the next call is served', () => next.received.includes('"done":true'))
        next.leave('fin')
      }
      const { active_requests, total_failed } = await pair.stats()
      assert.deepEqual({ active_requests, total_failed }, { active_requests: 0, total_failed: 60 })
    })
  })

  describe('no Ollama at all', () => {
    it('is said at the start, answered with 502 and seen in the health until one comes', async () => {
      const nobody = await Pair.start(target, { simulate: [], serve: [] })
      const { port } = nobody.simulator
      await nobody.simulator.stop('SIGKILL')
      const proxy = await startProxy(target, `http://127.0.0.1:${port}`, [])
      try {
        const saysSo = () => proxy.output.includes('No Ollama answers at')
        if (target.gaps?.lifecycle) assert.ok(!saysSo())
        else await until('it says so', saysSo)
        const answer = await fetch(`${proxy.url}/api/chat`, { method: 'POST', body: chat(1) })
        assert.equal(answer.status, 502)
        assert.equal(((await answer.json()) as { code: string }).code, 'upstream_error')
        assert.equal((await fetch(`${proxy.url}/health/ready`)).status, 503)
        const health = (await (await fetch(`${proxy.url}/health`)).json()) as { status: string }
        assert.equal(health.status, 'degraded')

        await nobody.restartSimulator()
        const served = await fetch(`${proxy.url}/api/chat`, { method: 'POST', body: chat(1) })
        assert.equal(served.status, 200)
        assert.equal((await fetch(`${proxy.url}/health/ready`)).status, 200)
      } finally {
        await proxy.stop('SIGKILL')
        await nobody.stop()
      }
    })
  })
}
