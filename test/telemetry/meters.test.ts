import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CALL_CLASSES } from '../../src/callers/caller.ts'
import type { Buckets } from '../../src/telemetry/buckets.ts'
import { NONE, OTHER, OUTCOMES } from '../../src/telemetry/labels.ts'
import {
  type MeteredCall,
  Meters,
  MODEL_LABELS,
  type ModelMeters,
  REASONS,
} from '../../src/telemetry/meters.ts'
import { aCall, aRefusedCall, ROUTES } from './support/scrape-harness.ts'

function metersOf(...calls: readonly MeteredCall[]): Meters {
  const meters = new Meters({ routes: ROUTES, models: [], keys: [] })
  for (const call of calls) meters.call(call)
  return meters
}

function figures(meters: Meters, label: string): ModelMeters {
  const found = new Map(meters.models()).get(label)
  assert.ok(found, `no figures of ${label}`)
  return found
}

const labels = (meters: Meters) => Array.from(meters.models(), ([label]) => label)
const requests = (meters: Meters, label: string) => [...figures(meters, label).requests]
/** The waits of the calls of the class normal. */
const waitOf = ({ waits }: ModelMeters) => waits[CALL_CLASSES.indexOf('normal')] ?? assert.fail()
const sumOf = ({ total, sum }: Buckets) => [total, Number(sum.toFixed(9))]

/** Of one call of llama2 whose label is there already. */
function timesOf(parts: Partial<MeteredCall>) {
  const meters = new Meters({ routes: ROUTES, models: ['llama2'], keys: [] })
  meters.call(aCall(parts))
  const { firstByte, processing, perToken, load } = figures(meters, 'llama2')
  return {
    wait: sumOf(waitOf(figures(meters, 'llama2'))),
    firstByte: sumOf(firstByte),
    processing: sumOf(processing),
    perToken: sumOf(perToken),
    load: sumOf(load),
  }
}

describe('requests', () => {
  it('count by route and outcome', () => {
    const meters = metersOf(...OUTCOMES.map((outcome) => aCall({ outcome })))
    meters.call(aCall({ path: '/v1/messages', outcome: 'failed' }))
    assert.deepEqual(requests(meters, 'llama2'), [1, 1, 1, 1, 1, 0, 1, 0, 0, 0])
  })

  it('of a path that is none of the routes count nowhere', () => {
    assert.deepEqual(requests(metersOf(aCall({ path: '/api/tags' })), 'llama2'), Array(10).fill(0))
  })
})

describe('signs of life', () => {
  it('count calls that got some, and an error that came too late makes no label', () => {
    const meters = metersOf(aCall(), aCall({ signsMs: 20_000 }))
    assert.equal(figures(meters, 'llama2').signed, 1)
    const late = metersOf(aCall({ model: 'made-up', signsMs: 20_000, lateStatus: 404 }))
    assert.deepEqual(labels(late), [OTHER, NONE])
  })
})

describe('refusals', () => {
  const refusals = (call: MeteredCall) => {
    const counts = figures(metersOf(call), OTHER).refusals
    const [queueFull, timeout, shuttingDown, loadFailed, stuck, model, quota, tooLarge] = counts
    return { queueFull, timeout, shuttingDown, loadFailed, stuck, model, quota, tooLarge }
  }
  const none = {
    queueFull: 0,
    timeout: 0,
    shuttingDown: 0,
    loadFailed: 0,
    stuck: 0,
    model: 0,
    quota: 0,
    tooLarge: 0,
  }

  it('count by reason, a timeout in line among them', () => {
    assert.equal(REASONS.length, Object.keys(none).length)
    assert.deepEqual(refusals(aRefusedCall()), { ...none, queueFull: 1 })
    assert.deepEqual(refusals(aRefusedCall({ reason: 'shutting_down' })), { ...none, shuttingDown: 1 })
    const timeout = aRefusedCall({ outcome: 'timed_out', reason: 'timeout', status: 504 })
    assert.deepEqual(refusals(timeout), { ...none, timeout: 1 })
    assert.deepEqual(refusals(aRefusedCall({ reason: 'load_failed' })), { ...none, loadFailed: 1 })
    assert.deepEqual(refusals(aRefusedCall({ reason: 'model_stuck' })), { ...none, stuck: 1 })
    assert.deepEqual(refusals(aRefusedCall({ reason: 'model_not_allowed' })), { ...none, model: 1 })
    assert.deepEqual(refusals(aRefusedCall({ reason: 'insufficient_quota' })), { ...none, quota: 1 })
  })

  it('without a reason are bodies that are too large', () => {
    const call = aRefusedCall({ reason: null, status: 413 })
    assert.deepEqual(refusals(call), { ...none, tooLarge: 1 })
  })

  it('are not what a client that left the line got', () => {
    const call = aRefusedCall({ outcome: 'cancelled', reason: 'cancelled', status: 0 })
    assert.deepEqual(refusals(call), none)
  })

  it('advise a retry, but nobody who is gone', () => {
    const advised = (parts: Partial<MeteredCall>) =>
      figures(metersOf(aRefusedCall(parts)), OTHER).retriesAdvised
    assert.equal(advised({}), 1)
    assert.equal(advised({ outcome: 'timed_out', reason: 'timeout', status: 504 }), 1)
    assert.equal(advised({ status: 0 }), 0)
    assert.equal(advised({ reason: null, status: 413 }), 0)
    assert.equal(advised({ outcome: 'timed_out', reason: null, status: 504 }), 0)
  })
})

describe('tokens', () => {
  it('add up by model, and a model that is not known has none', () => {
    const meters = metersOf(aCall(), aCall(), aCall({ model: 'phi3', tokensIn: null, tokensOut: null }))
    const { tokensIn, tokensOut } = figures(meters, 'llama2')
    assert.deepEqual([tokensIn, tokensOut, meters.tokensOut('llama2')], [10, 22, 22])
    assert.equal(meters.tokensOut('unknown'), 0)
    // A stream that did not come to its count is counted by its parts.
    assert.equal(meters.tokensOut('phi3'), 12)
  })
})

describe('reloads', () => {
  it('count by model and option; those of a model without figures of its own count under other', () => {
    const meters = metersOf(aCall())
    for (const option of ['num_ctx', 'num_ctx', 'main_gpu'] as const) meters.reloaded('llama2', option)
    meters.reloaded('unknown', 'num_ctx')
    assert.deepEqual([...figures(meters, 'llama2').reloads], [2, 0, 0, 1, 0, 0, 0])
    assert.deepEqual([...figures(meters, OTHER).reloads], [1, 0, 0, 0, 0, 0, 0])
  })
})

describe('times', () => {
  it('of a stream are all there, in seconds', () => {
    assert.deepEqual(timesOf({}), {
      wait: [1, 0.3],
      firstByte: [1, 0.5],
      processing: [1, 0.7],
      perToken: [1, 0.05],
      load: [1, 0.04],
    })
  })

  it('to a token are told of streams of two tokens or more', () => {
    assert.deepEqual(timesOf({ tokensOut: 2 }).perToken, [1, 0.5])
    assert.deepEqual(timesOf({ tokensOut: 1 }).perToken, [0, 0])
    assert.deepEqual(timesOf({ tokensOut: null, parts: 6 }).perToken, [1, 0.1])
    assert.deepEqual(timesOf({ tokensOut: null, parts: 1 }).perToken, [0, 0])
    assert.deepEqual(timesOf({ parts: null }).perToken, [0, 0])
  })

  it('of loading are told where Ollama tells them', () => {
    assert.deepEqual(timesOf({ loadMs: 0 }).load, [0, 0])
  })

  it('of a call that was refused on arrival are not told', () => {
    const times = timesOf(aRefusedCall())
    assert.deepEqual(Object.values(times), Array(5).fill([0, 0]))
  })

  it('of one that gave up waiting are its wait alone', () => {
    const gaveUp = { reason: 'timeout', outcome: 'timed_out', firstByteMs: null, totalMs: 300 } as const
    const { wait, ...others } = timesOf(gaveUp)
    assert.deepEqual(wait, [1, 0.3])
    assert.deepEqual(Object.values(others), Array(4).fill([0, 0]))
  })

  it('of one that ran into silence are its wait and the time it held its slot', () => {
    const { wait, firstByte, processing } = timesOf({ outcome: 'timed_out', firstByteMs: null })
    assert.deepEqual(
      [wait, firstByte, processing],
      [
        [1, 0.3],
        [0, 0],
        [1, 0.7],
      ],
    )
  })

  it('of a call without a model are not told', () => {
    const of = figures(metersOf(aCall({ model: null })), NONE)
    const { processing, perToken } = of
    assert.deepEqual([waitOf(of).total, processing.total, perToken.total], [0, 0, 0])
  })
})

describe('labels', () => {
  const unearned: Readonly<Record<string, Partial<MeteredCall>>> = {
    'a refusal': aRefusedCall(),
    'an error of Ollama': { status: 404 },
    'an Ollama that is not there': { status: 502, firstByteMs: null, outcome: 'failed' },
    'a client that left': { status: 0, firstByteMs: null, outcome: 'cancelled' },
  }
  for (const [what, parts] of Object.entries(unearned)) {
    it(`are not earned by ${what}`, () => {
      const meters = metersOf(aCall({ ...parts, model: 'made-up' }))
      assert.deepEqual(labels(meters), [OTHER, NONE])
      assert.equal(meters.labelOf('made-up'), OTHER)
      assert.equal(
        requests(meters, OTHER).reduce((sum, count) => sum + count),
        1,
      )
    })
  }

  it('are earned by an answer of Ollama, and kept from then on', () => {
    const meters = metersOf(aCall(), aRefusedCall())
    assert.deepEqual(labels(meters), [OTHER, NONE, 'llama2'])
    assert.deepEqual(requests(meters, 'llama2').slice(0, 5), [1, 0, 0, 0, 1])
  })

  it('belong to the models of the configuration from the start', () => {
    const meters = new Meters({ routes: ROUTES, models: ['llama2', 'llama2'], keys: [] })
    assert.deepEqual(labels(meters), [OTHER, NONE, 'llama2'])
    meters.addModel('phi3')
    meters.call(aRefusedCall({ model: 'phi3' }))
    assert.equal(figures(meters, 'phi3').refusals[0], 1)
  })

  it('are a hundred: what comes later is counted as other', () => {
    const meters = metersOf()
    for (let model = 0; model < MODEL_LABELS + 5; model++) meters.call(aCall({ model: `model-${model}` }))
    meters.addModel('late')
    assert.equal(labels(meters).length, MODEL_LABELS + 2)
    assert.deepEqual([meters.labelOf('model-99'), meters.labelOf('model-100')], ['model-99', OTHER])
    assert.equal(meters.labelOf('late'), OTHER)
    assert.deepEqual(requests(meters, OTHER).slice(0, 5), [5, 0, 0, 0, 0])
  })

  it('of calls that name no model are none', () => {
    assert.deepEqual(requests(metersOf(aCall({ model: null })), NONE).slice(0, 5), [1, 0, 0, 0, 0])
  })

  it('are one where a model is called like one of ours', () => {
    const meters = metersOf(aCall({ model: OTHER }), aCall({ model: NONE }))
    assert.deepEqual(labels(meters), [OTHER, NONE])
  })
})
