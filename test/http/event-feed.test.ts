import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventFeed } from '../../src/http/event-feed.ts'
import type { ListenerIdentity } from '../../src/http/event-listeners.ts'
import { JsonText } from '../../src/http/shared-pages.ts'
import { ManualClock } from '../support/manual-clock.ts'

function aFeed() {
  const clock = new ManualClock()
  const state = { stats: { active: 1, uptime_seconds: 0 } as object, ended: false, looks: 0, viewings: 0 }
  const broken = { first: false, stats: false, health: false }
  const failures: unknown[] = []
  const feed = new EventFeed({
    clock,
    first: {
      history: () => {
        if (broken.first) throw new Error('no history')
        return new JsonText({ samples: [] })
      },
    },
    pages: {
      stats: () => {
        state.looks++
        if (broken.stats) throw new Error('no stats')
        return new JsonText(state.stats)
      },
      health: async () => {
        if (broken.health) throw new Error('no health')
        return new JsonText({ status: 'healthy' })
      },
    },
    failed: (error) => void failures.push(error),
    ended: () => state.ended,
    viewings: () => state.viewings,
  })
  const listen = async (who: Partial<ListenerIdentity> = {}) => {
    const reader = (await feed.open({ address: '127.0.0.1', operator: true, ...who })).getReader()
    const decoder = new TextDecoder()
    return {
      /** What came since; `end` when that is all there will ever be. */
      next: async () => {
        const { done, value } = await reader.read()
        return done ? 'end' : decoder.decode(value)
      },
      leave: () => reader.cancel(),
    }
  }
  /** Time passes, and what is asked for meanwhile answers. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(left, 500))
      await new Promise(setImmediate)
    }
  }
  return { clock, feed, state, broken, failures, listen, pass }
}

describe('a listener of the queue', () => {
  it('is told everything at first, and then what changed', async () => {
    const { state, listen, pass } = aFeed()
    const { next } = await listen()
    assert.equal(await next(), 'retry: 2000\n\nevent: history\ndata: {"samples":[]}\n\n')
    assert.equal(
      await next(),
      'event: stats\ndata: {"active":1,"uptime_seconds":0}\n\nevent: health\ndata: {"status":"healthy"}\n\n',
    )
    state.stats = { active: 2, uptime_seconds: 1 }
    await pass(500)
    assert.equal(await next(), 'event: stats\ndata: {"active":2,"uptime_seconds":1}\n\n')
  })

  it('hears a sign of life when nothing changes but the time', async () => {
    const { state, listen, pass } = aFeed()
    const { next } = await listen()
    await next()
    await next()
    state.stats = { active: 1, uptime_seconds: 15 }
    await pass(15_000)
    assert.equal(await next(), ': still here\n\n')
  })

  it('who reads slowly is told how it is, not how it was, and nothing is kept for him', async () => {
    const { state, listen, pass } = aFeed()
    const { next } = await listen()
    const large = 'x'.repeat(300_000)
    for (let active = 0; active < 50; active++) {
      state.stats = { active, large }
      await pass(500)
    }
    let unread = (await next()).length + (await next()).length
    let last = ''
    for (let heard = 0; !last.includes('"active":49'); heard++) {
      assert.ok(heard < 6, 'it is told all that was')
      last = await next()
      unread += last.length
      await pass(500)
    }
    assert.ok(unread < 2_000_000, `${unread} bytes were kept`)
  })

  it('is the only reason to look, and costs nothing once it left', async () => {
    const { clock, feed, state, listen, pass } = aFeed()
    const [one, two] = [await listen(), await listen()]
    await one.leave()
    await two.leave()
    const { looks } = state
    await pass(2_000)
    assert.deepEqual([feed.listeners, clock.pending, state.looks], [0, 0, looks])
    const again = await listen()
    assert.match(await again.next(), /^retry/)
    await pass(500)
    assert.equal(clock.pending, 1)
  })

  it('is told of the end and let go when the proxy ends', async () => {
    const { clock, state, listen, pass } = aFeed()
    const { next } = await listen()
    await next()
    await next()
    state.stats = { active: 0 }
    state.ended = true
    await pass(500)
    assert.equal(await next(), 'event: stats\ndata: {"active":0}\n\n')
    assert.equal(await next(), 'end')
    assert.equal(clock.pending, 0)
  })

  it('is let go when others may view, hears nothing of what came after, and can come again', async () => {
    const { clock, feed, state, listen, pass } = aFeed()
    const { next } = await listen()
    await next()
    await next()
    state.stats = { active: 2 }
    state.viewings++
    const again = await listen()
    await pass(500)
    assert.equal(await next(), 'end')
    assert.equal(feed.listeners, 1)
    assert.match(await again.next(), /^retry/)
    assert.match(await again.next(), /"active":2/)
    await again.leave()
    await pass(500)
    assert.equal(clock.pending, 0)
  })

  it('is told nothing when others may view while its first pages are made', async () => {
    const { clock, feed, state, listen } = aFeed()
    const listening = listen()
    state.viewings++
    const { next } = await listening
    assert.equal(await next(), 'retry: 2000\n\n')
    assert.equal(await next(), 'end')
    assert.deepEqual([feed.listeners, clock.pending], [0, 0])
  })

  it('is refused where a hundred listen', async () => {
    const { listen } = aFeed()
    for (let count = 0; count < 100; count++) await listen()
    await assert.rejects(listen(), { code: 'too_many_listeners' })
  })

  it('is refused as the hundred-and-first, too, of many who come at once', async () => {
    const { feed, listen } = aFeed()
    const came = await Promise.allSettled(Array.from({ length: 150 }, () => listen()))
    assert.equal(came.filter(({ status }) => status === 'fulfilled').length, 100)
    assert.equal(feed.listeners, 100)
  })

  it('is refused as the ninth of one address, at once or one after the other', async () => {
    const { feed, listen } = aFeed()
    const stranger = { address: '203.0.113.7', operator: false }
    const came = await Promise.allSettled(Array.from({ length: 20 }, () => listen(stranger)))
    assert.equal(came.filter(({ status }) => status === 'fulfilled').length, 8)
    await assert.rejects(listen(stranger), { code: 'too_many_listeners' })
    await listen({ address: '203.0.113.8', operator: false })
    for (let count = 0; count < 10; count++) await listen({ address: '203.0.113.7' })
    assert.equal(feed.listeners, 19)
  })

  it('gives its place to the next of its address when it leaves', async () => {
    const { listen } = aFeed()
    const stranger = { address: '203.0.113.7', operator: false }
    const [first] = await Promise.all(Array.from({ length: 8 }, () => listen(stranger)))
    await first?.leave()
    await listen(stranger)
  })

  it('makes room for an operator: the first of the fullest address goes', async () => {
    const { feed, listen } = aFeed()
    const lonely = await listen({ address: 'lonely', operator: false })
    const crowd: Awaited<ReturnType<typeof listen>>[] = []
    for (let count = 0; count < 99; count++)
      crowd.push(await listen({ address: `10.0.0.${Math.floor(count / 8)}`, operator: false }))
    await assert.rejects(listen({ address: 'new', operator: false }), { code: 'too_many_listeners' })
    const operator = await listen()
    assert.equal(feed.listeners, 100)
    assert.match(await operator.next(), /^retry/)
    const ends = async (listener: (typeof crowd)[number] | undefined) => {
      for (let heard = 0; heard < 3; heard++) if ((await listener?.next()) === 'end') return true
      return false
    }
    assert.equal(await ends(crowd[0]), true)
    assert.match(await lonely.next(), /^retry/)
    for (let count = 0; count < 99; count++) await listen()
    assert.equal(feed.listeners, 100)
    assert.equal(await ends(lonely), true)
    await assert.rejects(listen(), { code: 'too_many_listeners' })
  })

  it('goes on hearing of the rest while a page fails, and of that page again after', async () => {
    const { clock, state, broken, failures, listen, pass } = aFeed()
    const { next } = await listen()
    await next()
    await next()
    broken.stats = true
    broken.health = true
    await pass(1_500)
    broken.stats = false
    state.stats = { active: 2 }
    await pass(500)
    assert.equal(await next(), 'event: stats\ndata: {"active":2}\n\n')
    broken.health = false
    await pass(500)
    assert.equal(await next(), 'event: health\ndata: {"status":"healthy"}\n\n')
    assert.deepEqual(failures.map(String), ['Error: no stats', 'Error: no health'])
    assert.equal(clock.pending, 1)
  })

  it('who comes while a page fails is told the others, and nothing that was true once', async () => {
    const { broken, listen, pass } = aFeed()
    await listen()
    await pass(500)
    broken.stats = true
    const { next } = await listen()
    await next()
    assert.equal(await next(), 'event: health\ndata: {"status":"healthy"}\n\n')
  })

  it('is none when what comes first cannot be had, and takes no place', async () => {
    const { clock, feed, broken, listen } = aFeed()
    broken.first = true
    await assert.rejects(listen(), /no history/)
    assert.deepEqual([feed.listeners, clock.pending], [0, 0])
  })

  it('hears of a change in what only looks like a figure that always changes', async () => {
    const { state, listen, pass } = aFeed()
    const { next } = await listen()
    await next()
    await next()
    const named = (active: number) => ({ models: { timestamp: { model: '"uptime_seconds":', active } } })
    state.stats = named(1)
    await pass(500)
    await next()
    state.stats = named(2)
    await pass(500)
    assert.match(await next(), /"active":2/)
  })
})
