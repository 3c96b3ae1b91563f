import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { bearer } from './key-ring.ts'
import { Pair, type Target } from './pair.ts'
import {
  allAccountsEmpty,
  keysOf,
  MODEL,
  NO_WAIT_INSIDE,
  person,
  type Sent,
  sendAndStream,
  sendToLine,
  servedOrder,
} from './served-order.ts'

type Headers = Readonly<Record<string, string>>

/** What a client sends, and its path and further fields of its body where these are others. */
type Asked = readonly [headers: Headers, path?: string, more?: object]

const OPENAI = '/v1/chat/completions'
const queueClass = (value: string) => ({ 'x-queue-class': value })
const task = (value: string) => ({ 'x-openwebui-task': value })

const KEYS = {
  ops: { max_class: 'interactive' },
  desk: { class: 'interactive' },
  plain: {},
  nightly: { class: 'batch' },
  cheap: { max_class: 'batch' },
  webui: { users: 'open-webui' },
  running: {},
}

const BATCH: Readonly<Record<string, Asked>> = {
  'X-Queue-Class': [{ ...bearer('ops'), ...queueClass('batch') }],
  'X-Queue-Priority: low': [{ ...bearer('ops'), 'x-queue-priority': 'low' }],
  'service_tier flex': [bearer('plain'), OPENAI, { service_tier: 'flex' }],
  'class of the key': [bearer('nightly')],
  'max_class of the key': [{ ...bearer('cheap'), ...queueClass('interactive') }],
  'a task of Open WebUI': [{ ...person('webui', 'ann'), ...task('title_generation') }],
}

const NORMAL: Readonly<Record<string, Asked>> = {
  nothing: [bearer('plain')],
  'X-Queue-Class: normal': [{ ...bearer('nightly'), ...queueClass('normal') }],
  'X-Queue-Class: interactive, past max_class': [{ ...bearer('plain'), ...queueClass('interactive') }],
  'service_tier priority, past max_class': [bearer('plain'), OPENAI, { service_tier: 'priority' }],
  'a chat of Open WebUI': [{ ...person('webui', 'ann'), ...task('') }],
  'an Open WebUI that knows no tasks': [{ ...person('webui', 'bob'), ...task('{{TASK}}') }],
  'a word that is no class': [{ ...bearer('ops'), ...queueClass('urgent') }],
}

const INTERACTIVE: Readonly<Record<string, Asked>> = {
  'X-Queue-Class: interactive': [{ ...bearer('ops'), ...queueClass('interactive') }],
  'service_tier priority': [bearer('ops'), OPENAI, { service_tier: 'priority' }],
  'class of the key': [bearer('desk')],
}

/** Classes of calls, seen from outside. */
export function fairClasses(target: Target): void {
  describe('the class of a call', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: NO_WAIT_INSIDE,
        serve: ['--parallel', '1'],
        variables: keysOf(target, KEYS),
      })
    })
    after(() => pair.stop())
    const open: Sent[] = []
    afterEach(async () => {
      for (const { call } of open.splice(0)) call.leave('rst')
      await allAccountsEmpty(pair)
    })

    /**
     * The order in which calls of two classes are served, while a call of the second class has the slot: that class has
     * got its part, so the calls of the first class come before. `second` stands in front.
     */
    async function order(
      running: Headers,
      second: Readonly<Record<string, Asked>>,
      first: Readonly<Record<string, Asked>>,
    ): Promise<string[]> {
      open.push(await sendAndStream(pair, 'running', { ...bearer('running'), ...running }))
      const asked = [...Object.values(second), ...Object.values(first)]
      const names = [
        ...Object.keys(second).map((name) => `2-${name}`),
        ...Object.keys(first).map((name) => `1-${name}`),
      ]
      const ids = names.map((name) => name.replaceAll(/[^\w.-]+/g, '_'))
      for (const [index, call] of asked.entries())
        open.push(await sendToLine(pair, ids[index] ?? '', ...call))
      return (await servedOrder(open)).slice(1).map((id) => id.slice(0, 1))
    }
    /** So many calls of the first class, and then those of the second. */
    const inTurn = (first: object, second: object) => [
      ...Object.keys(first).map(() => '1'),
      ...Object.keys(second).map(() => '2'),
    ]

    it('is batch where a header, a body, the key or a task of Open WebUI says so, and batch comes last', async () => {
      assert.deepEqual(await order(queueClass('batch'), BATCH, NORMAL), inTurn(NORMAL, BATCH))
    })

    it('is interactive only for a key that may have it, and interactive comes first', async () => {
      assert.deepEqual(await order({}, NORMAL, INTERACTIVE), inTurn(INTERACTIVE, NORMAL))
    })

    it('is told by /queue/requests', async () => {
      if (target.gaps?.monitor) return
      const expected = { batch: BATCH, normal: NORMAL, interactive: INTERACTIVE }
      open.push(await sendAndStream(pair, 'running', bearer('running')))
      const classes = new Map<string, string>()
      for (const [name, cases] of Object.entries(expected))
        for (const asked of Object.values(cases)) {
          const id = `call-${classes.size}`
          classes.set(id, name)
          open.push(await sendToLine(pair, id, ...asked))
        }
      const page = (await (await fetch(`${pair.proxy.url}/queue/requests?model=${MODEL}`)).json()) as {
        readonly requests: readonly { readonly id: string; readonly class: string; readonly state: string }[]
      }
      const found = page.requests
        .filter(({ state }) => state === 'waiting')
        .map((each) => [each.id, each.class])
      assert.deepEqual(new Map(found as [string, string][]), classes)
    })
  })
}
