import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { longFrame } from '../ollama/support/zstd-frames.ts'
import { relayHarness } from './support/relay-harness.ts'

const withId = (id: string) => ({ headers: { 'x-request-id': id } })

describe('the calls that are not over', () => {
  it('tell who they are, what they are at and how far they have come', async () => {
    const { clock, relay, call, admission } = relayHarness()
    const first = await call(withId('first'))
    const streamed = { 'content-type': 'application/x-ndjson' }
    first.client.forwarding?.begin(200, streamed).send('{"a":1}\n').send('{"b":2}\n')
    await call(withId('second'))
    clock.advance(100)
    const [running, waiting] = [...relay.live()].sort((a, b) => a.id.localeCompare(b.id))
    assert.ok(running && waiting)
    assert.deepEqual(
      [running.id, running.state, running.model, running.runningMs, running.bytesOut, running.chunks],
      ['first', 'running', 'llama2', 100, 16, 2],
    )
    assert.deepEqual(
      [waiting.id, waiting.state, waiting.waitedMs, waiting.runningMs, waiting.bytesOut],
      ['second', 'waiting', 100, undefined, 0],
    )
    assert.deepEqual([...(admission.model('llama2')?.lane.waiting() ?? [])], [waiting.ticket])
    first.client.forwarding?.end()
    assert.deepEqual(
      Array.from(relay.live(), ({ id, state, waitedMs }) => [id, state, waitedMs]),
      [['second', 'waiting', 100]],
    )
  })

  it('count no parts of an answer that is no stream: they are no tokens', async () => {
    const { relay, call } = relayHarness()
    const { client } = await call()
    client.forwarding
      ?.begin(200, { 'content-type': 'application/json' })
      .send('{"embeddings":[[0.1,')
      .send('0.2]]}')
    assert.deepEqual(
      Array.from(relay.live(), ({ bytesOut, chunks }) => [bytesOut, chunks]),
      [[26, 0]],
    )
  })
})

describe('the calls that Ollama has', () => {
  it('tell what they asked for and how far Ollama has come', async () => {
    const { clock, relay, call, settle } = relayHarness({ parallel: 2 })
    clock.advance(100)
    const body = JSON.stringify({ model: 'llama2', messages: [{}], tools: [{}], options: { num_ctx: 1 } })
    const { client } = await call({ ...withId('first'), body })
    const whole = await call({
      ...withId('whole'),
      body: '{"model":"llama2","messages":[{}],"stream":false}',
    })
    await call(withId('waits'))
    clock.advance(50)
    const running = () => [...relay.running()].sort((a, b) => a.id.localeCompare(b.id))
    assert.deepEqual(running(), [
      {
        id: 'first',
        model: 'llama2',
        sentAt: 100,
        promptBytes: body.length,
        bytesOut: 0,
        begun: false,
        wantsStream: true,
        wantsTools: true,
        heldBack: false,
        options: '{"num_ctx":1}',
      },
      {
        id: 'whole',
        model: 'llama2',
        sentAt: 100,
        promptBytes: 49,
        bytesOut: 0,
        begun: false,
        wantsStream: false,
        wantsTools: false,
        heldBack: false,
        options: undefined,
      },
    ])
    client.forwarding?.begin(200, { 'content-type': 'application/x-ndjson' })
    assert.deepEqual(
      running().map(({ begun, bytesOut }) => [begun, bytesOut]),
      [
        [true, 0],
        [false, 0],
      ],
    )
    client.forwarding?.send('{"a":1}\n')
    if (client.forwarding) client.forwarding.heldBack = true
    assert.deepEqual([running()[0]?.bytesOut, running()[0]?.heldBack], [8, true])
    whole.client.leave()
    client.forwarding?.end()
    await settle()
    assert.deepEqual(
      running().map(({ id }) => id),
      ['waits'],
    )
  })
})

describe('an operator who cancels a call', () => {
  it('takes it out of the line, and its client is told', async () => {
    const { relay, call, settle, lane, finished, clock } = relayHarness()
    await call()
    const waiting = await call(withId('w'))
    clock.advance(30)
    assert.equal(relay.cancel('w')?.state, 'waiting')
    assert.equal(await waiting.result, 'cancelled')
    await settle()
    assert.deepEqual(lane(), { active: 1, queued: 0 })
    assert.deepEqual([finished[0]?.outcome, finished[0]?.waitMs], ['cancelled', 30])
    assert.deepEqual(waiting.explanation, [
      'X-Request-Id',
      'w',
      'X-Queue-Wait-Ms',
      '30',
      'Server-Timing',
      'queue;dur=30',
    ])
  })

  it('frees its slot before the first byte', async () => {
    const { relay, call, lane, finished } = relayHarness()
    const running = await call(withId('r'))
    assert.equal(relay.cancel('r')?.state, 'running')
    assert.equal(await running.result, 'cancelled')
    assert.deepEqual(lane(), { active: 0, queued: 0 })
    assert.deepEqual(
      finished.map(({ outcome }) => outcome),
      ['cancelled'],
    )
  })

  it('breaks a stream off with a last line that says so', async () => {
    const { relay, call, lane, finished } = relayHarness()
    const { client, result } = await call(withId('r'))
    client.forwarding?.begin(200, { 'content-type': 'application/x-ndjson' }).send('{"a":1}\n')
    assert.equal(await result, '200')
    relay.cancel('r')
    assert.equal(client.forwarding?.text, '{"a":1}\ncancelled')
    assert.deepEqual(lane(), { active: 0, queued: 0 })
    assert.deepEqual(
      finished.map(({ outcome, status }) => [outcome, status]),
      [['cancelled', 200]],
    )
  })

  it('ends one whose slot is on its way, and the slot goes on to the next', async () => {
    const { relay, call, settle, lane, finished } = relayHarness()
    const first = await call()
    const second = await call(withId('second'))
    const third = await call(withId('third'))
    first.client.forwarding?.begin().end()
    relay.cancel('second')
    assert.equal(await second.result, 'cancelled')
    await settle()
    assert.deepEqual(lane(), { active: 1, queued: 0 })
    assert.deepEqual(
      Array.from(relay.live(), ({ id, state }) => [id, state]),
      [['third', 'running']],
    )
    third.client.forwarding?.begin().end()
    assert.deepEqual(
      finished.map(({ outcome }) => outcome),
      ['done', 'cancelled', 'done'],
    )
  })

  it('ends one whose body is still on its way', async () => {
    const { relay, start, settle, finished } = relayHarness()
    const { result } = start(withId('slow'))
    await settle()
    assert.equal(relay.cancel('slow')?.state, 'reading')
    assert.equal(await result, 'cancelled')
    assert.equal(finished[0]?.outcome, 'cancelled')
  })

  it('ends one whose body is being decoded, before it goes anywhere', async () => {
    const { relay, call, settle, clock, finished } = relayHarness({ maxBodyBytes: 2e6 })
    const body = longFrame('{}')
    const headers = { 'content-encoding': 'zstd', 'x-request-id': 'packed' }
    const { client, result } = await call({ target: '/v1/responses', headers, body })
    assert.equal(relay.cancel('packed')?.state, 'reading')
    for (let turn = 0; turn < 50 && finished.length === 0 && !client.forwarding; turn++) {
      await settle()
      clock.advance(0)
    }
    assert.equal(client.forwarding, undefined)
    assert.equal(await result, 'cancelled')
    assert.deepEqual(
      finished.map(({ requestId, outcome }) => [requestId, outcome]),
      [['packed', 'cancelled']],
    )
  })

  it('is told when there is no such call', () => {
    assert.equal(relayHarness().relay.cancel('nobody'), undefined)
  })
})

describe('an answer from Ollama', () => {
  it('says its id, its wait and how long Ollama took to begin', async () => {
    const { clock, call, settle } = relayHarness()
    const first = await call()
    const second = await call({ headers: { 'x-request-id': 'mine', traceparent: '00-ab-cd-01' } })
    clock.advance(12.345)
    first.client.forwarding?.begin().end()
    await settle()
    clock.advance(40)
    second.client.forwarding?.begin().end()
    await second.result
    assert.deepEqual(
      second.explanation.map((text) => text.toLowerCase()),
      [
        'server-timing',
        'queue;dur=12.35, upstream;dur=40',
        'x-queue-wait-ms',
        '12.35',
        'x-request-id',
        'mine',
      ],
    )
  })
})

describe('the name of a call', () => {
  const idsOf = (relay: { live(): Iterable<{ id: string }> }) => Array.from(relay.live(), ({ id }) => id)

  it('is given to one live call only: the second gets its own, and is told', async () => {
    const { relay, call, ids } = relayHarness({ parallel: 2 })
    const first = await call(withId('same'))
    const second = await call(withId('same'))
    const [one, two] = idsOf(relay)
    assert.equal(one, 'same')
    assert.ok(two !== undefined && two !== 'same')
    second.client.forwarding?.begin(200)
    assert.equal(await second.result, '200')
    assert.equal(second.explanation[second.explanation.indexOf('x-request-id') + 1], two)
    assert.equal(relay.cancel('same')?.state, 'running')
    assert.equal(await first.result, 'cancelled')
    assert.deepEqual(idsOf(relay), [two])
    assert.equal(relay.cancel(two)?.state, 'running')
    assert.deepEqual([idsOf(relay), ids.size], [[], 0])
  })

  it('can be given again once its call is over', async () => {
    const { relay, call, ids } = relayHarness()
    for (let count = 0; count < 3; count++) {
      const { client } = await call(withId('again'))
      assert.deepEqual(idsOf(relay), ['again'])
      client.forwarding?.begin(200).end()
    }
    assert.equal(ids.size, 0)
  })

  it('cannot be one that this process gives itself', async () => {
    const { relay, call } = relayHarness({ parallel: 3 })
    await call()
    const [ours = ''] = idsOf(relay)
    const next = ours.replace(/[^-]+$/, (count) => (Number.parseInt(count, 36) + 1).toString(36))
    await call(withId(next))
    await call()
    assert.equal(new Set(idsOf(relay)).size, 3)
    assert.equal(relay.cancel(ours)?.id, ours)
  })

  it('is not kept of a call that is refused, leaves or times out', async () => {
    const { call, ids, clock, settle } = relayHarness({ queue: 1 })
    await call(withId('runs'))
    const waits = await call(withId('waits'))
    const refused = await call(withId('refused'))
    assert.equal(await refused.result, 'queue_full')
    assert.equal(ids.size, 2)
    waits.client.leave()
    assert.equal(await waits.result, 'cancelled')
    assert.equal(ids.size, 1)
    clock.advance(11_000)
    await settle()
    assert.equal(ids.size, 0)
  })
})
