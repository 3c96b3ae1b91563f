import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LiveCall } from '../../src/relay/live-call.ts'
import { listOf, sortedCalls } from '../../src/telemetry/live-queue.ts'

const NOW = 1_000

type Lane = Parameters<typeof sortedCalls>[1] extends Iterable<infer L> ? L : never

function aCall(parts: Partial<LiveCall>): LiveCall {
  return {
    id: 'id',
    client: '192.0.2.7',
    caller: '192.0.2.7',
    user: undefined,
    class: 'normal',
    path: '/api/chat',
    model: 'llama2',
    state: 'waiting',
    ticket: undefined,
    waitedMs: 0,
    runningMs: undefined,
    slots: 0,
    slotMs: 0,
    bytesIn: 10,
    bytesOut: 0,
    chunks: 0,
    ...parts,
  }
}

/** A lane in which each call takes a second, with two slots. */
function aLane(places: readonly { enqueuedAt: number }[], parts: Partial<Lane> = {}): Lane {
  return {
    runner: 'sha256-0123456789ab',
    names: ['llama2'],
    waiting: () => places,
    waitingFor: () => 'slot',
    startsInMs: (ahead) => (ahead + 1) * 500,
    ...parts,
  }
}

const liveQueue = (calls: readonly LiveCall[], lanes: readonly Lane[], model?: string) =>
  listOf(sortedCalls(calls, lanes, NOW), model)
const ids = (queue: ReturnType<typeof liveQueue>) => queue.requests.map(({ id }) => id)

describe('the list of calls', () => {
  const [first, second] = [{ enqueuedAt: 0 }, { enqueuedAt: 1 }]
  const calls = [
    aCall({ id: 'read', state: 'reading', model: undefined, waitedMs: 5 }),
    aCall({ id: 'w2', ticket: second, waitedMs: 300 }),
    aCall({ id: 'w1', ticket: first, waitedMs: 200 }),
    aCall({ id: 'r-new', state: 'running', runningMs: 10 }),
    aCall({
      id: 'r-old',
      caller: 'open-webui',
      user: 'mia',
      class: 'batch',
      state: 'running',
      runningMs: 999.999,
      waitedMs: 12.345,
      bytesOut: 70,
      chunks: 7,
    }),
  ]

  it('has who runs, the longest first, then who waits, in their order', () => {
    assert.deepEqual(ids(liveQueue(calls, [aLane([first, second])], undefined)), [
      ...['r-old', 'r-new', 'w1', 'w2', 'read'],
    ])
  })

  it('tells when a call that waits should start, and nothing where the lane does not know', () => {
    const starts = (lane: Lane) =>
      liveQueue(calls, [lane], 'llama2').requests.map((each) => [each.position, each.estimated_start_ms])
    assert.deepEqual(starts(aLane([first, second])), [
      ...[
        [null, null],
        [null, null],
      ],
      ...[
        [1, 500],
        [2, 1_000],
      ],
    ])
    assert.deepEqual(starts(aLane([first, second], { startsInMs: () => undefined })).slice(2), [
      [1, null],
      [2, null],
    ])
  })

  it('asks the lane about the call itself, because the caller of a call may have no room', () => {
    const startsInMs: Lane['startsInMs'] = (_ahead, _now, ticket) => (ticket === first ? undefined : 700)
    const starts = liveQueue(calls, [aLane([first, second], { startsInMs })]).requests
    assert.deepEqual(
      starts.map((each) => each.estimated_start_ms),
      [null, null, null, 700, null],
    )
  })

  it('tells for each call in line what the call waits for, and nothing for the others', () => {
    const lane = aLane([first, second], { waitingFor: (ticket) => (ticket === first ? 'load' : 'turn') })
    assert.deepEqual(
      liveQueue(calls, [lane]).requests.map((each) => each.waiting_for),
      [null, null, 'load', 'turn', null],
    )
  })

  it('gives each call under the names of the page', () => {
    const [call] = liveQueue(calls, [aLane([])], undefined).requests
    assert.deepEqual(call, {
      id: 'r-old',
      ticket: '/queue/ticket/r-old',
      model: 'llama2',
      runner: 'sha256-0123456789ab',
      client: '192.0.2.7',
      caller: 'open-webui',
      user: 'mia',
      class: 'batch',
      path: '/api/chat',
      state: 'running',
      position: null,
      waiting_for: null,
      waited_ms: 12.35,
      estimated_start_ms: null,
      running_ms: 1_000,
      bytes_in: 10,
      bytes_out: 70,
      tokens_out: 7,
    })
  })

  it('says null for a user that nobody told', () => {
    const [call] = liveQueue([aCall({})], []).requests
    assert.deepEqual([call?.caller, call?.user, call?.class], ['192.0.2.7', null, 'normal'])
  })

  it('counts all and lists five hundred', () => {
    const many = Array.from({ length: 700 }, (_, index) => aCall({ id: `${index}` }))
    const { total, requests } = liveQueue(many, [], undefined)
    assert.deepEqual([total, requests.length], [700, 500])
  })
})
