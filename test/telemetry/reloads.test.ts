import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CLOUD } from '../../src/admission/contract.ts'
import type { ReloadPair } from '../../src/telemetry/reload-counts.ts'
import { type OptionCall, Reloads } from '../../src/telemetry/reloads.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const SMALL = '{"num_ctx":4096}'
const LARGE = '{"num_ctx":32768}'

interface Heard extends Partial<OptionCall> {
  /** Clock time at which the call was sent. */
  readonly sent?: number
  /** Clock time of its end. By default: a second after the load. */
  readonly ended?: number
  /** Milliseconds from the arrival to the sending. */
  readonly waited?: number
}

/** A detective who knows each model as a runner of its own, unless told otherwise. */
function aDetective(runnerOf: (model: string) => string | undefined = (model) => model) {
  const asked = { runners: 0 }
  const counted: string[] = []
  const reloads = new Reloads({
    runnerOf: (model) => {
      asked.runners++
      return runnerOf(model)
    },
    reloaded: (model, option) => counted.push(`${model} ${option}`),
  })
  let now = 0
  /** Each call is sent when the one before is over, unless told otherwise. */
  const hear = ({ sent = now, ended, waited = 5, ...parts }: Heard) => {
    const { loadMs = 1 } = parts
    now = ended ?? sent + loadMs + 1_000
    const whole = { client: '10.0.0.1', model: 'a', outcome: 'done', path: '/api/chat', status: 200 } as const
    reloads.heard(
      { ...whole, loadMs, sentMs: waited, totalMs: now - sent + waited, options: undefined, ...parts },
      now,
    )
  }
  const pairs = (at = now, runner = 'a'): readonly ReloadPair[] =>
    reloads.runners(at).find((each) => each.runner === runner)?.pairs ?? []
  const count = (at = now, runner = 'a') =>
    reloads.runners(at).find((each) => each.runner === runner)?.count ?? 0
  return { reloads, hear, pairs, count, counted, asked, now: () => now }
}

/** Two clients who alternate, each of whose calls loads the model. */
function alternate({ hear }: ReturnType<typeof aDetective>, calls: number) {
  for (let i = 0; i < calls; i++)
    hear(
      i % 2 === 0
        ? { client: '10.0.0.1', options: SMALL, loadMs: 2_000 }
        : { client: '10.0.0.2', options: LARGE, loadMs: 2_000 },
    )
}

describe('a reload because of options', () => {
  it('is told with both values, who sent them, how often and when', () => {
    const detective = aDetective()
    alternate(detective, 4)
    assert.deepEqual(detective.reloads.runners(detective.now()), [
      {
        runner: 'a',
        count: 3,
        pairs: [
          {
            option: 'num_ctx',
            from: '4096',
            to: '32768',
            count: 3,
            callers: [
              { client: '10.0.0.1', value: '4096' },
              { client: '10.0.0.2', value: '32768' },
            ],
            last: 12_000,
          },
        ],
      },
    ])
    assert.deepEqual(detective.counted, ['a num_ctx', 'a num_ctx', 'a num_ctx'])
  })

  it('is one load and several pairs where several options differ', () => {
    const { hear, pairs, count, counted } = aDetective()
    hear({ options: '{"num_ctx":4096,"use_mmap":true}' })
    hear({ options: '{"num_ctx":8192,"use_mmap":false}', loadMs: 500 })
    assert.equal(count(), 1)
    assert.deepEqual(
      pairs().map(({ option, from, to, count }) => [option, from, to, count]),
      [
        ['num_ctx', '4096', '8192', 1],
        ['use_mmap', 'true', 'false', 1],
      ],
    )
    assert.deepEqual(counted, ['a num_ctx', 'a use_mmap'])
  })

  it('is seen from a call of /v1, which has no figures and automatic options', () => {
    const { hear, pairs } = aDetective()
    hear({ options: LARGE, loadMs: 2_000 })
    hear({ path: '/v1/chat/completions', loadMs: 0, client: '10.0.0.9' })
    hear({ options: LARGE, loadMs: 2_000 })
    const [{ from, to, callers } = { from: '', to: '', callers: [] }] = pairs()
    assert.deepEqual([from, to], ['automatic', '32768'])
    assert.deepEqual(callers[0], { client: '10.0.0.9', value: 'automatic' })
  })

  it('is seen from and to a native call without options', () => {
    const { hear, count } = aDetective()
    hear({ options: LARGE, loadMs: 2_000 })
    hear({ loadMs: 2_000 })
    hear({ options: '{"temperature":0.7}' })
    hear({ options: LARGE, loadMs: 2_000 })
    assert.equal(count(), 2)
  })

  it('is seen from a call whose answer has no figures but whose options are known', () => {
    const { hear, counted } = aDetective()
    hear({ options: LARGE, loadMs: 0 })
    hear({ options: SMALL, loadMs: 500 })
    assert.deepEqual(counted, ['a num_ctx'])
  })

  it('names the client that sent the other options last, and one client with both values twice', () => {
    const { hear, pairs } = aDetective()
    hear({ options: SMALL, client: '10.0.0.1' })
    hear({ options: SMALL, client: '10.0.0.3' })
    hear({ options: LARGE, client: '10.0.0.3', loadMs: 500 })
    assert.deepEqual(pairs()[0]?.callers, [
      { client: '10.0.0.3', value: '4096' },
      { client: '10.0.0.3', value: '32768' },
    ])
  })

  it('is told with the pair that has most loads first', () => {
    const { hear, pairs } = aDetective()
    for (const num_ctx of [1, 2, 1, 2, 3]) hear({ options: `{"num_ctx":${num_ctx}}`, loadMs: 500 })
    assert.deepEqual(
      pairs().map(({ from, to, count }) => [from, to, count]),
      [
        ['1', '2', 3],
        ['2', '3', 1],
      ],
    )
  })

  it('is seen from calls that ended while the call stood in our line', () => {
    const { hear, counted } = aDetective()
    hear({ options: SMALL, ended: 5_000 })
    hear({ options: LARGE, sent: 5_000, waited: 4_990, loadMs: 1_000 })
    assert.deepEqual(counted, ['a num_ctx'])
  })

  it('is counted at 200 ms of load, not below', () => {
    const { hear, count } = aDetective()
    hear({ options: SMALL })
    hear({ options: LARGE, loadMs: 199 })
    assert.equal(count(), 0)
    hear({ options: SMALL, loadMs: 200 })
    assert.equal(count(), 1)
  })

  it('happens among the names of one runner, and not among runners', () => {
    const shared = aDetective(() => 'weights')
    shared.hear({ model: 'a', options: SMALL })
    shared.hear({ model: 'copy', options: LARGE, loadMs: 2_000 })
    assert.equal(shared.count(undefined, 'weights'), 1)
    assert.deepEqual(shared.counted, ['copy num_ctx'])
    const apart = aDetective()
    apart.hear({ model: 'a', options: SMALL })
    apart.hear({ model: 'b', options: LARGE, loadMs: 2_000 })
    assert.deepEqual(apart.counted, [])
  })
})

describe('no reload because of options', () => {
  it('is the first load of a runner', () => {
    const { hear, counted } = aDetective()
    hear({ options: LARGE, loadMs: 9_000 })
    assert.deepEqual(counted, [])
  })

  it('is a load with the same options: after keep_alive, or because another model took the memory', () => {
    const { hear, counted } = aDetective()
    for (let i = 0; i < 5; i++) for (const model of ['a', 'b']) hear({ model, options: LARGE, loadMs: 2_000 })
    hear({ options: '{ "num_ctx": 32768.0, "seed": 3 }', loadMs: 2_000 })
    assert.deepEqual(counted, [])
  })

  it('is a load of options that ran after the others already', () => {
    const { hear, counted } = aDetective()
    hear({ options: SMALL, loadMs: 2_000 })
    // The load was not seen, as when its client left.
    hear({ options: LARGE, loadMs: 1 })
    hear({ options: LARGE, loadMs: 2_000 })
    assert.deepEqual(counted, [])
  })

  it('is a num_gpu that a call leaves to Ollama', () => {
    const { hear, count, counted } = aDetective()
    for (const options of ['{"num_gpu":10}', '{}', '{"num_gpu":10}', '{"num_gpu":-1}']) {
      hear({ options, loadMs: 2_000 })
    }
    assert.deepEqual([count(), counted], [1, ['a num_gpu']])
  })

  it('is a value that is the same for Ollama: the options alternated without a load', () => {
    const { hear, counted } = aDetective()
    hear({ options: SMALL, loadMs: 2_000 })
    hear({})
    hear({ options: SMALL })
    hear({ loadMs: 2_000 })
    assert.deepEqual(counted, [])
    hear({ options: LARGE, loadMs: 2_000 })
    assert.deepEqual(counted, ['a num_ctx'])
  })

  it('is learned only from answers that show that the model was loaded', () => {
    // A short load, and an answer that tells nothing.
    for (const unclear of [{ loadMs: 21 }, { loadMs: 0, path: '/v1/chat/completions' }]) {
      const { hear, counted } = aDetective()
      hear({ options: SMALL })
      hear(unclear)
      hear({ options: SMALL })
      hear({ options: LARGE, loadMs: 2_000 })
      hear({ loadMs: 2_000 })
      hear({ options: SMALL, loadMs: 2_000 })
      assert.equal(counted.length, 3)
    }
    const { hear, counted } = aDetective()
    hear({ options: SMALL })
    hear({ options: LARGE })
    hear({ options: SMALL, loadMs: 21 })
    hear({ options: LARGE, loadMs: 2_000 })
    assert.equal(counted.length, 1)
    const another = aDetective()
    another.hear({ options: SMALL })
    another.hear({ options: LARGE })
    // All calls between have to show it.
    another.hear({ options: LARGE, loadMs: 21 })
    another.hear({ options: SMALL })
    another.hear({ options: LARGE, loadMs: 2_000 })
    assert.equal(another.counted.length, 1)
  })

  it('is a call that was refused, broke, was refused by Ollama, or never reached Ollama', () => {
    const { hear, counted } = aDetective()
    hear({ options: SMALL })
    hear({ options: LARGE, outcome: 'failed' })
    hear({ options: LARGE, outcome: 'cancelled' })
    hear({ options: LARGE, status: 500 })
    hear({ options: LARGE, sentMs: null })
    hear({ options: LARGE, model: null })
    hear({ options: SMALL, loadMs: 2_000 })
    assert.deepEqual(counted, [])
  })

  it('is an unload, which has no options and no figures', () => {
    for (const path of ['/api/chat', '/api/generate']) {
      const { hear, counted } = aDetective()
      hear({ options: LARGE })
      hear({ path, loadMs: 0 })
      hear({ options: LARGE, loadMs: 2_000 })
      assert.deepEqual(counted, [])
    }
    // A call of the route without figures did run.
    const { hear, counted } = aDetective()
    hear({ options: LARGE })
    hear({ path: '/api/embeddings', loadMs: 0 })
    hear({ options: LARGE, loadMs: 2_000 })
    assert.deepEqual(counted, ['a num_ctx'])
  })

  it('is a call in the cloud, or of a model that nobody knows', () => {
    for (const runner of [CLOUD, undefined]) {
      const detective = aDetective(() => runner)
      alternate(detective, 4)
      assert.deepEqual(detective.counted, [])
    }
  })
})

describe('calls that wait for one load', () => {
  it('are one load', () => {
    const { hear, counted } = aDetective()
    hear({ options: SMALL, ended: 100 })
    hear({ options: LARGE, sent: 100, loadMs: 1_000, ended: 1_500 })
    hear({ options: LARGE, sent: 110, loadMs: 991, ended: 1_600 })
    hear({ options: LARGE, sent: 900, loadMs: 201, ended: 9_000 })
    assert.deepEqual(counted, ['a num_ctx'])
  })

  it('are one load when the first of them is over before another begins', () => {
    const { hear, counted } = aDetective()
    hear({ options: SMALL, ended: 100 })
    hear({ options: LARGE, sent: 100, loadMs: 1_000, ended: 1_101 })
    hear({ options: LARGE, sent: 110, loadMs: 992, ended: 1_600 })
    assert.deepEqual(counted, ['a num_ctx'])
  })

  it('are two loads when the other options ran between', () => {
    const { hear, counted } = aDetective()
    hear({ options: LARGE, sent: 0, loadMs: 1_000, ended: 1_500 })
    hear({ options: SMALL, sent: 20, loadMs: 2_480, ended: 2_600 })
    // Was sent before the second load was over, and waited behind it.
    hear({ options: LARGE, sent: 500, loadMs: 3_100, ended: 3_700 })
    assert.deepEqual(counted, ['a num_ctx', 'a num_ctx'])
  })

  it('are told apart from the calls that ran after the load', () => {
    const { hear, counted } = aDetective()
    hear({ options: SMALL, ended: 100 })
    // The call that caused the load ends long after others that found the model loaded.
    hear({ options: LARGE, sent: 2_000, loadMs: 1, ended: 2_500 })
    hear({ options: LARGE, sent: 150, loadMs: 1_000, ended: 5_000 })
    assert.deepEqual(counted, ['a num_ctx'])
  })
})

describe('the detective forgets', () => {
  it('a load after ten minutes in its counts, and after an hour altogether', () => {
    const detective = aDetective()
    alternate(detective, 2)
    const { last = Number.NaN } = detective.pairs()[0] ?? {}
    assert.equal(detective.count(last + 9 * MINUTE), 1)
    assert.equal(detective.count(last + 11 * MINUTE), 0)
    // The runner goes on.
    detective.hear({ options: LARGE, sent: last + HOUR - MINUTE })
    assert.equal(detective.pairs(last + HOUR)[0]?.count, 0)
    assert.deepEqual(detective.pairs(last + HOUR + 1), [])
  })

  it('how a runner ran an hour ago', () => {
    for (const [pause, loads] of [
      [HOUR - 2, 1],
      [HOUR + 1, 0],
    ] as const) {
      const { hear, counted } = aDetective()
      hear({ options: SMALL, ended: 1_000 })
      hear({ options: LARGE, sent: 1_000 + pause - 1_000, loadMs: 500, ended: 1_000 + pause })
      assert.equal(counted.length, loads, String(pause))
    }
  })

  it('what fits, an hour after the last proof', () => {
    const { hear, counted, reloads } = aDetective()
    for (const options of [SMALL, undefined, SMALL]) hear({ options })
    for (let minutes = 1; minutes <= 61; minutes++) hear({ options: SMALL, sent: minutes * MINUTE })
    reloads.runners(62 * MINUTE)
    hear({ sent: 62 * MINUTE, loadMs: 500 })
    assert.deepEqual(counted, ['a num_ctx'])
  })

  it('what fits, past sixteen pairs, the first learned first', () => {
    const { hear, counted } = aDetective()
    const other = (i: number) => `{"num_ctx":${8_192 + i}}`
    for (let i = 0; i <= 16; i++) for (const options of [SMALL, other(i), SMALL]) hear({ options })
    for (const [i, loads] of [
      [16, 0],
      [1, 0],
      [0, 1],
    ] as const) {
      hear({ options: SMALL })
      hear({ options: other(i), loadMs: 500 })
      assert.equal(counted.length, loads, String(i))
    }
  })

  it('how a runner ran before its options changed sixteen times', () => {
    for (const [changes, loads] of [
      [15, 1],
      [16, 0],
    ] as const) {
      const { hear, counted } = aDetective()
      hear({ options: SMALL, ended: 100 })
      // Equal for Ollama, so these run beside the call that caused the load.
      const same = [LARGE, '{"num_ctx":32768,"num_thread":0}']
      for (let i = 0; i < changes; i++) hear({ options: same[i % 2], sent: 2_000 + i, ended: 3_000 + i })
      hear({ options: LARGE, sent: 150, loadMs: 1_000, ended: 5_000 })
      assert.equal(counted.length, loads, String(changes))
    }
  })

  it('runners that have not run for the longest time, past two hundred', () => {
    const { hear, reloads, counted, now } = aDetective()
    for (let i = 0; i < 200; i++) hear({ model: `m${i}`, options: SMALL })
    hear({ model: 'm0', options: SMALL })
    hear({ model: 'm200', options: SMALL })
    for (const model of ['m0', 'm1', 'm2']) hear({ model, options: LARGE, loadMs: 500 })
    // m200 took the place of m1. m1 then took the place of m2.
    assert.deepEqual(counted, ['m0 num_ctx'])
    assert.deepEqual(
      reloads.runners(now()).map(({ runner }) => runner),
      ['m0'],
    )
  })

  it('pairs past sixteen, the one without a load for the longest time first', () => {
    const { hear, pairs } = aDetective()
    const contexts = [1, 2, 3, 2, 1, ...Array.from({ length: 15 }, (_, i) => 100 + i)]
    for (const num_ctx of contexts) hear({ options: `{"num_ctx":${num_ctx}}`, loadMs: 500 })
    const told = pairs().map(({ from, to }) => `${from} ${to}`)
    assert.equal(told.length, 16)
    // The pair of 1 and 2 is older than that of 2 and 3, and had a load after it.
    assert.deepEqual(
      [told.includes('1 2'), told.includes('2 3'), told.includes('113 114')],
      [true, false, true],
    )
  })

  it('callers past five', () => {
    const { hear, pairs } = aDetective()
    for (let i = 0; i < 8; i++) {
      hear({ options: SMALL, loadMs: 500, client: `10.0.1.${i}` })
      hear({ options: LARGE, loadMs: 500, client: '10.0.0.2' })
    }
    hear({ options: SMALL, loadMs: 500, client: '' })
    assert.deepEqual(
      pairs()[0]?.callers.map(({ client, value }) => `${client} ${value}`),
      ['10.0.1.4 4096', '10.0.1.5 4096', '10.0.1.6 4096', '10.0.1.7 4096', '10.0.0.2 32768'],
    )
  })
})

describe('calls without options', () => {
  it('are not looked at until somebody sends options that matter, and again an hour later', () => {
    const { hear, asked } = aDetective()
    hear({})
    hear({ options: '{"temperature":0}' })
    assert.equal(asked.runners, 0)
    hear({ options: LARGE })
    hear({})
    assert.equal(asked.runners, 2)
    hear({ sent: HOUR + MINUTE })
    assert.equal(asked.runners, 2)
  })
})
