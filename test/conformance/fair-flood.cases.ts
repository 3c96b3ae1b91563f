import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { bearer } from './key-ring.ts'
import { Pair, type Target } from './pair.ts'
import { allAccountsEmpty, keysOf, MODEL, NO_WAIT_INSIDE, person } from './served-order.ts'

type Headers = Readonly<Record<string, string>>

const IN_FLIGHT = 40
const QUIET_CALLS = 6
/** 0.1 s of the simulator. */
const BODY = JSON.stringify({ model: MODEL, prompt: 'x', stream: false, options: { num_predict: 10 } })

/** Several callers at once, as programs are. */
export function fairFloods(target: Target): void {
  describe('a flood', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: NO_WAIT_INSIDE,
        serve: ['--parallel', '4'],
        variables: keysOf(target, {
          flooder: {},
          quiet: {},
          heavy: { weight: 4 },
          light: {},
          webui: { users: 'open-webui' },
        }),
      })
    })
    after(() => pair.stop())

    /** The status of one whole call. 0: its answer broke off. */
    async function call(headers: Headers): Promise<number> {
      const answer = await fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', headers, body: BODY })
      return answer.text().then(
        () => answer.status,
        () => 0,
      )
    }

    /** Keeps calls in flight until `over`. Counts those that were served, by caller. */
    function flood(
      callers: Readonly<Record<string, number>>,
      served: Record<string, number>,
      over: () => boolean,
    ) {
      const client = async (key: string) => {
        while (!over()) {
          assert.equal(await call(bearer(key)), 200)
          served[key] = (served[key] ?? 0) + 1
        }
      }
      const keys = Object.entries(callers).flatMap(([key, count]) => Array<string>(count).fill(key))
      return Promise.all(keys.map(client))
    }

    it('of forty calls of one key delays another key by a few calls, and still has most of the slots', async () => {
      const served = { flooder: 0 }
      let over = false
      const flooding = flood({ flooder: IN_FLIGHT }, served, () => over)
      await until('the line is long', async () => (await pair.stats()).queued_requests > IN_FLIGHT / 2)
      const between: number[] = []
      for (let count = 0; count < QUIET_CALLS; count++) {
        const before = served.flooder
        assert.equal(await call(bearer('quiet')), 200)
        between.push(served.flooder - before)
      }
      over = true
      await flooding
      // In the order of arrival, forty calls of the flooder would be served for each of the quiet caller.
      const mean = between.reduce((sum, each) => sum + each) / QUIET_CALLS
      assert.ok(mean < IN_FLIGHT / 2, `the flooder was served ${between} times for each call`)
      assert.ok(served.flooder >= 2 * QUIET_CALLS, `the flooder was served ${served.flooder} times`)
      await allAccountsEmpty(pair)
    })

    it('of two keys gives the slots to both, by their weights', async () => {
      const served = { light: 0, heavy: 0 }
      let first: typeof served | undefined
      const over = () => {
        if (served.heavy + served.light >= 40) first ??= { ...served }
        return first !== undefined
      }
      await flood({ light: 12, heavy: 12 }, served, over)
      // By their weights: 32 and 8. In the order of arrival: 20 and 20.
      const { heavy, light } = first ?? served
      assert.ok(heavy >= 26 && light >= 3, `${heavy} and ${light}`)
      await allAccountsEmpty(pair)
    })

    it('is over for all callers when Ollama dies, and each of them begins again from nothing', async () => {
      const people = ['ann', 'bob', 'cy'].map((user) => person('webui', user))
      const askers = [...Array<Headers>(20).fill(bearer('flooder')), ...people, ...people, bearer('quiet')]
      const batch = askers.map((headers, index) =>
        index % 4 === 0 ? { ...headers, 'x-queue-class': 'batch' } : headers,
      )
      const calls = Promise.all(batch.map((headers) => call(headers)))
      await until('most of them wait', async () => (await pair.stats()).queued_requests > batch.length / 2)
      await pair.simulator.stop('SIGKILL')
      for (const status of await calls) assert.ok([0, 200, 502, 503].includes(status), `${status}`)
      await allAccountsEmpty(pair)
      await pair.restartSimulator()
      for (const headers of [bearer('quiet'), bearer('flooder'), ...people])
        assert.equal(await call(headers), 200)
      await allAccountsEmpty(pair)
    })
  })
}
