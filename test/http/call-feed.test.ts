import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CallFeed, type FollowerIdentity } from '../../src/http/call-feed.ts'
import type { OwnCall } from '../../src/pages/own-call.ts'
import { EndedCalls } from '../../src/telemetry/ended-calls.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aWaitingCall } from '../support/own-call.ts'
import { aCall } from '../tracing/support.ts'

const SECOND = 1_000

function aFeed() {
  const clock = new ManualClock()
  const ended = new EndedCalls(clock)
  const calls = new Map<string, OwnCall>()
  const state = { looks: 0, waiting: 0, broken: false, stopped: false, viewings: 0 }
  const failures: unknown[] = []
  const feed = new CallFeed({
    clock,
    ended: {
      onEnd(id, listener) {
        const stop = ended.onEnd(id, listener)
        state.waiting++
        return () => {
          state.waiting--
          stop()
        }
      },
    },
    look() {
      state.looks++
      if (state.broken) throw new Error('no list')
      return (id) => calls.get(id)
    },
    failed: (error) => void failures.push(error),
    stopped: () => state.stopped,
    viewings: () => state.viewings,
  })
  /** The call changes. */
  const set = (id: string, changes: Partial<OwnCall> = {}) =>
    void calls.set(id, aWaitingCall({ id, ...changes }))
  const end = (id: string) => {
    calls.delete(id)
    ended.add(aCall({ requestId: id }))
  }
  /** A client that has read the beginning of its stream. */
  const follow = async (id = 'a', who: Partial<FollowerIdentity> = {}) => {
    if (!calls.has(id)) set(id)
    const call = calls.get(id) ?? aWaitingCall({ id })
    const stream = feed.open(call, { address: '192.0.2.7', viewer: undefined, viewings: 0, ...who })
    const reader = stream.getReader()
    const decoder = new TextDecoder()
    const next = async () => {
      const { done, value } = await reader.read()
      return done ? 'end' : decoder.decode(value)
    }
    assert.equal(await next(), 'retry: 2000\n\n')
    return { next, leave: () => reader.cancel() }
  }
  return { calls, clock, end, failures, feed, follow, set, state }
}

/** State, place and tokens of an event. */
function told(text: string): unknown[] {
  const [, data = '{}'] = /^event: request\ndata: (.*)\n\n$/.exec(text) ?? []
  const { state, position, tokens_out } = JSON.parse(data)
  return [state, position, tokens_out]
}

describe('a client that follows a call', () => {
  it('hears at most once a second of what changes', async () => {
    const { clock, follow, set } = aFeed()
    const { next } = await follow()
    assert.deepEqual(told(await next()), ['waiting', 3, 0])
    for (let step = 0; step < 40; step++) {
      set('a', { position: 2, tokens_out: step })
      clock.advance(50)
    }
    assert.deepEqual(told(await next()), ['waiting', 2, 19])
    assert.deepEqual(told(await next()), ['waiting', 2, 39])
  })

  it('hears nothing of times alone, and a sign of life after fifteen seconds', async () => {
    const { clock, follow, set } = aFeed()
    const { next } = await follow()
    await next()
    for (let second = 0; second < 15; second++) {
      set('a', { waited_ms: second * SECOND, estimated_start_ms: 40_000 + second, bytes_out: second })
      clock.advance(SECOND)
    }
    assert.equal(await next(), ': still here\n\n')
    set('a', { estimated_start_ms: 38_700 })
    clock.advance(SECOND)
    assert.match(await next(), /"estimated_start_ms":38700/)
  })

  it('hears of the end, also when the call is in no list any more, and its stream ends', async () => {
    const { clock, end, feed, follow } = aFeed()
    const [{ next }, other] = [await follow('a'), await follow('b')]
    await next()
    end('a')
    clock.advance(SECOND / 2)
    assert.match(await next(), /"state":"done"/)
    assert.equal(await next(), 'end')
    assert.equal(feed.listeners, 1)
    await other.leave()
    assert.equal(clock.pending, 0)
  })

  it('is let go when the call is gone and nobody heard of its end', async () => {
    const { calls, clock, feed, follow } = aFeed()
    const { next } = await follow()
    await next()
    calls.clear()
    clock.advance(SECOND)
    assert.equal(await next(), 'end')
    assert.deepEqual([feed.listeners, clock.pending], [0, 0])
  })

  it('shares one look with all others, and costs nothing once all have left', async () => {
    const { clock, feed, follow, state } = aFeed()
    assert.equal(clock.pending, 0)
    const all = await Promise.all(['a', 'a', 'b', 'c'].map((id) => follow(id)))
    clock.advance(3 * SECOND)
    assert.equal(state.looks, 3)
    assert.equal(clock.pending, 1)
    for (const { leave } of all) await leave()
    assert.deepEqual([feed.listeners, clock.pending, state.waiting], [0, 0, 0])
    clock.advance(3 * SECOND)
    assert.equal(state.looks, 3)
  })

  it('that reads slowly hears how the call is, not how it was, and of its end', async () => {
    const { clock, end, follow, set } = aFeed()
    const { next } = await follow()
    for (let step = 0; step < 50; step++) {
      set('a', { tokens_out: step, model: 'm'.repeat(500) })
      clock.advance(SECOND)
    }
    end('a')
    clock.advance(SECOND)
    let unread = 0
    let last = ''
    for (let text = await next(); text !== 'end'; text = await next()) {
      unread += text.length
      last = text
    }
    assert.match(last, /"state":"done"/)
    assert.ok(unread < 20_000, `${unread} bytes were kept`)
  })

  it('that does not read at all gives up its place a minute after its stream was full', async () => {
    const { clock, feed, follow, set } = aFeed()
    await follow()
    for (let step = 0; step < 30; step++) {
      set('a', { tokens_out: step, model: 'm'.repeat(2_000) })
      clock.advance(SECOND)
    }
    assert.equal(feed.listeners, 1)
    clock.advance(60 * SECOND)
    assert.deepEqual([feed.listeners, clock.pending], [0, 0])
  })

  it('is told the last state and let go when the proxy ends', async () => {
    const { clock, feed, follow, set, state } = aFeed()
    const { next } = await follow()
    await next()
    set('a', { position: 1 })
    state.stopped = true
    clock.advance(SECOND / 2)
    assert.deepEqual(told(await next()), ['waiting', 1, 0])
    assert.equal(await next(), 'end')
    assert.deepEqual([feed.listeners, clock.pending], [0, 0])
  })

  it('is let go when others may see calls, and is told nothing when that happened before', async () => {
    const { clock, feed, follow, set, state } = aFeed()
    const { next } = await follow()
    await next()
    state.viewings++
    const late = await follow('b')
    assert.equal(await late.next(), 'end')
    const again = await follow('c', { viewings: 1 })
    set('a', { position: 1 })
    clock.advance(SECOND)
    assert.equal(await next(), 'end')
    assert.deepEqual(told(await again.next()), ['waiting', 3, 0])
    assert.equal(feed.listeners, 1)
  })

  it('goes on when a look fails, and the failure is reported once', async () => {
    const { clock, failures, follow, set, state } = aFeed()
    const { next } = await follow()
    await next()
    state.broken = true
    clock.advance(3 * SECOND)
    state.broken = false
    set('a', { position: 1 })
    clock.advance(SECOND)
    assert.deepEqual(told(await next()), ['waiting', 1, 0])
    assert.deepEqual(failures.map(String), ['Error: no list'])
  })

  it('is refused as the seventeenth of one address, or where five hundred follow', async () => {
    const { feed, follow } = aFeed()
    const one = { address: 'busy' }
    const came = await Promise.allSettled(Array.from({ length: 17 }, () => follow('a', one)))
    assert.equal(came.filter(({ status }) => status === 'fulfilled').length, 16)
    await assert.rejects(follow('a', one), { code: 'too_many_listeners' })
    for (let count = 16; count < 500; count++) await follow('a', { address: `other ${count}` })
    await assert.rejects(follow('a', { address: 'new' }), { code: 'too_many_listeners' })
    assert.equal(feed.listeners, 500)
  })
})
