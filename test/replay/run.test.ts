import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aCall, callerOf, run } from './support/calls.ts'

/** So many calls at once. */
const burst = (count: number, parts = {}) => Array.from({ length: count }, () => aCall(parts))

describe('a run of recorded calls', () => {
  it('gives each slot to one call after the other', () => {
    const { waitMs, ran, spanMs } = run(burst(100), { slots: 1 })
    assert.equal(ran, 100)
    assert.deepEqual(waitMs, { p50: 49_000, p95: 94_000, p99: 98_000 })
    assert.equal(spanMs, 100_000)
  })

  it('is shorter with more slots', () => {
    assert.deepEqual(run(burst(100), { slots: 4 }).waitMs, { p50: 12_000, p95: 23_000, p99: 24_000 })
  })

  it('takes arrivals in their order, whatever the order of the log', () => {
    const calls = [aCall({ at: 500, caller: 'late' }), aCall({ at: 0, caller: 'early' })]
    const figures = run(calls)
    assert.equal(callerOf(figures, 'early').waitMs?.p50, 0)
    assert.equal(callerOf(figures, 'late').waitMs?.p50, 500)
  })

  it('refuses what a shorter line has no place for', () => {
    const figures = run(burst(10), { set: { ollama_max_queue: 3 } })
    assert.deepEqual(figures.refused, { queue_full: 6 })
    assert.equal(figures.ran, 4)
  })

  it('refuses what would wait past request_timeout', () => {
    const figures = run(burst(10), { set: { request_timeout: 3.5 } })
    assert.deepEqual(figures.refused, { timeout: 6 })
  })

  it('cuts off a call without a first byte in time, and frees its slot', () => {
    const calls = [aCall({ heldMs: 9_000, firstByteMs: 8_000 }), aCall()]
    const figures = run(calls, { set: { request_timeout: 5 } })
    // The second call waits until the deadline of both, and gets no slot at that moment.
    assert.deepEqual([figures.cutOff, figures.refused], [1, { timeout: 1 }])
    assert.equal(run(calls, { set: { request_timeout: 5, first_byte_timeout: 0 } }).cutOff, 0)
  })

  it('lets a client leave the line after the time for which it was recorded to wait', () => {
    const leaver = aCall({ end: 'left', served: false, heldMs: 0, patienceMs: 1_500 })
    assert.equal(run([...burst(2), leaver]).gaveUp, 1)
    // With room in time, the client stays, and the call takes as long as another call of the model.
    const { gaveUp, ran, slotMs } = run([...burst(1), leaver])
    assert.deepEqual([gaveUp, ran, slotMs], [0, 2, 2_000])
  })

  it('gives a call that was refused the time of another call of its model', () => {
    const refused = aCall({ end: 'refused', refusal: 'queue_full', heldMs: 0, served: false, caller: 'bob' })
    const other = aCall({ model: 'other', heldMs: 50 })
    const figures = run([aCall({ heldMs: 700 }), other, refused], { slots: 2, set: { turns: 'off' } })
    assert.equal(callerOf(figures, 'bob').slotMs, 700)
  })

  it('counts the slot time that was used', () => {
    assert.equal(run(burst(4), { slots: 4 }).busy, 1)
    assert.equal(run(burst(4), { slots: 8 }).busy, 0.5)
  })

  it('keeps the limits of one model and of one key', () => {
    const set = { models: { llama2: { parallel_limit: 1 } } }
    assert.equal(run(burst(2), { slots: 4, set }).waitMs?.p99, 1_000)
    const keys = { alice: { address: '192.0.2.1', parallel: 1 } }
    assert.equal(run(burst(2), { slots: 4, set: { keys } }).waitMs?.p99, 1_000)
  })

  it('waits for no slot in the cloud', () => {
    const figures = run(burst(50, { model: 'gpt-oss:120b-cloud' }))
    assert.deepEqual([figures.waitMs?.p99, figures.loads, figures.busy], [0, 0, 0])
  })

  it('gives no turn to a name without a model', () => {
    const unknown = aCall({ at: 10, model: 'typo', served: false, missing: true, heldMs: 5, caller: 'bob' })
    const figures = run([aCall({ heldMs: 5_000 }), aCall({ at: 5, heldMs: 5_000 }), unknown])
    assert.deepEqual([callerOf(figures, 'bob').waitMs?.p50, figures.loads], [0, 0])
  })

  it('gives the same figures for the same calls', () => {
    const calls = Array.from({ length: 300 }, (_, index) =>
      aCall({ at: (index * 7_919) % 60_000, heldMs: (index * 104_729) % 3_000, caller: `c${index % 7}` }),
    )
    assert.deepEqual(run(calls, { slots: 2 }), run(calls, { slots: 2 }))
  })
})

describe('the turns of models in a run', () => {
  const LOAD = { loadMs: 4_000 }

  it('loads as often as models change, and as long as the log tells', () => {
    const calls = [
      aCall({ ...LOAD }),
      aCall({ at: 6_000, model: 'b', ...LOAD }),
      aCall({ at: 12_000, ...LOAD }),
    ]
    const figures = run(calls)
    assert.deepEqual([figures.loads, figures.spanMs], [3, 17_000])
  })

  it('loads nothing for models that were in memory together', () => {
    const calls = Array.from({ length: 20 }, (_, index) =>
      aCall({ at: 2_000 * index, model: index % 2 === 0 ? 'a' : 'b', loadMs: 1 }),
    )
    assert.equal(run(calls).loads, 0)
    // Without a sign of both in memory, each call changes the model.
    const apart = calls.map((call) => ({ ...call, loadMs: 900 }))
    assert.equal(run(apart).loads, 20)
    assert.equal(run(apart, { set: { turn: { together: [['a', 'b']] } } }).loads, 2)
  })

  it('serves the calls of each model together, unless turns are off', () => {
    const calls = Array.from({ length: 30 }, (_, index) =>
      aCall({ at: index, model: 'abc'[index % 3] ?? '', ...LOAD }),
    )
    const [ordered, straight] = [run(calls), run(calls, { set: { turns: 'off' } })]
    assert.equal(ordered.loads, 3)
    assert.ok(straight.loads >= 3, `${straight.loads}`)
    assert.equal(straight.ran, 30)
  })

  it('unloads a model that nobody calls, and keeps a model that the log shows to stay', () => {
    const hourly = (loadMs: number) => [aCall({ loadMs: 900 }), aCall({ at: 3_600_000, loadMs })]
    assert.equal(run(hourly(900)).loads, 2)
    assert.equal(run(hourly(1)).loads, 1)
  })

  it('loads a model again for another num_ctx, unless the log shows that Ollama does not', () => {
    const two = (loadMs: number) => [
      aCall({ loadMs: 900, numCtx: 4_096 }),
      aCall({ at: 5_000, loadMs, numCtx: 8_192 }),
    ]
    assert.equal(run(two(900)).loads, 2)
    assert.equal(run(two(1)).loads, 1)
  })
})

describe('the share of callers in a run', () => {
  const flood = burst(100, { caller: 'flooder' })
  const quiet = Array.from({ length: 10 }, (_, index) =>
    aCall({ at: 5_000 + 8_000 * index, caller: 'quiet' }),
  )

  it('lets a quiet caller wait for one call, not for the flood', () => {
    const { waitMs } = callerOf(run([...flood, ...quiet]), 'quiet')
    assert.ok((waitMs?.p99 ?? 0) <= 1_000, `${waitMs?.p99} ms`)
  })

  it('makes the quiet caller wait for the flood where calls go in the order of their arrival', () => {
    const { waitMs } = callerOf(run([...flood, ...quiet], { fairness: { fair: false } }), 'quiet')
    assert.ok((waitMs?.p50 ?? 0) > 20_000, `${waitMs?.p50} ms`)
  })

  it('is equal for callers that all wait, and is not in the order of arrival', () => {
    const calls = [...burst(100, { caller: 'a' }), ...burst(100, { caller: 'b', at: 1 })]
    const fair = run(calls, { windowMs: 20_000 }).jain ?? 0
    const unfair = run(calls, { windowMs: 20_000, fairness: { fair: false } }).jain ?? 0
    assert.ok(fair > 0.99, `${fair}`)
    assert.ok(unfair < 0.7, `${unfair}`)
  })
})
