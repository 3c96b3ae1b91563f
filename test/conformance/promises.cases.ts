import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { occupy, quiet } from './occupied.ts'
import { Pair, type Target } from './pair.ts'
import { RawCall } from './raw-call.ts'

const GENERATE = '/api/generate'
/** Of several rounds the quickest must be this quick: a busy machine makes single ones late. */
const AT_ONCE_MS = 50
const ROUNDS = 5

function generate(tokens: number, stream = true): string {
  return JSON.stringify({ model: 'llama3.2', prompt: 'x', stream, options: { num_predict: tokens } })
}

/**
 * The nine promises of an admission gate that proxies of this kind break most often, under their numbers.
 * Number 8, the slow reader, stands with the streams; number 9, one gate for every route and spelling, with the routes.
 */
export function promises(target: Target): void {
  describe('the nine promises', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '16', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '1000000'],
        serve: ['--parallel', '1', '--max-queue', '20'],
      })
    })
    after(() => pair.stop())

    const post = (body: string): RawCall => {
      const call = new RawCall(pair.proxy.port)
      call.post(GENERATE, body)
      return call
    }
    const measure = async (act: () => void, what: string, seen: () => boolean | Promise<boolean>) => {
      const startedAt = performance.now()
      act()
      await until(what, seen)
      return performance.now() - startedAt
    }
    const leaveAll = async (calls: readonly RawCall[]): Promise<void> => {
      for (const call of calls) call.leave('rst')
      await quiet(pair)
    }

    it('promise 1: never more run than the limit, while many slow streams go on', async () => {
      await pair.update({ model: 'llama3.2', parallel_limit: 3 })
      await pair.resetSimulator()
      const calls = Array.from({ length: 12 }, () => post(generate(15)))
      await until(
        'all are served',
        () => calls.every(({ received }) => received.includes('"done":true')),
        20_000,
      )
      assert.equal((await pair.simulated()).peakOnWire, 3)
      await leaveAll(calls)
      await pair.update({ model: 'llama3.2', parallel_limit: 1 })
    })

    it('promise 2: a client that dies in line gives its place up at once and never reaches Ollama', async () => {
      const holder = await occupy(pair)
      const { submitted } = await pair.simulated()
      const times: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        const waiting = post(generate(1))
        const queued = async (count: number) => (await pair.stats()).queued_requests === count
        await until('in line', () => queued(1))
        times.push(
          await measure(
            () => waiting.leave('rst'),
            'out of line',
            () => queued(0),
          ),
        )
      }
      assert.ok(Math.min(...times) < AT_ONCE_MS, `took ${times} ms`)
      assert.equal((await pair.simulated()).submitted, submitted)
      await leaveAll([holder])
    })

    for (const [number, what, stream] of [
      [3, 'in mid-stream', true],
      [4, 'before the head of its answer', false],
    ] as const) {
      it(`promise ${number}: a client that dies ${what} stops Ollama, and the next in line runs at once`, async () => {
        const { aborted } = await pair.simulated()
        const times: number[] = []
        for (let round = 0; round < ROUNDS; round++) {
          const running = post(generate(4_000, stream))
          await until('it runs', async () => (await pair.simulated()).active === 1)
          if (stream) await until('it streams', () => running.received.includes('"done":false'))
          const { started } = await pair.simulated()
          const next = post(generate(4_000))
          await until('one waits', async () => (await pair.stats()).queued_requests === 1)
          const takes = async () => (await pair.simulated()).started === started + 1
          times.push(await measure(() => running.leave('rst'), 'the next runs', takes))
          assert.equal((await pair.simulated()).aborted, aborted + 1 + 2 * round)
          await leaveAll([next])
        }
        assert.ok(Math.min(...times) < AT_ONCE_MS, `took ${times} ms`)
      })
    }

    it('promise 5: limits that go up and down under load lose nobody and stay exact', async () => {
      await pair.resetSimulator()
      const calls = Array.from({ length: 16 }, () => post(generate(25)))
      const runs = async () => (await pair.stats()).active_requests
      await until('fifteen wait', async () => (await pair.stats()).queued_requests === 15)
      for (const limit of [6, 2, 4, 1, 5]) {
        const before = await runs()
        await pair.update({ model: 'llama3.2', parallel_limit: limit })
        const now = await runs()
        assert.ok(now <= Math.max(limit, before), `${now} run under a limit of ${limit}, ${before} before`)
        await fetch(`${pair.proxy.url}/admin/queue/reset`, { method: 'POST' })
      }
      await until(
        'all are served',
        () => calls.every(({ received }) => received.includes('"done":true')),
        20_000,
      )
      const { submitted, finished, peakOnWire } = await pair.simulated()
      assert.deepEqual([submitted, finished], [16, 16])
      assert.ok(peakOnWire <= 6, `${peakOnWire} at once`)
      await leaveAll(calls)
      await pair.update({ model: 'llama3.2', parallel_limit: 1 })
    })

    it('promise 6: a full queue refuses within milliseconds, with a time to return', async () => {
      await pair.update({ model: 'llama3.2', queue_limit: 0 })
      const holder = await occupy(pair)
      const times: number[] = []
      for (let round = 0; round < 20; round++) {
        const call = new RawCall(pair.proxy.port)
        await until('connected', () => call.socket.readyState === 'open')
        const startedAt = performance.now()
        call.post(GENERATE, generate(1))
        await new Promise((resolve) => call.socket.once('data', resolve))
        times.push(performance.now() - startedAt)
        assert.equal(call.status, 503)
        assert.match(call.received, /\r\nretry-after: \d+\r\n/i)
        call.leave('fin')
      }
      assert.ok(Math.min(...times) < 5, `took ${times} ms`)
      await leaveAll([holder])
      await pair.update({ model: 'llama3.2', queue_limit: 20 })
    })
  })

  describe('the nine promises', () => {
    it('promise 7: a wait ends at its deadline though no slot ever frees', async () => {
      const pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '10', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--timeout', '1'],
      })
      try {
        const holder = await occupy(pair)
        const waiting = new RawCall(pair.proxy.port)
        const startedAt = performance.now()
        waiting.post(GENERATE, generate(1))
        await until('it is refused', () => waiting.status > 0)
        const ms = performance.now() - startedAt
        assert.equal(waiting.status, 504)
        assert.ok(ms >= 990 && ms < 1_500, `after ${ms} ms`)
        assert.equal(holder.closed, false)
        assert.equal((await pair.simulated()).submitted, 1)
      } finally {
        await pair.stop()
      }
    })
  })
}
