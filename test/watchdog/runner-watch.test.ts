import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OverCall } from '../../src/watchdog/contract.ts'
import { MOVING, Watched } from './support/builders.ts'

/** A runner in memory, one of whose calls has moved at second 10 and is silent since. */
function silentSince10(): Watched {
  const watched = new Watched().learned()
  watched.look(5, {})
  assert.equal(watched.look(10, MOVING), true)
  return watched
}

describe('a stream that stops', () => {
  it('is strange after a minute, and a byte makes it good again', () => {
    const watched = silentSince10()
    assert.equal(watched.look(15, MOVING), false)
    assert.equal(watched.due, 70)
    assert.equal(watched.look(60, { ...MOVING, bytesOut: 11 }), true)
    assert.equal(watched.due, 120)
  })

  it('is strange after twenty times the usual gap, where that is more', () => {
    const watched = new Watched()
    watched.end(0, { evalMs: 400_000, parts: 101, tokensOut: 100 })
    watched.look(5, {})
    watched.look(10, MOVING)
    assert.equal(watched.due, 10 + 20 * 4)
  })

  it('says nothing while its client does not read, or once Ollama has given all', () => {
    const watched = silentSince10()
    watched.look(60, { ...MOVING, heldBack: true })
    assert.equal(watched.due, Number.POSITIVE_INFINITY)
    watched.look(600, MOVING)
    assert.equal(watched.due, 660)
  })

  it('may say nothing for as long as the model writes the call of a tool', () => {
    const watched = new Watched().learned()
    watched.look(5, { wantsTools: true })
    watched.look(10, { ...MOVING, wantsTools: true })
    assert.ok(Math.abs(watched.due - (10 + 4_096 * 0.1)) < 0.01)
  })
})

describe('the calls of one runner', () => {
  it('count together: one that moves is enough', () => {
    const watched = silentSince10()
    for (let at = 15; at < 600; at += 5)
      watched.look(at, MOVING, { id: 'b', sentAt: 12_000, begun: true, bytesOut: at })
    assert.equal(watched.due, 595 + 60)
  })

  it('are covered while they wait inside Ollama behind another one that moves', () => {
    const watched = silentSince10()
    for (let at = 15; at < 600; at += 5)
      watched.look(at, { ...MOVING, bytesOut: at }, { id: 'b', sentAt: 12_000 })
    assert.ok(watched.due > 654)
  })

  it('do not move because a new one is sent', () => {
    const watched = silentSince10()
    watched.look(50, MOVING, { id: 'b', sentAt: 49_000 })
    watched.look(65, MOVING, { id: 'b', sentAt: 49_000 }, { id: 'c', sentAt: 64_000 })
    assert.equal(watched.due, 70)
  })

  it('are no evidence once their clients have left', () => {
    const watched = silentSince10()
    watched.look(50, MOVING, { id: 'b', sentAt: 49_000 })
    assert.equal(watched.end(55, { requestId: 'a', outcome: 'cancelled', totalMs: 55_000 }), false)
    assert.equal(watched.due, 49 + 60)
    watched.end(56, { requestId: 'b', outcome: 'cancelled', totalMs: 7_000 })
    assert.equal(watched.due, Number.POSITIVE_INFINITY)
  })

  it('move with a good end, and with an error of Ollama', () => {
    const ends: readonly Partial<OverCall>[] = [
      { outcome: 'done', status: 200 },
      { outcome: 'failed', status: 500 },
      { outcome: 'failed', status: 200 },
      { outcome: 'failed', status: 200, lateStatus: 500 },
    ]
    for (const end of ends) {
      const watched = silentSince10()
      watched.look(50, MOVING, { id: 'b', sentAt: 45_000 })
      assert.equal(watched.end(55, { requestId: 'a', totalMs: 55_000, ...end }), true)
      assert.equal(watched.due, 115)
    }
  })

  it('do not move with a break, nor with the error of a server in front of Ollama, nor with a refusal', () => {
    const ends: readonly Partial<OverCall>[] = [
      { outcome: 'failed', status: 200, cause: 'ECONNRESET' },
      { outcome: 'failed', status: 0, cause: 'ECONNRESET' },
      { outcome: 'failed', status: 504 },
      { outcome: 'failed', status: 503 },
      { outcome: 'done', status: 404 },
      // The client was given signs of life, and the error later.
      { outcome: 'failed', status: 200, lateStatus: 503 },
      { outcome: 'done', status: 200, lateStatus: 404 },
    ]
    for (const end of ends) {
      const watched = silentSince10()
      watched.look(50, MOVING, { id: 'b', sentAt: 20_000 })
      assert.equal(watched.end(55, { requestId: 'a', totalMs: 55_000, ...end }), false)
      assert.equal(watched.due, 80)
    }
  })

  it('do not move with the end of a call that only loads or unloads: the work loop has no part in that', () => {
    const watched = silentSince10()
    assert.equal(watched.end(50, { requestId: 'u', slots: 0, totalMs: 5 }), false)
    assert.equal(watched.due, 70)
  })
})

describe('a call without a byte', () => {
  const KIB = 1024

  it('is explained by its prompt: three times as long as the slowest known prompt takes', () => {
    const watched = silentSince10()
    // 1 s for 4 KiB, but at least a thirtieth of the 100 ms of a token for each byte.
    const seconds = (bytes: number) => (3 * bytes * 100) / 30 / 1_000
    watched.look(15, MOVING, { id: 'b', sentAt: 12_000, promptBytes: 40 * KIB })
    assert.ok(Math.abs(watched.due - (12 + seconds(40 * KIB))) < 0.01, `${watched.due}`)
    // A second one is read after the first one, or beside it at half the speed.
    watched.look(
      20,
      MOVING,
      { id: 'b', sentAt: 12_000, promptBytes: 40 * KIB },
      { id: 'c', sentAt: 16_000, promptBytes: 40 * KIB },
    )
    assert.ok(Math.abs(watched.due - (12 + 2 * seconds(40 * KIB))) < 0.01, `${watched.due}`)
  })

  it('is explained from the last movement on: until then it may have waited inside Ollama', () => {
    const watched = silentSince10()
    const giant = { id: 'b', sentAt: 12_000, promptBytes: 100 * KIB }
    for (let at = 15; at <= 900; at += 5) watched.look(at, { ...MOVING, bytesOut: at }, giant)
    watched.end(901, { requestId: 'a', totalMs: 901_000 })
    assert.ok(watched.due > 901 + 1_000, `${watched.due}`)
  })

  it('has a prompt of at most a mebibyte: more bytes are pictures', () => {
    const watched = silentSince10()
    watched.look(15, { id: 'b', sentAt: 12_000, promptBytes: 1024 * KIB })
    const most = watched.due
    watched.look(20, { id: 'b', sentAt: 12_000, promptBytes: 50 * 1024 * KIB })
    assert.equal(watched.due, most)
  })

  it('is read slowly where nothing is known: ten milliseconds a byte', () => {
    const watched = new Watched()
    watched.look(5, { promptBytes: 10 * KIB })
    // The runner may also load: ten minutes.
    assert.equal(watched.due, (3 * 10 * 10 * KIB) / 1_000 + 600)
  })

  it('that asks for the whole answer is silent to its end: twenty times as long as usual', () => {
    const watched = new Watched()
    for (let at = 1; at <= 3; at++)
      watched.end(at, {
        parts: null,
        tokensOut: 2,
        totalMs: 30_000,
        firstByteMs: 30_000,
        bytesIn: 100,
        promptMs: 0,
        evalMs: 0,
        path: '/api/embed',
      })
    watched.look(5, { wantsStream: false, sentAt: 3_500, promptBytes: 0 })
    assert.equal(watched.due, 3.5 + 600)
  })

  it('that asks for the whole answer may write a long one, at the speed of the runner', () => {
    const watched = new Watched().learned()
    watched.look(5, { wantsStream: false, promptBytes: 0, sentAt: 100 })
    assert.ok(Math.abs(watched.due - (0.1 + 15 + 16_384 * 0.1)) < 0.01, `${watched.due}`)
  })

  it('that asks for the whole answer of an unknown runner has half an hour', () => {
    const watched = new Watched()
    watched.look(5, { wantsStream: false, promptBytes: 0 })
    assert.equal(watched.due, 600 + 1_800)
  })
})

describe('a load', () => {
  it('is explained for three times as long as it takes, and before a call has moved it may be one', () => {
    const watched = new Watched()
    watched.end(1, { loadMs: 40_000, totalMs: 51_000, firstByteMs: 41_000 })
    watched.look(105, { sentAt: 100_000, promptBytes: 0 })
    assert.equal(watched.due, 100 + 120)
    watched.look(110, { sentAt: 100_000, promptBytes: 0, ...MOVING })
    assert.equal(watched.due, 110 + 60)
  })

  it('is not known from a call that came in the middle of it', () => {
    const watched = new Watched()
    watched.look(5, { id: 'first', sentAt: 1_000 }, { id: 'late', sentAt: 35_000 })
    watched.end(46, { requestId: 'late', loadMs: 6_000, firstByteMs: 7_000, totalMs: 11_000 })
    watched.end(60, { requestId: 'first', loadMs: 0, promptMs: null, evalMs: null, totalMs: 59_000 })
    watched.look(405, { id: 'next', sentAt: 400_000, promptBytes: 0 })
    assert.equal(watched.due, 400 + 600)
  })

  it('is not known from a call that no look has seen, while another one waits for the same load', () => {
    const watched = new Watched()
    watched.look(5, { id: 'first', sentAt: 1_000 })
    watched.end(9, { requestId: 'unseen', loadMs: 2_000, firstByteMs: 2_500, totalMs: 3_000 })
    watched.end(20, { requestId: 'first', loadMs: 0, promptMs: null, evalMs: null, totalMs: 19_000 })
    watched.look(405, { id: 'next', sentAt: 400_000, promptBytes: 0 })
    assert.equal(watched.due, 400 + 600)
  })

  it('is known from the call that has asked for it, also where later calls end before', () => {
    const watched = new Watched()
    watched.look(5, { id: 'first', sentAt: 1_000 }, { id: 'late', sentAt: 35_000 })
    watched.end(46, { requestId: 'late', loadMs: 6_000, firstByteMs: 7_000, totalMs: 11_000 })
    watched.end(60, { requestId: 'first', loadMs: 40_000, firstByteMs: 41_000, totalMs: 59_000 })
    watched.look(405, { id: 'next', sentAt: 400_000, promptBytes: 0 })
    assert.equal(watched.due, 400 + 120)
  })

  it('of a runner of which none is known may take ten minutes', () => {
    const watched = new Watched()
    watched.end(1, {})
    watched.look(105, { sentAt: 100_000, promptBytes: 0 })
    assert.equal(watched.due, 100 + 600)
  })

  it('is not expected where one call follows the other and none is known', () => {
    const watched = new Watched()
    watched.end(1, {})
    watched.look(5, { sentAt: 1_000, promptBytes: 0 })
    assert.equal(watched.due, 61)
  })

  it('is expected where the call before left without having moved: maybe the load ended with that call', () => {
    for (const [moved, due] of [
      [MOVING, 95],
      [{}, 635],
    ] as const) {
      const watched = new Watched()
      watched.end(1, {})
      watched.look(5, { sentAt: 4_000, promptBytes: 0 })
      watched.look(30, { sentAt: 4_000, promptBytes: 0, ...moved })
      watched.end(35, { requestId: 'a', outcome: 'cancelled', totalMs: 31_000 })
      watched.look(40, { id: 'b', sentAt: 35_000, promptBytes: 0 })
      assert.equal(watched.due, due)
    }
  })

  it('is expected where the turns say so, and for other options', () => {
    for (const loading of [true, false]) {
      const watched = new Watched()
      watched.end(1, {})
      if (loading) watched.surroundings = { memory: 'loading', othersBusy: false }
      watched.look(5, { sentAt: 1_000, promptBytes: 0, options: loading ? undefined : '{"num_ctx":8192}' })
      assert.equal(watched.due, 601)
    }
  })

  it('may wait for the memory of others while they have calls, but half an hour at most', () => {
    const watched = new Watched()
    watched.surroundings = { memory: 'unknown', othersBusy: true }
    for (let at = 5; at <= 1_000; at += 5) watched.look(at, { promptBytes: 0 })
    assert.equal(watched.due, 1_000 + 600)
    for (let at = 1_005; at <= 3_000; at += 5) watched.look(at, { promptBytes: 0 })
    assert.equal(watched.due, 1_795 + 600)
  })

  it('waits for nobody where the turns know that the runner is in memory', () => {
    const watched = new Watched()
    watched.surroundings = { memory: 'loaded', othersBusy: true }
    for (let at = 5; at <= 1_000; at += 5) watched.look(at, { promptBytes: 0 })
    assert.equal(watched.due, 600)
  })

  it('is over for a call that came while another one moved', () => {
    const watched = silentSince10()
    watched.look(15, MOVING, { id: 'b', sentAt: 8_000, promptBytes: 0 })
    watched.end(20, { requestId: 'a', outcome: 'cancelled', totalMs: 20_000 })
    watched.look(25, { id: 'b', sentAt: 8_000, promptBytes: 0 })
    assert.equal(watched.due, 70)
  })
})

describe('a call that the proxy has cut off', () => {
  const CUT = { outcome: 'timed_out', status: 504, firstByteMs: null, parts: null, tokensOut: null } as const

  it('leaves its silence to the next, so that short deadlines hide nothing', () => {
    const watched = new Watched().learned()
    watched.look(5, { sentAt: 100 })
    watched.end(30, { requestId: 'a', ...CUT, totalMs: 29_900 })
    // 30 s of the first one, and no time between the two.
    watched.look(105, { id: 'b', sentAt: 100_000 })
    assert.equal(watched.due, 100 + 60 - 29.9)
    watched.end(130, { requestId: 'b', ...CUT, totalMs: 30_000 })
    watched.look(131, { id: 'c', sentAt: 130_000 })
    assert.ok(watched.due < 131.2, `${watched.due}`)
  })

  it('counts once where several are cut off together', () => {
    const watched = new Watched().learned()
    watched.look(5, { sentAt: 100 }, { id: 'b', sentAt: 100 })
    watched.end(30, { requestId: 'a', ...CUT, totalMs: 29_900 })
    watched.end(30, { requestId: 'b', ...CUT, totalMs: 29_900 })
    watched.look(31, { id: 'c', sentAt: 30_000 })
    assert.equal(watched.due, 30 + 60 - 29.9)
  })

  it('leaves nothing where its prompt explains the silence', () => {
    const watched = new Watched().learned()
    watched.look(5, { sentAt: 100, promptBytes: 8_000 })
    watched.end(30, { requestId: 'a', ...CUT, totalMs: 29_900, bytesIn: 8_000 })
    watched.look(31, { id: 'b', sentAt: 30_000 })
    assert.equal(watched.due, 90)
  })

  it('leaves nothing after a byte of another one, nor after five minutes without a call', () => {
    const watched = new Watched().learned()
    watched.look(5, { sentAt: 100 })
    watched.end(30, { requestId: 'a', ...CUT, totalMs: 29_900 })
    watched.look(35, { id: 'b', sentAt: 31_000 })
    watched.look(40, { id: 'b', sentAt: 31_000, ...MOVING })
    assert.equal(watched.due, 100)

    const later = new Watched().learned()
    later.look(5, { sentAt: 100 })
    later.end(30, { requestId: 'a', ...CUT, totalMs: 29_900 })
    later.look(405, { id: 'b', sentAt: 400_000 })
    assert.equal(later.due, 460)
  })

  it('leaves its silence also in the middle of its answer, but not where its client did not read', () => {
    for (const heldBack of [false, true]) {
      const watched = silentSince10()
      watched.look(15, { ...MOVING, heldBack })
      watched.end(40, { requestId: 'a', outcome: 'timed_out', totalMs: 40_000 })
      watched.look(41, { id: 'b', sentAt: 40_000 })
      assert.equal(watched.due, heldBack ? 100 : 70)
    }
  })

  it('counts the time of loads and of whole answers only once', () => {
    const watched = new Watched().learned()
    for (let at = 0; at < 1_500; at += 300) {
      watched.look(at + 5, { id: `${at}`, sentAt: at * 1_000 + 100, wantsStream: false, promptBytes: 0 })
      watched.end(at + 300, { requestId: `${at}`, ...CUT, totalMs: 299_900, bytesIn: 0 })
    }
    watched.look(1_505, { id: 'last', sentAt: 1_500_100, wantsStream: false, promptBytes: 0 })
    assert.ok(watched.due < 1_700, `${watched.due}`)
  })
})

describe('a silence', () => {
  it('is over after a probe, whatever the calls do that were silent then', () => {
    const watched = silentSince10()
    watched.look(80, MOVING)
    watched.watch.excuse(80_000)
    watched.look(200, MOVING)
    assert.equal(watched.due, Number.POSITIVE_INFINITY)
    watched.look(205, MOVING, { id: 'b', sentAt: 204_000, promptBytes: 0 })
    assert.ok(watched.due < 300)
    watched.look(210, { ...MOVING, bytesOut: 11 }, { id: 'b', sentAt: 204_000, promptBytes: 0 })
    watched.look(215, { ...MOVING, bytesOut: 11 })
    assert.equal(watched.due, 270)
  })

  it('begins anew after a restart, and then there may be a load', () => {
    const watched = silentSince10()
    watched.look(60, MOVING)
    watched.watch.restarted(61_000)
    watched.look(65, MOVING)
    assert.equal(watched.due, 61 + 60)
    watched.look(70, { id: 'b', sentAt: 62_000, promptBytes: 0 })
    assert.equal(watched.due, 62 + 60)
    const unknown = new Watched()
    unknown.end(1, {})
    unknown.watch.restarted(2_000)
    unknown.look(5, { sentAt: 2_500, promptBytes: 0 })
    assert.equal(unknown.due, 602.5)
  })

  it('does not count while the proxy itself stood still', () => {
    const watched = silentSince10()
    watched.look(500, MOVING)
    watched.watch.forgive(500_000)
    assert.equal(watched.due, 560)
  })
})
