import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import { Pair, type Target } from './pair.ts'
import { head, RawCall } from './raw-call.ts'

const CHAT = '/api/chat'

/** `tokens` at the simulator's 50 a second. */
function chat(tokens: number, stream = true): string {
  const messages = [{ role: 'user', content: 'hello' }]
  return JSON.stringify({ model: 'llama3.2', messages, stream, options: { num_predict: tokens } })
}

const LONG = chat(5_000)

export function disconnects(target: Target): void {
  describe('a client that leaves', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--max-queue', '50'],
      })
    })
    after(() => pair.stop())

    const quiet = async () => {
      const { active_requests, queued_requests } = await pair.stats()
      const { active, waiting, onWire } = await pair.simulated()
      return active_requests + queued_requests + active + waiting + onWire === 0
    }

    for (const how of ['fin', 'rst'] as const) {
      it(`by ${how} while its body arrives never takes a slot`, async () => {
        const seen = await pair.simulated()
        const call = new RawCall(pair.proxy.port)
        call.send(head(CHAT, LONG.length) + LONG.slice(0, 20))
        await until('connected', () => call.socket.bytesWritten > 0)
        call.leave(how)
        await until('quiet', quiet)
        assert.equal((await pair.simulated()).submitted, seen.submitted)
      })

      it(`by ${how} while it waits gives its place up and never reaches Ollama`, async () => {
        const running = new RawCall(pair.proxy.port)
        running.post(CHAT, LONG)
        await until('running', async () => (await pair.simulated()).active === 1)
        const { submitted } = await pair.simulated()
        const waiting = new RawCall(pair.proxy.port)
        waiting.post(CHAT, LONG)
        await until('in line', async () => (await pair.stats()).queued_requests === 1)
        waiting.leave(how)
        if (how === 'fin' && target.gaps?.silentFin) {
          await pause(200)
          assert.equal((await pair.stats()).queued_requests, 1)
          running.leave('rst')
          await until('quiet', quiet)
          return
        }
        await until('out of line', async () => (await pair.stats()).queued_requests === 0)
        assert.equal((await pair.stats()).active_requests, 1)
        assert.equal((await pair.simulated()).submitted, submitted)
        running.leave('rst')
        await until('quiet', quiet)
      })

      it(`by ${how} before the first byte frees its slot, and Ollama stops`, async () => {
        const { aborted } = await pair.simulated()
        const call = new RawCall(pair.proxy.port)
        call.post(CHAT, chat(5_000, false))
        await until('running', async () => (await pair.simulated()).active === 1)
        call.leave(how)
        await until('quiet', quiet)
        // Where nobody noticed, Ollama came to the end of its answer.
        if (how === 'rst' || !target.gaps?.silentFin) {
          assert.equal((await pair.simulated()).aborted, aborted + 1)
        }
      })

      it(`by ${how} in mid-stream frees its slot, and the next in line has it`, async () => {
        const { aborted } = await pair.simulated()
        const call = new RawCall(pair.proxy.port)
        call.post(CHAT, LONG)
        await until('streaming', () => call.received.includes('"done":false'))
        const next = new RawCall(pair.proxy.port)
        next.post(CHAT, chat(2))
        await until('in line', async () => (await pair.stats()).queued_requests === 1)
        call.leave(how)
        await until('the next is served', () => next.received.includes('"done":true'))
        assert.equal((await pair.simulated()).aborted, aborted + 1)
        next.leave('fin')
        await until('quiet', quiet)
      })
    }

    it('at random moments, five hundred times, leaves nothing behind', async () => {
      await pair.update({ model: 'llama3.2', parallel_limit: 4, queue_limit: 40 })
      await pair.resetSimulator()
      let random = 20_261_122
      const next = (bound: number): number => {
        random = (random * 1_103_515_245 + 12_345) % 2 ** 31
        return Math.floor(random / 2 ** 12) % bound // its low bits repeat
      }
      let left = 0
      const one = async (): Promise<void> => {
        const call = new RawCall(pair.proxy.port)
        const stage = next(4)
        const body = chat(stage === 3 ? 3 : 5_000, next(2) === 0)
        const sent = stage === 0 ? next(body.length) : body.length
        call.send(head(CHAT, body.length) + body.slice(0, sent))
        // From at once to long after a call that got a slot streams.
        await pause(stage === 1 ? 0 : next(60))
        if (stage === 3) await until('some answer', () => call.received !== '' || call.closed, 20_000)
        call.leave(next(2) === 0 ? 'fin' : 'rst')
        left++
      }
      const lanes = Array.from({ length: 10 }, async () => {
        while (left < 500) await one()
      })
      await Promise.all(lanes)
      await until('quiet', quiet, 10_000)
      const seen = await pair.simulated()
      assert.equal(seen.submitted, seen.finished + seen.aborted, 'each call it saw ended or was aborted')
      assert.ok(seen.aborted > 50, `many were left while they ran, saw ${seen.aborted}`)
      await pair.update({ model: 'llama3.2', parallel_limit: 1, queue_limit: 50 })
    })

    it('with the last byte in flight frees its slot all the same', async () => {
      for (let round = 0; round < 20; round++) {
        const call = new RawCall(pair.proxy.port)
        call.post(CHAT, chat(1))
        await until('the end in sight', () => call.received.includes('"done":true') || call.closed)
        call.leave(round % 2 === 0 ? 'fin' : 'rst')
      }
      await until('quiet', quiet)
    })
  })
}
