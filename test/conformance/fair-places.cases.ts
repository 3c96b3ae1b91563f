import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { bearer } from './key-ring.ts'
import { masked } from './masked.ts'
import { Pair, type Target } from './pair.ts'
import { parseAnswer } from './raw-answer.ts'
import {
  allAccountsEmpty,
  keysOf,
  MODEL,
  NO_WAIT_INSIDE,
  type Sent,
  send,
  sendAndStream,
  sendToLine,
  servedOrder,
} from './served-order.ts'

/** The body of a refusal, by path. */
const REFUSED: Readonly<Record<string, (message: string) => object>> = {
  '/api/generate': (message) => ({
    error: `queue_full: ${message}`,
    code: 'queue_full',
    message,
    model: MODEL,
    scope: 'model',
  }),
  '/v1/chat/completions': (message) => ({
    error: { message, type: 'server_error', param: null, code: 'queue_full', scope: 'model' },
  }),
  '/v1/messages': (message) => ({
    type: 'error',
    error: { type: 'overloaded_error', message, scope: 'model' },
    request_id: 'req_#',
  }),
}

/** Places in a full line, slots kept free, and callers at their limits. */
export function fairPlaces(target: Target): void {
  const open: Sent[] = []
  const start = (serve: readonly string[], keys: Readonly<Record<string, object>>, variables = {}) =>
    Pair.start(target, {
      simulate: NO_WAIT_INSIDE,
      serve,
      variables: { ...keysOf(target, keys), ...variables },
    })
  const cleanUp = async (pair: Pair) => {
    for (const { call } of open.splice(0)) call.leave('rst')
    await allAccountsEmpty(pair)
  }

  describe('a full line', () => {
    let pair: Pair
    before(async () => {
      pair = await start(['--parallel', '1', '--max-queue', '3'], {
        flooder: {},
        quiet: {},
        calm: {},
        still: {},
      })
    })
    after(() => pair.stop())
    afterEach(() => cleanUp(pair))

    const running = async () => open.push(await sendAndStream(pair, 'running', bearer('flooder')))
    const wait = async (id: string, key: string, path?: string) => {
      const sent = await sendToLine(pair, id, bearer(key), path)
      open.push(sent)
      return sent
    }
    /** A call that comes to the full line. */
    const come = (id: string, key: string) => {
      const sent = send(pair, id, bearer(key))
      open.push(sent)
      return sent
    }
    const refused = async ({ id, call }: Sent) => {
      await until(`${id} is refused`, () => call.received.includes('Server is currently busy'))
      assert.equal(call.status, 503)
    }

    for (const [path, body] of Object.entries(REFUSED)) {
      it(`takes the newest call of the longest share for somebody else, and tells its client at once, on ${path}`, async () => {
        await running()
        await wait('first', 'flooder')
        await wait('second', 'flooder')
        const newest = await wait('newest', 'flooder', path)
        come('quiet', 'quiet')
        await refused(newest)
        const { headers, body: text } = parseAnswer(newest.call.received)
        const header = (name: string) => headers.find((each) => each[0].toLowerCase() === name)?.[1]
        const seconds = Number(header('retry-after'))
        assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`)
        assert.equal(Math.ceil(Number(header('retry-after-ms')) / 1_000), seconds)
        const time = seconds === 1 ? '1 second' : `${seconds} seconds`
        const message = `Server is currently busy processing other requests. Please try again in ${time}.`
        assert.deepEqual(JSON.parse(masked(text)), body(message))
        const { active_requests, queued_requests } = await pair.stats()
        assert.deepEqual([active_requests, queued_requests], [1, 3], 'no call had to end for this')
        const order = await servedOrder(open.filter((each) => each !== newest))
        assert.deepEqual(order, ['running', 'quiet', 'first', 'second'])
      })
    }

    it('stays as it is once nobody has more places than others', async () => {
      const { total_rejected } = await pair.stats()
      await running()
      await wait('flooder-1', 'flooder')
      const second = await wait('flooder-2', 'flooder')
      await wait('quiet-1', 'quiet')
      // With this call, both would have two places.
      await refused(come('quiet-2', 'quiet'))
      const calm = come('calm-1', 'calm')
      await refused(second)
      // Three callers have one place each.
      for (const key of ['still', 'flooder', 'quiet', 'calm']) await refused(come(`${key}-late`, key))
      const { queued_requests, total_rejected: rejected } = await pair.stats()
      assert.deepEqual([queued_requests, rejected - total_rejected], [3, 6])
      const inLine = open.filter(({ id }) => ['running', 'flooder-1', 'quiet-1', 'calm-1'].includes(id))
      assert.equal(calm.call.received, '', 'the caller that came last waits')
      assert.deepEqual(await servedOrder(inLine), ['running', 'quiet-1', 'calm-1', 'flooder-1'])
    })
  })

  describe('free slots', () => {
    let pair: Pair
    before(async () => {
      const keys = { nightly: { class: 'batch' }, capped: { parallel: 1 }, quiet: {} }
      pair = await start(['--parallel', '2'], keys, { RESERVE: '1' })
    })
    after(() => pair.stop())
    afterEach(() => cleanUp(pair))

    it('are kept from batch calls by reserve, and others get them at once', async () => {
      open.push(await sendAndStream(pair, 'batch-1', bearer('nightly')))
      for (const id of ['batch-2', 'batch-3']) open.push(await sendToLine(pair, id, bearer('nightly')))
      const quiet = await sendAndStream(pair, 'quiet', bearer('quiet'))
      assert.deepEqual([(await pair.stats()).active_requests, (await pair.stats()).queued_requests], [2, 2])
      quiet.call.leave('rst')
      // One after the other, as if there were one slot.
      assert.deepEqual(await servedOrder(open), ['batch-1', 'batch-2', 'batch-3'])
    })

    it('are for others while a caller has as many calls as it may, however many of its calls wait', async () => {
      open.push(await sendAndStream(pair, 'capped-1', bearer('capped')))
      for (const id of ['capped-2', 'capped-3']) open.push(await sendToLine(pair, id, bearer('capped')))
      const quiet = await sendAndStream(pair, 'quiet', bearer('quiet'))
      assert.deepEqual([(await pair.stats()).active_requests, (await pair.stats()).queued_requests], [2, 2])
      quiet.call.leave('rst')
      assert.deepEqual(await servedOrder(open), ['capped-1', 'capped-2', 'capped-3'])
    })
  })
}
