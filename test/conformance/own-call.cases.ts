import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { bearer, from, keyRing, THE_SUITE } from './key-ring.ts'
import { Pair, type Target } from './pair.ts'
import { MODEL, NO_WAIT_INSIDE, person, type Sent, send, sendAndStream, sendToLine } from './served-order.ts'

type Headers = Readonly<Record<string, string>>

interface ToldCall {
  readonly id: string
  readonly state: string
  readonly position: number | null
  readonly waiting_for: string | null
  readonly tokens_out: number
  readonly outcome: string | null
  readonly reason: string | null
  readonly status: number | null
  readonly total_ms: number | null
  readonly ticket: string
}

/** A client behind another proxy: nobody of this machine. */
const ELSEWHERE = from('203.0.113.9')
const EVENTS = { accept: 'text/event-stream' }
/** A call of one token. */
const SHORT = { options: { num_predict: 1 } }

/** A stream of one call, as it is read. */
class Followed {
  readonly calls: ToldCall[] = []
  #ended = false
  readonly #leaving = new AbortController()

  static async open(pair: Pair, id: string, headers: Headers): Promise<Followed> {
    const followed = new Followed()
    const answer = await fetch(`${pair.proxy.url}/queue/requests/${id}`, {
      headers: { ...headers, ...EVENTS },
      signal: followed.#leaving.signal,
    })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'text/event-stream')
    void followed.#read(answer)
    return followed
  }

  /** The proxy has ended the stream. */
  get ended(): boolean {
    return this.#ended
  }

  get last(): ToldCall | undefined {
    return this.calls.at(-1)
  }

  leave(): void {
    this.#leaving.abort()
  }

  async #read(answer: Response): Promise<void> {
    let text = ''
    try {
      for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += part
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) {
          const [, data] = /^event: request\ndata: (.*)$/.exec(event) ?? []
          if (data !== undefined) this.calls.push(JSON.parse(data))
        }
      }
      this.#ended = true
    } catch {
      // This client has left.
    }
  }
}

/** A caller and its own call. Where calls are in other processes, there is no such page: `operators` shows that. */
export function ownCalls(target: Target): void {
  if (target.gaps?.monitor) return
  describe('a caller and its own call', () => {
    const open: Sent[] = []
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: NO_WAIT_INSIDE,
        serve: ['--parallel', '1', '--max-queue', '4'],
        variables: {
          ...keyRing({ alice: {}, bob: {}, webui: { users: 'open-webui' }, eyes: { may: ['view'] } }),
          TRUSTED_PROXIES: THE_SUITE,
        },
      })
    })
    after(() => pair.stop())
    afterEach(async () => {
      for (const { call } of open.splice(0)) call.leave('rst')
      await until('nothing runs', async () => {
        const { active_requests, queued_requests } = await pair.stats(MODEL)
        return active_requests + queued_requests === 0
      })
    })

    const as = (name: string): Headers => ({ ...bearer(name), ...ELSEWHERE })
    const streams = async (id: string, headers: Headers) => {
      const sent = await sendAndStream(pair, id, headers)
      open.push(sent)
      return sent
    }
    const waits = async (id: string, headers: Headers, more = {}) => {
      const sent = await sendToLine(pair, id, headers, undefined, more)
      open.push(sent)
      return sent
    }
    const ask = async (id: string, headers: Headers) => {
      const answer = await fetch(`${pair.proxy.url}/queue/requests/${id}`, { headers })
      return { status: answer.status, text: await answer.text() }
    }
    const told = async (id: string, headers: Headers): Promise<ToldCall> =>
      JSON.parse((await ask(id, headers)).text)
    const over = (id: string, headers: Headers) =>
      until(`${id} is over`, async () => (await told(id, headers)).state === 'done')

    it('from its third place in line to its end, as events', async () => {
      const running = await streams('a-0', as('alice'))
      const first = await waits('a-1', as('alice'))
      const second = await waits('a-2', as('alice'))
      await waits('a-3', as('alice'), SHORT)
      const followed = await Followed.open(pair, 'a-3', as('alice'))
      await until('it is told', () => followed.calls.length > 0)
      assert.deepEqual([followed.last?.state, followed.last?.position], ['waiting', 3])
      second.call.leave('rst')
      await until('it moves up', () => followed.last?.position === 2)
      first.call.leave('rst')
      await until('it is next', () => followed.last?.position === 1)
      assert.equal(followed.last?.waiting_for, 'slot')
      running.call.leave('rst')
      await until('the stream ends', () => followed.ended)
      const { state, outcome, status, reason, tokens_out, position } = followed.last ?? {}
      assert.deepEqual(
        [state, outcome, status, reason, tokens_out, position],
        ['done', 'done', 200, null, 1, null],
      )
      assert.deepEqual(await told('a-3', as('alice')), followed.last)
      const late = await Followed.open(pair, 'a-3', as('alice'))
      await until('the stream ends', () => late.ended)
      assert.deepEqual(late.calls, [followed.last])
    })

    it('and nobody else’s: a foreign call is answered like none', async () => {
      await streams('b-0', as('bob'))
      await waits('b-1', as('bob'))
      const none = await ask('no-such-call', as('alice'))
      assert.equal(none.status, 404)
      for (const id of ['b-0', 'b-1', 'x'.repeat(10_000), '%25', 'b%2D0'])
        for (const headers of [as('alice'), { ...as('alice'), ...EVENTS }])
          assert.deepEqual(await ask(id, headers), none, id)
      assert.equal((await ask('b-0', ELSEWHERE)).status, 401)
      assert.equal((await told('b-1', as('bob'))).position, 1)
      assert.equal((await told('b%2D0', as('bob'))).state, 'running')
      assert.equal((await told('b-1', as('eyes'))).position, 1)
      // The suite itself is at the machine of the proxy.
      assert.equal((await told('b-1', {})).ticket, '/queue/ticket/b-1')
      open.find(({ id }) => id === 'b-1')?.call.leave('rst')
      await over('b-1', as('bob'))
      assert.deepEqual(await ask('b-1', as('alice')), none)
    })

    it('and not those of other people behind its key', async () => {
      const [ann, tom] = [
        { ...person('webui', 'ann'), ...ELSEWHERE },
        { ...person('webui', 'tom'), ...ELSEWHERE },
      ]
      await streams('w-ann', ann)
      await waits('w-tom', tom)
      assert.equal((await told('w-ann', ann)).state, 'running')
      assert.equal((await told('w-tom', tom)).state, 'waiting')
      assert.equal((await ask('w-ann', tom)).status, 404)
      assert.equal((await ask('w-tom', ann)).status, 404)
    })

    it('that its client has left, that an operator has cancelled, that was refused', async () => {
      const alice = as('alice')
      await streams('c-0', alice)
      const left = await waits('c-left', alice)
      await waits('c-cancelled', alice)
      const followed = await Followed.open(pair, 'c-cancelled', alice)
      left.call.leave('rst')
      await over('c-left', alice)
      const gone = await told('c-left', alice)
      assert.deepEqual([gone.outcome, gone.status], ['cancelled', null])
      await fetch(`${pair.proxy.url}/admin/queue/cancel`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"id":"c-cancelled"}',
      })
      await until('the stream ends', () => followed.ended)
      assert.deepEqual([followed.last?.outcome, followed.last?.status], ['cancelled', 499])
      for (let count = 1; count <= 4; count++) await waits(`c-${count}`, alice)
      open.push(send(pair, 'c-refused', alice))
      await until('it is refused', async () => (await ask('c-refused', alice)).status === 200)
      await over('c-refused', alice)
      const { outcome, reason, status } = await told('c-refused', alice)
      assert.deepEqual([outcome, reason, status], ['refused', 'queue_full', 503])
    })

    it('by many streams at once, which have a bound for each address and end with their clients', async () => {
      await streams('d-0', as('alice'))
      const all: Followed[] = []
      for (let count = 0; count < 16; count++) all.push(await Followed.open(pair, 'd-0', as('alice')))
      const full = await ask('d-0', { ...as('alice'), ...EVENTS })
      assert.deepEqual([full.status, JSON.parse(full.text).error], [503, 'too_many_listeners'])
      assert.equal((await told('d-0', as('alice'))).state, 'running')
      const other = { ...bearer('alice'), ...from('203.0.113.10') }
      all.push(await Followed.open(pair, 'd-0', other))
      await until('all are told', () => all.every(({ calls }) => calls.length > 0))
      all.shift()?.leave()
      await until('there is room again', async () => {
        const answer = await fetch(`${pair.proxy.url}/queue/requests/d-0`, {
          headers: { ...as('alice'), ...EVENTS },
        })
        await answer.body?.cancel()
        return answer.status === 200
      })
      for (const followed of all) followed.leave()
    })
  })

  describe('a proxy that stops', () => {
    it('ends the streams of calls, and tells the end of those in line', async () => {
      const pair = await Pair.start(target, {
        simulate: NO_WAIT_INSIDE,
        serve: ['--parallel', '1'],
      })
      try {
        const running = await sendAndStream(pair, 'runs', {})
        await sendToLine(pair, 'waits', {})
        const followed = [await Followed.open(pair, 'runs', {}), await Followed.open(pair, 'waits', {})]
        await until('all are told', () => followed.every(({ calls }) => calls.length > 0))
        const stopped = pair.proxy.stop('SIGTERM')
        await until('the streams end', () => followed.every(({ ended }) => ended))
        assert.deepEqual(
          followed.map(({ last }) => [last?.state, last?.reason]),
          [
            ['running', null],
            ['done', 'shutting_down'],
          ],
        )
        running.call.leave('rst')
        assert.equal(await stopped, 0)
      } finally {
        await pair.stop()
      }
    })
  })
}
