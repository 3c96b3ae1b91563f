import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { bearer, keyRing } from './key-ring.ts'
import { masked } from './masked.ts'
import { Pair, startProxy, type Target } from './pair.ts'

const TODAY =
  'The budget of your key is used up for today. It is renewed at midnight, in the time of this server.'
const THIS_MONTH =
  'The budget of your key is used up for this month. It is renewed on the first, in the time of this server.'

/** The whole answer to a call of a key whose budget is spent, by path. */
const SPENT: Readonly<Record<string, object>> = {
  '/api/generate': {
    error: `insufficient_quota: ${TODAY}`,
    code: 'insufficient_quota',
    message: TODAY,
    model: 'llama3.2',
  },
  '/v1/chat/completions': {
    error: { message: TODAY, type: 'insufficient_quota', param: null, code: 'insufficient_quota' },
  },
  '/v1/messages': {
    type: 'error',
    error: { type: 'rate_limit_error', message: TODAY },
    request_id: 'req_#',
  },
}

/** India has no summer time. The offset is not a whole number of hours, so no other zone is taken for this one. */
const ZONE = 'Asia/Kolkata'
const AHEAD_MS = 5.5 * 3_600_000
const DAY_MS = 24 * 3_600_000

export function keyBudgets(target: Target): void {
  describe('a budget', () => {
    let folder: string
    let pair: Pair
    const variables = () => ({
      ...keyRing({
        seconds: { slot_seconds: { day: 0.05 } },
        tokens: { tokens: { day: 8 } },
        monthly: { tokens: { month: 8 } },
        leaving: { slot_seconds: { day: 0.05 } },
        kept: { tokens: { day: 8 } },
        rich: { slot_seconds: { day: 86_400 }, tokens: { month: 1e12 } },
      }),
      USAGE_DIR: folder,
      ...(!target.gaps?.monitor && { TZ: ZONE }),
    })
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'guard-usage-'))
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '100000'],
        serve: ['--parallel', '2'],
        variables: variables(),
      })
    })
    after(async () => {
      await pair.stop()
      await rm(folder, { recursive: true })
    })

    const call = (name: string, changes: object = {}, path = '/api/generate', url = pair.proxy.url) =>
      fetch(url + path, {
        method: 'POST',
        headers: bearer(name),
        body: JSON.stringify({
          model: 'llama3.2',
          prompt: 'x',
          messages: [{ role: 'user', content: 'x' }],
          stream: false,
          max_tokens: 10,
          options: { num_predict: 10 },
          ...changes,
        }),
      })
    const statusOf = async (name: string, url?: string) => {
      const answer = await call(name, {}, undefined, url)
      await answer.text()
      return answer.status
    }
    /** Waits until the proxy has charged the call: the client can have the last byte a moment earlier. */
    const spent = (name: string, url?: string) =>
      until('the budget is spent', async () => (await statusOf(name, url)) === 429)

    for (const name of ['seconds', 'tokens']) {
      it(`of ${name} lets the call that crosses it complete, and refuses the next before Ollama hears`, async () => {
        const answer = await call(name)
        assert.equal(answer.status, 200)
        assert.match(await answer.text(), /"done":true.*"eval_count":10/)
        await spent(name)
        const { submitted } = await pair.simulated()
        for (const [path, body] of Object.entries(SPENT)) {
          const refused = await call(name, {}, path)
          assert.equal(refused.status, 429)
          assert.equal(refused.headers.get('x-should-retry'), 'false')
          assert.equal(refused.headers.get('retry-after-ms'), null)
          assert.equal(masked(await refused.text()), JSON.stringify(body))
        }
        assert.equal((await pair.simulated()).submitted, submitted)
      })
    }

    it('asks for patience until midnight, where the server stands', async () => {
      const zoneMs = target.gaps?.monitor ? 0 : AHEAD_MS
      const now = Date.now()
      const expected = (DAY_MS - ((now + zoneMs) % DAY_MS)) / 1_000
      const answer = await call('seconds')
      const asked = Number(answer.headers.get('retry-after'))
      await answer.text()
      assert.ok(Math.abs(asked - expected) <= 5, `asks for ${asked} s, and midnight is in ${expected} s`)
    })

    it('of a month asks for patience until the first', async () => {
      assert.equal(await statusOf('monthly'), 200)
      await spent('monthly')
      const zoneMs = target.gaps?.monitor ? 0 : AHEAD_MS
      const there = new Date(Date.now() + zoneMs)
      const first = Date.UTC(there.getUTCFullYear(), there.getUTCMonth() + 1, 1)
      const answer = await call('monthly')
      const asked = Number(answer.headers.get('retry-after'))
      assert.ok(Math.abs(asked - (first - there.getTime()) / 1_000) <= 5, `asks for ${asked} s`)
      const { message } = (await answer.json()) as { message: string }
      assert.equal(message, THIS_MONTH)
    })

    it('is charged for a call whose client left', async () => {
      const leaving = new AbortController()
      const answer = await fetch(`${pair.proxy.url}/api/generate`, {
        method: 'POST',
        headers: bearer('leaving'),
        body: JSON.stringify({ model: 'llama3.2', prompt: 'x', options: { num_predict: 4_000 } }),
        signal: leaving.signal,
      })
      const reader = answer.body?.getReader()
      for (let chunk = 0; chunk < 5; chunk++) await reader?.read()
      const { aborted } = await pair.simulated()
      leaving.abort()
      await until('Ollama stops', async () => (await pair.simulated()).aborted === aborted + 1)
      await spent('leaving')
    })

    it('is not charged for calls that others make, or that are refused', async () => {
      for (let count = 0; count < 5; count++) assert.equal(await statusOf('rich'), 200)
      const forbidden = await call('mallory')
      assert.equal(forbidden.status, 401)
      await forbidden.text()
      assert.equal(await statusOf('kept'), 200)
    })

    if (!target.gaps?.monitor)
      it('outlives the proxy', async () => {
        await spent('kept')
        await pair.proxy.stop('SIGTERM')
        const next = await startProxy(target, pair.simulator.url, ['--parallel', '2'], variables())
        try {
          assert.equal(await statusOf('kept', next.url), 429)
          assert.equal(await statusOf('rich', next.url), 200)
        } finally {
          await next.stop('SIGKILL')
        }
      })
  })
}
