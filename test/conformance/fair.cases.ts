import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { bearer, from, THE_SUITE } from './key-ring.ts'
import { Pair, type Target } from './pair.ts'
import {
  allAccountsEmpty,
  busyCallers,
  callOnce,
  keysOf,
  MODEL,
  NO_WAIT_INSIDE,
  person,
  positions,
  type Sent,
  sendAndStream,
  sendToLine,
  servedOrder,
} from './served-order.ts'

type Headers = Readonly<Record<string, string>>

const QUIET = ['quiet', 'calm', 'still']

/** Whose call goes next, seen from outside. */
export function fair(target: Target): void {
  describe('a line of several callers', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: NO_WAIT_INSIDE,
        serve: ['--parallel', '1'],
        variables: keysOf(target, {
          flooder: {},
          quiet: {},
          calm: {},
          still: {},
          heavy: { weight: 1_000 },
          light: {},
          webui: { users: 'open-webui' },
        }),
      })
      await callOnce(pair, bearer('still'))
    })
    after(() => pair.stop())

    const open: Sent[] = []
    afterEach(async () => {
      for (const { call } of open.splice(0)) call.leave('rst')
      await allAccountsEmpty(pair)
    })

    /** A call of this key that has the slot, and calls behind it that came in this order. */
    async function line(
      running: Headers,
      ...waiting: readonly (readonly [string, Headers])[]
    ): Promise<Sent[]> {
      open.push(await sendAndStream(pair, 'running', running))
      for (const [id, headers] of waiting) open.push(await sendToLine(pair, id, headers))
      return [...open]
    }
    const ids = (who: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${who}-${index + 1}`)
    const calls = (who: string, count: number, headers: Headers = bearer(who)) =>
      ids(who, count).map((id) => [id, headers] as const)

    /** That the calls in line are served in this order, and that their positions said so. */
    async function assertServed(sent: readonly Sent[], order: readonly string[]): Promise<void> {
      if (!target.gaps?.monitor) assert.deepEqual(await positions(pair), order, 'positions')
      assert.deepEqual(await servedOrder(sent), ['running', ...order])
    }

    it('serves who has got least first, whatever stands in front, and positions say so before', async () => {
      const sent = await line(
        bearer('flooder'),
        ...calls('flooder', 5),
        ...QUIET.flatMap((who) => calls(who, 1)),
      )
      const quiet = QUIET.map((who) => `${who}-1`)
      await assertServed(sent, [...quiet, ...ids('flooder', 5)])
    })

    it('serves the people behind one key in turn, and none of them starves', async () => {
      const ann = calls('ann', 5, person('webui', 'ann-7'))
      const others = ['bob', 'cy'].flatMap((who) => calls(who, 1, person('webui', `${who}-1`)))
      const sent = await line(person('webui', 'ann-7'), ...ann, ...others)
      assert.deepEqual(await busyCallers(pair), [{ caller: 'webui', active: 1, queued: 7 }])
      await assertServed(sent, ['bob-1', 'cy-1', ...ids('ann', 5)])
    })

    it('does not take the people behind one key for several callers', async () => {
      const people = Array.from({ length: 5 }, (_, index) => person('webui', `person-${index}`))
      const waiting = people.map((headers, index) => [`person-${index}`, headers] as const)
      const sent = await line(person('webui', 'somebody'), ...waiting, ...calls('quiet', 1))
      await assertServed(sent, ['quiet-1', ...waiting.map(([id]) => id)])
    })

    it('serves the key with more weight for as long as it has got less for its weight', async () => {
      const sent = await line(bearer('quiet'), ...calls('light', 3), ...calls('heavy', 4))
      await assertServed(sent, ['light-1', ...ids('heavy', 4), 'light-2', 'light-3'])
    })

    it('goes on without a call whose client leaves, and forgets who has none', async () => {
      const [running, ...waiting] = await line(
        bearer('flooder'),
        ...calls('flooder', 3),
        ...calls('quiet', 2),
      )
      assert.ok(running)
      for (const { id, call } of waiting) if (['flooder-2', 'quiet-1'].includes(id)) call.leave('rst')
      await until('they have left', async () => (await pair.stats(MODEL)).queued_requests === 3)
      const staying = [running, ...waiting.filter(({ call }) => !call.socket.destroyed)]
      await assertServed(staying, ['quiet-2', 'flooder-1', 'flooder-3'])
    })
  })

  describe('a line without keys', () => {
    const ADDRESSES = { one: from('198.51.100.1'), two: from('198.51.100.2'), net: from('2001:db8:1:2::1') }
    const start = (variables: Headers = {}) =>
      Pair.start(target, {
        simulate: NO_WAIT_INSIDE,
        serve: ['--parallel', '1'],
        variables: { TRUSTED_PROXIES: THE_SUITE, ...variables },
      })
    async function flooded(pair: Pair): Promise<Sent[]> {
      const sent = [await sendAndStream(pair, 'one-0', ADDRESSES.one)]
      for (const id of ['one-1', 'one-2', 'one-3']) sent.push(await sendToLine(pair, id, ADDRESSES.one))
      sent.push(await sendToLine(pair, 'two', ADDRESSES.two))
      sent.push(await sendToLine(pair, 'net-1', ADDRESSES.net))
      // Of the same /64, so of the same caller.
      sent.push(await sendToLine(pair, 'net-2', from('2001:db8:1:2:ffff::9')))
      return sent
    }

    it('is fair to addresses, and counts no call of theirs when all are over', async () => {
      const pair = await start()
      try {
        await callOnce(pair, from('198.51.100.9'))
        const sent = await flooded(pair)
        const callers = await busyCallers(pair)
        assert.deepEqual(callers.find(({ caller }) => caller === '198.51.100.1')?.queued, 3)
        assert.deepEqual(callers.map(({ queued }) => queued).sort(), [1, 2, 3])
        const order = await servedOrder(sent)
        assert.deepEqual(order.slice(0, 3), ['one-0', 'two', 'net-1'])
        assert.deepEqual(order.slice(3).sort(), ['net-2', 'one-1', 'one-2', 'one-3'])
        await allAccountsEmpty(pair)
      } finally {
        await pair.stop()
      }
    })

    it('is served in the order of arrival with fairness: off', async () => {
      const pair = await start({ FAIRNESS: 'off' })
      try {
        await callOnce(pair, from('198.51.100.9'))
        const sent = await flooded(pair)
        sent.push(await sendToLine(pair, 'batch', { ...ADDRESSES.two, 'x-queue-class': 'batch' }))
        sent.push(await sendToLine(pair, 'last', ADDRESSES.two))
        const order = ['one-1', 'one-2', 'one-3', 'two', 'net-1', 'net-2', 'batch', 'last']
        if (!target.gaps?.monitor) assert.deepEqual(await positions(pair), order)
        assert.deepEqual(await servedOrder(sent), ['one-0', ...order])
        await allAccountsEmpty(pair)
      } finally {
        await pair.stop()
      }
    })
  })
}
