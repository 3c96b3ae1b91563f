import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { hashOf } from '../../../src/callers/keys.ts'
import type { CallerWithShare } from '../../../src/pages/callers.ts'
import type { FairFigures } from '../../../src/pages/fairness.ts'
import { OllamaKey } from '../../callers/support/builders.ts'
import { until } from '../../support/until.ts'
import { bearer, keyRing } from '../key-ring.ts'
import { type Started, startSimulator, type Target } from '../pair.ts'
import { NO_WAIT_INSIDE, person, send, sendAndStream, servedOrder } from '../served-order.ts'
import { type RunningWorkers, startWorkers } from './miniflare.ts'

const MODEL = 'llama3.2'
const TOKENS_PER_SECOND = 200

const generate = (tokens: number) =>
  JSON.stringify({ model: MODEL, prompt: 'x', options: { num_predict: tokens } })

async function post(url: string, secret: string, tokens = 1) {
  const answer = await fetch(`${url}/api/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: generate(tokens),
  })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

interface OwnPage {
  readonly caller: string
  readonly active: number
  readonly queued: number
  readonly parallel_limit: number | null
  readonly tokens: { readonly month: number; readonly month_budget: number | null }
  readonly resets_at: { readonly day: string }
  readonly requests?: unknown
}

async function me(url: string, secret: string): Promise<OwnPage> {
  const answer = await fetch(`${url}/queue/me`, { headers: { authorization: `Bearer ${secret}` } })
  assert.equal(answer.status, 200)
  return (await answer.json()) as OwnPage
}

/** Callers whose calls come at several isolates. */
export function sharedCallers({ gaps = {} }: Pick<Target, 'gaps'>): void {
  describe('the callers of several isolates', () => {
    const signer = new OllamaKey()
    let simulator: Started
    let workers: RunningWorkers
    let storage: string
    let keys: string
    const start = (auth = 'enforce') =>
      startWorkers(
        { OLLAMA_URL: simulator.url, OLLAMA_NUM_PARALLEL: '8', LOG_LEVEL: 'error', KEYS: keys, AUTH: auth },
        { isolates: 2, storage },
      )
    const urlOf = (isolate: number): string => {
      const url = workers.urls[isolate]
      assert.ok(url)
      return url
    }
    before(async () => {
      storage = await mkdtemp(join(tmpdir(), 'guard-'))
      const rates = ['--token-rate', String(TOKENS_PER_SECOND), '--prompt-rate', '100000']
      simulator = await startSimulator(['--parallel', '16', '--load-time', '0', ...rates])
      const keyOf = async (secret: string, more: object = {}) => ({
        hash: `sha256:${await hashOf(secret)}`,
        ...more,
      })
      keys = JSON.stringify({
        seconds: await keyOf('of-seconds', { slot_seconds: { day: 0.2 } }),
        tokens: await keyOf('of-tokens', { tokens: { month: 30 } }),
        free: await keyOf('of-nothing'),
        single: await keyOf('of-one', { parallel: 1, queue: 1 }),
        viewer: await keyOf('of-view', { may: ['view'] }),
        signer: { ed25519: signer.line },
      })
      workers = await start()
    })
    after(async () => {
      await workers?.dispose()
      await simulator?.stop('SIGKILL')
      await rm(storage, { recursive: true })
    })
    /** A release reaches the object a moment after the answer has ended. */
    const untilSpent = (secret: string) =>
      until('the budget is spent', async () => (await post(urlOf(1), secret)).status === 429)

    it('are charged for their slots at all of them, and refused at all of them once nothing is left', async () => {
      assert.equal((await post(urlOf(0), 'of-seconds', 100)).status, 200)
      await untilSpent('of-seconds')
      const { status, headers, text } = await post(urlOf(0), 'of-seconds')
      assert.deepEqual([status, headers.get('x-should-retry')], [429, 'false'])
      const { code, model } = JSON.parse(text) as { code: string; model: string }
      assert.deepEqual([code, model], ['insufficient_quota', MODEL])
      const midnight = Math.ceil(86_400 - ((Date.now() / 1_000) % 86_400))
      const waitSeconds = Number(headers.get('retry-after'))
      assert.ok(
        Math.abs(waitSeconds - midnight) < 5,
        `${waitSeconds} s, the day in UTC ends in ${midnight} s`,
      )
      assert.equal((await post(urlOf(0), 'of-nothing')).status, 200)
    })

    it('are charged for their tokens', async () => {
      assert.equal((await post(urlOf(0), 'of-tokens', 100)).status, 200)
      await untilSpent('of-tokens')
      assert.match((await post(urlOf(0), 'of-tokens')).text, /insufficient_quota/)
    })

    it('have used what they have used when everything starts anew', async () => {
      await workers.dispose()
      workers = await start()
      for (const secret of ['of-seconds', 'of-tokens'])
        assert.equal((await post(urlOf(0), secret)).status, 429)
      assert.equal((await post(urlOf(1), 'of-nothing')).status, 200)
    })

    it('run and wait as far as their limits go, wherever their calls come', async () => {
      const running = post(urlOf(0), 'of-one', 400)
      await until('a call runs', async () => (await me(urlOf(1), 'of-one')).active === 1)
      const waiting = post(urlOf(1), 'of-one')
      await until('a call waits', async () => (await me(urlOf(0), 'of-one')).queued === 1)
      const { status, text } = await post(urlOf(0), 'of-one')
      assert.deepEqual([status, (JSON.parse(text) as { scope: string }).scope], [503, 'caller'])
      assert.equal((await post(urlOf(1), 'of-nothing')).status, 200, 'nobody else waits')
      const stats = await fetch(`${urlOf(0)}/queue/stats`, { headers: { authorization: 'Bearer of-view' } })
      const { callers, classes } = (await stats.json()) as FairFigures & {
        readonly callers: readonly CallerWithShare[]
      }
      const single = callers.find(({ caller }) => caller === 'single') ?? assert.fail()
      const { active, queued, parallel_limit, share } = single
      assert.ok(share > 0, 'the call that runs has a share')
      assert.deepEqual([classes.normal?.active, classes.normal?.queued], [1, 1])
      assert.deepEqual({ active, queued, parallel_limit }, { active: 1, queued: 1, parallel_limit: 1 })
      assert.deepEqual([(await running).status, (await waiting).status], [200, 200])
    })

    it('learn what they have used, and nothing of the calls themselves', async () => {
      const page = await me(urlOf(1), 'of-tokens')
      assert.deepEqual([page.caller, page.tokens.month_budget, page.requests], ['tokens', 30, undefined])
      assert.ok(page.tokens.month >= 100, `${page.tokens.month} tokens`)
      assert.match(page.resets_at.day, /T00:00:00\.000Z$/, 'days are those of UTC')
    })

    it('cannot use a signature of somebody else again', async () => {
      const target = `/api/tags?ts=${Math.floor(Date.now() / 1_000)}`
      const authorization = signer.authorization('GET', target)
      const send = async (isolate: number, address: string) => {
        const headers = { authorization, 'cf-connecting-ip': address }
        const answer = await fetch(urlOf(isolate) + target, { headers })
        await answer.text()
        return answer.status
      }
      assert.equal(await send(0, '192.0.2.1'), 200)
      assert.equal(await send(0, '192.0.2.2'), 401, 'where the signature was used before')
      assert.equal(await send(1, '192.0.2.2'), gaps.sharedSignatures ? 200 : 401, 'anywhere else')
    })

    it('are served with nothing left while the proxy only observes, and counted', async () => {
      await workers.dispose()
      workers = await start('observe')
      assert.equal((await post(urlOf(1), 'of-seconds')).status, 200)
      const { auth } = (await (await fetch(`${urlOf(0)}/queue/stats`)).json()) as { auth: object }
      assert.deepEqual(auth, { mode: 'observe', refused: { insufficient_quota: 1 } })
    })
  })
  describe('the share of a caller over a reset of the gate', () => {
    it('is charged with the call that runs meanwhile, in its class and for its person', async () => {
      const simulator = await startSimulator(NO_WAIT_INSIDE)
      const workers = await startWorkers(
        {
          ...{ OLLAMA_URL: simulator.url, OLLAMA_NUM_PARALLEL: '1', LOG_LEVEL: 'error', AUTH: 'observe' },
          ...keyRing({ webui: { users: 'open-webui', class: 'batch' }, plain: {} }),
        },
        { isolates: 2, resettable: true },
      )
      try {
        const at = (isolate: number) => ({
          proxy: { port: Number(new URL(workers.urls[isolate] ?? '').port) },
        })
        const queued = async () => {
          const page = await (await fetch(`${workers.urls[0]}/queue/stats`)).json()
          const { models } = page as {
            models: Record<string, { queued_requests: number; active_requests: number }>
          }
          return models[MODEL]
        }
        const calls = [await sendAndStream(at(1), 'running', person('webui', 'ann'))]
        await workers.resetGate()
        await until('the slot is taken up', async () => (await queued())?.active_requests === 1)
        const waiting = [
          ['ann', person('webui', 'ann')],
          ['bob', person('webui', 'bob')],
          ['plain', bearer('plain')],
        ] as const
        for (const [index, [id, headers]] of waiting.entries()) {
          calls.push(send(at(index % 2), id, headers))
          await until(`${id} waits`, async () => (await queued())?.queued_requests === index + 1)
        }
        assert.deepEqual(await servedOrder(calls), ['running', 'plain', 'bob', 'ann'])
      } finally {
        await workers.dispose()
        await simulator.stop('SIGKILL')
      }
    })
  })
}
