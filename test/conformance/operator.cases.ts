import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { occupy, quiet } from './occupied.ts'
import { Pair, type Target } from './pair.ts'
import { parseAnswer } from './raw-answer.ts'
import { head, RawCall } from './raw-call.ts'

interface Listed {
  readonly total: number
  readonly requests: readonly {
    readonly id: string
    readonly model: string
    readonly state: string
    readonly position: number | null
    readonly tokens_out: number
    readonly client: string
  }[]
}

const PATHS = [
  '/queue/requests',
  '/queue/history',
  '/queue/events',
  '/queue/alerts',
  '/metrics',
  '/dashboard',
  '/queue/requests/some-id',
  '/queue/ticket/some-id',
]

export function operators(target: Target): void {
  if (target.gaps?.monitor) {
    describe('what only a process with all calls in it can show', () => {
      it('is not there', async () => {
        const pair = await Pair.start(target, { simulate: [], serve: [] })
        try {
          for (const path of PATHS) assert.equal((await fetch(pair.proxy.url + path)).status, 404, path)
        } finally {
          await pair.stop()
        }
      })
    })
    return
  }

  describe('an operator', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--max-queue', '20'],
      })
    })
    after(() => pair.stop())

    const call = (id: string, tokens: number, stream = true): RawCall => {
      const raw = new RawCall(pair.proxy.port)
      const body = JSON.stringify({
        model: 'llama3.2',
        prompt: 'x',
        stream,
        options: { num_predict: tokens },
      })
      raw.send(
        head('/api/generate', body.length).replace('\r\n\r\n', `\r\nX-Request-Id: ${id}\r\n\r\n`) + body,
      )
      return raw
    }
    const list = async (query = '') =>
      (await (await fetch(`${pair.proxy.url}/queue/requests${query}`)).json()) as Listed
    const stateOf = async (id: string) => (await list()).requests.find((each) => each.id === id)?.state
    const admin = (path: string, body: object) =>
      fetch(pair.proxy.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const cancel = async (id: string) => {
      const answer = await admin('/admin/queue/cancel', { id })
      const { state, error } = (await answer.json()) as { state?: string; error?: string }
      return [answer.status, state ?? error]
    }

    it('sees who runs and who waits, in their order', async () => {
      const running = call('runs', 4_000)
      await until('it streams', () => running.received.includes('"done":false'))
      const waiting: RawCall[] = []
      for (const id of ['first', 'second']) {
        waiting.push(call(id, 1))
        await until('it waits', async () => (await stateOf(id)) === 'waiting')
      }
      const { total, requests } = await list('?model=LLAMA3.2:latest')
      assert.deepEqual(
        requests.map(({ id, state, position, model }) => [id, state, position, model]),
        [
          ['runs', 'running', null, 'llama3.2'],
          ['first', 'waiting', 1, 'llama3.2'],
          ['second', 'waiting', 2, 'llama3.2'],
        ],
      )
      assert.equal(total, 3)
      assert.ok((requests[0]?.tokens_out ?? 0) > 0)
      assert.match(requests[0]?.client ?? '', /127\.0\.0\.1$/)
      assert.deepEqual(await list('?model=mistral'), { total: 0, requests: [] })
      for (const each of [running, ...waiting]) each.leave('rst')
      await quiet(pair)
    })

    it('ends a call that waits: its client gets 499, and nobody else notices', async () => {
      const running = await occupy(pair)
      const waiting = call('unwanted', 1)
      await until('it waits', async () => (await stateOf('unwanted')) === 'waiting')
      assert.deepEqual(await cancel('unwanted'), [200, 'waiting'])
      // The head of the answer can come some time before its body.
      await until('it is told', () => waiting.received.includes('"cancelled"'))
      const { status, headers, body } = parseAnswer(waiting.received)
      assert.deepEqual([status, JSON.parse(body).code], [499, 'cancelled'])
      assert.ok(headers.some(([name, value]) => /^x-should-retry$/i.test(name) && value === 'false'))
      assert.ok(headers.some(([name, value]) => /^x-request-id$/i.test(name) && value === 'unwanted'))
      assert.deepEqual(await cancel('unwanted'), [404, 'request_not_found'])
      assert.equal((await pair.stats()).active_requests, 1)
      running.leave('rst')
      waiting.leave('fin')
      await quiet(pair)
    })

    it('ends a call before its first byte: Ollama stops, and the next in line runs', async () => {
      const { aborted } = await pair.simulated()
      const running = call('silent', 4_000, false)
      await until('it runs', async () => (await stateOf('silent')) === 'running')
      const next = call('next', 1)
      await until('it waits', async () => (await stateOf('next')) === 'waiting')
      assert.deepEqual(await cancel('silent'), [200, 'running'])
      await until('it is told', () => running.status !== 0)
      assert.equal(running.status, 499)
      await until('the next is served', () => next.received.includes('"done":true'))
      assert.equal((await pair.simulated()).aborted, aborted + 1)
      for (const each of [running, next]) each.leave('fin')
      await quiet(pair)
    })

    it('ends a stream with a last line that says so', async () => {
      const { total_cancelled } = await pair.stats()
      const running = call('endless', 4_000)
      await until('it streams', () => running.received.includes('"done":false'))
      assert.deepEqual(await cancel('endless'), [200, 'running'])
      await until('it is told', () => running.received.includes('{"error":"An operator'))
      await until('the connection is closed', () => running.closed)
      await quiet(pair)
      assert.equal((await pair.stats()).total_cancelled, total_cancelled + 1)
    })

    it('pauses a model: what runs goes on, the others stay in line until it is resumed', async () => {
      const running = call('running', 20)
      await until('it streams', () => running.received.includes('"done":false'))
      const paused = await admin('/admin/queue/pause', { model: 'LLAMA3.2' })
      assert.deepEqual(await paused.json(), { status: 'paused', models: ['llama3.2'] })
      const waiting = call('held', 1)
      await until('the running one ends', () => running.received.includes('"done":true'))
      await until('only one is left', async () => (await list()).total === 1)
      assert.equal(await stateOf('held'), 'waiting')
      assert.equal((await pair.stats()).paused, true)
      await admin('/admin/queue/resume', {})
      await until('it is served', () => waiting.received.includes('"done":true'))
      for (const each of [running, waiting]) each.leave('fin')
      await quiet(pair)
    })

    it('hears of every change, without asking', async () => {
      const listener = new AbortController()
      const answer = await fetch(`${pair.proxy.url}/queue/events`, { signal: listener.signal })
      assert.equal(answer.headers.get('content-type'), 'text/event-stream')
      let heard = ''
      const reading = (async () => {
        const decoder = new TextDecoder()
        for await (const chunk of answer.body ?? []) heard += decoder.decode(chunk)
      })().catch(() => {})
      const kinds = ['history', 'stats', 'requests', 'alerts', 'health', 'turns', 'sample']
      await until('one of each', () => kinds.every((kind) => heard.includes(`event: ${kind}\n`)))
      const running = call('heard-of', 4_000)
      await until(
        'it is told',
        () => heard.includes('"id":"heard-of"') && heard.includes('"active_requests":1'),
      )
      running.leave('rst')
      heard = ''
      await until('its end is told', () => heard.includes('event: requests\ndata: {"total":0,"requests":[]}'))
      listener.abort()
      await reading
      await quiet(pair)
    })
  })
}
