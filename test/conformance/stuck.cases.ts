import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, type Response as Answer, fetch as patientFetch } from 'undici'
import { until } from '../support/until.ts'
import { Pair, type Target } from './pair.ts'

const MODEL = 'llama3.2'
/** A minute, and two looks of five seconds. The rest is for a busy machine. */
const FOUND_MS = 75_000
/** The rest of the suite can take longer than the 300 s after which a client gives up by itself. */
const patient = new Agent({ headersTimeout: 0, bodyTimeout: 0 })
const REFUSED = ['/api/chat', '/v1/chat/completions', '/v1/messages'] as const

/**
 * A runner whose work loop is dead. It dies when the suite begins, and `wait`, called last, looks at what the proxy has
 * made of it, so that the minute passes while other cases run.
 */
export function stuckRunners(target: Target): { wait(): void } {
  // The object that admits calls on workerd sees no byte of an answer.
  if (target.gaps?.monitor) return { wait() {} }

  let pair: Pair
  let hungAt = 0
  const answers = new Map<string, Promise<Answer>>()
  const ask = (path: string, body: object) =>
    patientFetch(`${pair.proxy.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      dispatcher: patient,
    })
  const hang = (hang: string | null) =>
    fetch(`${pair.simulator.url}/_sim/hangs`, { method: 'POST', body: JSON.stringify({ [MODEL]: hang }) })
  const generate = { model: MODEL, prompt: 'x', options: { num_predict: 4_000 } }

  describe('a runner that will be stuck', () => {
    before(async () => {
      const simulate = ['--token-rate', '50', '--load-time', '0']
      const variables = { REQUEST_TIMEOUT: '1000', STREAM_IDLE_TIMEOUT: '0' }
      pair = await Pair.start(target, { simulate, serve: ['--parallel', '1'], variables })
    })

    it('has a stream that begins, a call in line, and then a work loop that dies', async () => {
      const running = await ask('/api/generate', generate)
      assert.equal(running.status, 200)
      answers.set('running', Promise.resolve(running))
      answers.set('waiting', ask('/api/generate', { ...generate, options: { num_predict: 5 } }))
      await until('a call waits', async () => (await pair.stats(MODEL)).queued_requests === 1)
      assert.equal((await hang('generation')).status, 200)
      hungAt = performance.now()
    })
  })

  return {
    wait() {
      describe('a stuck runner', () => {
        after(async () => {
          await patient.destroy()
          await pair.stop()
        })

        it('is found within its bound', async () => {
          await pause(Math.max(0, hungAt + 55_000 - performance.now()))
          const left = hungAt + FOUND_MS - performance.now()
          await until('llama3.2 is stuck', async () => (await pair.stats(MODEL)).stuck, Math.max(2_000, left))
        })

        it('refuses new calls at once in every dialect', async () => {
          for (const path of REFUSED) {
            const sentAt = performance.now()
            const answer = await ask(path, {
              model: MODEL,
              messages: [{ role: 'user', content: 'x' }],
              max_tokens: 5,
            })
            assert.equal(answer.status, 503, path)
            assert.ok(performance.now() - sentAt < 1_000)
            assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d?$/)
            assert.match(await answer.text(), path === '/v1/messages' ? /overloaded_error/ : /model_stuck/)
          }
          assert.equal((await pair.stats(MODEL)).total_rejected, REFUSED.length)
        })

        it('keeps its line, which is told what it waits for, and raises a critical alert', async () => {
          const page = await (await fetch(`${pair.proxy.url}/queue/requests`)).json()
          const waits = page.requests.filter(({ state }: { state: string }) => state === 'waiting')
          assert.deepEqual(
            waits.map(({ waiting_for }: { waiting_for: string }) => waiting_for),
            ['stuck'],
          )
          await until('the alert', async () => {
            const { alerts } = await (await fetch(`${pair.proxy.url}/queue/alerts`)).json()
            return alerts.some(
              ({ id, level }: { id: string; level: string }) =>
                id === `model_stuck:${MODEL}` && level === 'critical',
            )
          })
        })

        it('goes on as soon as Ollama does, and loses no call', async () => {
          await (await answers.get('running'))?.body?.cancel()
          await hang(null)
          await until('llama3.2 is taken again', async () => !(await pair.stats(MODEL)).stuck)
          const waited = await answers.get('waiting')
          assert.equal(waited?.status, 200)
          assert.match((await waited?.text()) ?? '', /"done":true/)
          const last = await ask('/api/generate', { ...generate, stream: false, options: { num_predict: 5 } })
          assert.equal(last.status, 200)
          const { active_requests, queued_requests } = await pair.stats(MODEL)
          assert.deepEqual([active_requests, queued_requests], [0, 0])
        })
      })
    },
  }
}
