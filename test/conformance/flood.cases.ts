import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { Pair, type Target } from './pair.ts'
import { RawCall } from './raw-call.ts'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

function call(pair: Pair, tokens: number, model = 'llama3.2'): Promise<Answer> {
  const body = JSON.stringify({ model, prompt: 'hello', options: { num_predict: tokens } })
  return fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', body }).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await response.text(),
  }))
}

export function floods(target: Target): void {
  describe('a flood', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '16', '--load-time', '0', '--token-rate', '100', '--prompt-rate', '100000'],
        serve: ['--parallel', '3', '--max-queue', '10'],
      })
    })
    after(() => pair.stop())

    it('never runs more than the limit, queues what fits and refuses the rest with a time to return', async () => {
      const answers = await Promise.all(Array.from({ length: 60 }, () => call(pair, 80)))
      const served = answers.filter(({ status }) => status === 200)
      const refused = answers.filter(({ status }) => status === 503)
      assert.equal(served.length, 13, 'three slots and ten places in line')
      assert.equal(refused.length, 47)
      for (const { body } of served) assert.match(body, /"done":true/)
      for (const { body, headers } of refused) {
        assert.equal(JSON.parse(body).code, 'queue_full')
        const seconds = Number(headers.get('retry-after'))
        assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`)
      }
      assert.equal((await pair.simulated()).peakOnWire, 3)
      const stats = await pair.stats()
      assert.equal(stats.total_processed, 13)
      assert.equal(stats.total_rejected, 47)
      assert.equal(stats.active_requests + stats.queued_requests, 0)
    })

    it('serves every spelling of a name from one lane', async () => {
      await pair.resetSimulator()
      const spellings = [
        'llama3.2',
        'LLAMA3.2:latest',
        'registry.ollama.ai/library/llama3.2',
        'library/llama3.2',
      ]
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => call(pair, 10, spellings[index % spellings.length])),
      )
      assert.ok(answers.every(({ status }) => status === 200))
      assert.equal((await pair.simulated()).peakOnWire, 3)
    })

    it('raised limits start waiters at once, lowered ones let the running finish', async () => {
      await pair.resetSimulator()
      const calls = Array.from({ length: 13 }, () => call(pair, 100))
      await until('full', async () => (await pair.stats()).queued_requests === 10)

      assert.equal((await pair.update({ model: 'llama3.2:latest', parallel_limit: 8 })).status, 200)
      const raised = await pair.stats()
      assert.deepEqual([raised.active_requests, raised.queued_requests], [8, 5])

      await pair.update({ model: 'llama3.2', parallel_limit: 2 })
      const lowered = await pair.stats()
      assert.deepEqual([lowered.active_requests, lowered.queued_requests], [8, 5])

      const answers = await Promise.all(calls)
      assert.ok(answers.every(({ status, body }) => status === 200 && body.includes('"done":true')))
      assert.equal((await pair.simulated()).peakOnWire, 8)
      await pair.update({ model: 'llama3.2', parallel_limit: 3 })
    })

    it('a reset under load zeroes the figures and keeps slots and line', async () => {
      const calls = Array.from({ length: 6 }, () => call(pair, 50))
      await until('three wait', async () => (await pair.stats()).queued_requests === 3)
      await fetch(`${pair.proxy.url}/admin/queue/reset?model=llama3.2`, { method: 'POST' })
      const { total_processed, active_requests, queued_requests } = await pair.stats()
      assert.deepEqual([total_processed, active_requests, queued_requests], [0, 3, 3])
      assert.ok((await Promise.all(calls)).every(({ status }) => status === 200))
      assert.equal((await pair.stats()).total_processed, 6)
    })
  })

  describe('waiting', () => {
    it('past the deadline is answered with 504, and calls that run are cut at theirs', async () => {
      const pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '10', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--timeout', '0.6'],
      })
      try {
        const running = new RawCall(pair.proxy.port)
        running.post(
          '/api/generate',
          JSON.stringify({ model: 'llama3.2', prompt: 'x', options: { num_predict: 500 } }),
        )
        await until('streams', () => running.received.includes('"done":false'))
        const waited = await call(pair, 1)
        assert.equal(waited.status, 504)
        assert.equal(JSON.parse(waited.body).code, 'timeout')
        assert.ok(Number(waited.headers.get('retry-after')) >= 1)
        assert.equal(waited.headers.get('x-should-retry'), null, 'it never came to Ollama')
        running.leave('rst')

        await pair.faults({ stall: { calls: 1 } })
        const silent = await call(pair, 1)
        assert.equal(silent.status, 504)
        assert.equal(silent.headers.get('retry-after'), null)
        await until('the slot is back', async () => (await pair.stats()).active_requests === 0)
        assert.equal((await pair.stats()).total_timed_out, 2)
      } finally {
        await pair.stop()
      }
    })
  })

  if (target.gaps?.lifecycle) {
    it('a shutdown is the platform’s doing, and cuts what runs', async () => {
      const pair = await Pair.start(target, { simulate: ['--token-rate', '1'], serve: [] })
      try {
        const cut = assert.rejects(call(pair, 20))
        await until('runs', async () => (await pair.stats()).active_requests === 1)
        await pair.proxy.stop('SIGTERM')
        await cut
      } finally {
        await pair.stop()
      }
    })
    return
  }

  describe('a shutdown', () => {
    it('refuses the waiting, lets the running finish and ends with 0', async () => {
      const pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000'],
        serve: ['--parallel', '1'],
      })
      try {
        const running = call(pair, 20)
        await until('runs', async () => (await pair.stats()).active_requests === 1)
        const waiting = call(pair, 1)
        await until('waits', async () => (await pair.stats()).queued_requests === 1)
        const ended = pair.proxy.stop('SIGTERM')
        const refused = await waiting
        assert.equal(refused.status, 503)
        assert.equal(JSON.parse(refused.body).code, 'shutting_down')
        assert.ok(Number(refused.headers.get('retry-after')) >= 1)
        assert.equal((await fetch(`${pair.proxy.url}/health/ready`)).status, 503)
        const served = await running
        assert.equal(served.status, 200)
        assert.match(served.body, /"done":true/)
        assert.equal(await ended, 0)
      } finally {
        await pair.stop()
      }
    })

    it('ends at once at the second signal', async () => {
      const pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '1', '--prompt-rate', '100000'],
        serve: ['--parallel', '1'],
      })
      try {
        const running = new RawCall(pair.proxy.port)
        running.post('/api/generate', JSON.stringify({ model: 'llama3.2', prompt: 'x' }))
        await until('runs', async () => (await pair.stats()).active_requests === 1)
        const ended = pair.proxy.stop('SIGTERM')
        await until('it drains', () => pair.proxy.output.includes('draining'))
        pair.proxy.process.kill('SIGTERM')
        assert.equal(await ended, 128 + 15)
      } finally {
        await pair.stop()
      }
    })
  })
}
