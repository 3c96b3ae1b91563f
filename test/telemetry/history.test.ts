import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { REMEMBERED_MODELS } from '../../src/admission/forgetting.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import type { Clock } from '../../src/clock.ts'
import type { Sample } from '../../src/pages/monitor.ts'
import { History } from '../../src/telemetry/history.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { aCall, OLLAMA } from '../admission/support/builders.ts'
import { ManualClock } from '../support/manual-clock.ts'

const SECOND = 1_000

/** A real admission on a clock that stands still, and the history of it. */
function aHistory({ parallel = 2, queue = 4, windowSeconds = 60 } = {}) {
  const clock = new ManualClock()
  const admission = new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: OLLAMA,
    defaults: { parallel, queue },
    maxWaitingBytes: 1e9,
  })
  const tokens = new Map<string, number>()
  const samples: Sample[] = []
  const memory = { percent: 42.2 as number | null | Error }
  const asked = { tokens: 0 }
  const history = new History({
    clock,
    models: () => admission.models(),
    memoryPercent: async () => {
      if (memory.percent instanceof Error) throw memory.percent
      return memory.percent
    },
    tokensOut: (model) => {
      asked.tokens++
      return tokens.get(model) ?? 0
    },
    windowSeconds,
    sampled: (sample) => samples.push(sample),
  })
  /** A call's permit; undefined when it waits or was refused. */
  const call = (model = 'a') => {
    try {
      const turn = admission.acquire(aCall({ model, deadline: clock.now() + 3_600_000 }))
      return turn instanceof LocalPermit ? turn : undefined
    } catch (error) {
      if (error instanceof Refusal) return undefined
      throw error
    }
  }
  const run = (ms: number, model = 'a') => {
    const permit = call(model)
    clock.advance(ms)
    permit?.release('done', clock.now())
  }
  const sample = () => {
    clock.advance(5 * SECOND)
    return samples.at(-1)
  }
  return { clock, admission, tokens, samples, memory, asked, history, call, run, sample }
}

describe('samples', () => {
  it('come every five seconds, sixty are kept, and none after stop', () => {
    const { clock, history, samples } = aHistory()
    assert.deepEqual(history.page(), { interval_seconds: 5, samples: [] })
    history.start()
    history.start()
    clock.advance(4_999)
    assert.equal(samples.length, 0)
    clock.advance(1)
    assert.equal(samples[0]?.at, '2026-01-01T00:00:05.000Z')
    clock.advance(70 * 5 * SECOND)
    assert.equal(samples.length, 71)
    assert.deepEqual(history.page().samples, samples.slice(-60))
    history.stop()
    assert.equal(clock.pending, 0)
  })

  it('count what happened within the interval, and show what stands at its end', () => {
    const { history, admission, tokens, run, call, sample } = aHistory()
    history.start()
    run(0.25)
    run(0.5)
    tokens.set('a', 30)
    for (let i = 0; i < 9; i++) call()
    assert.deepEqual(sample()?.models.a, {
      active: 2,
      queued: 4,
      arrived: 11,
      done: 2,
      refused: 3,
      tokens_out: 30,
      wait_ms: { p50: 0, p95: 0 },
      processing_ms: { p50: 0.25, p95: 0.5 },
    })
    tokens.set('a', 50)
    assert.deepEqual(sample()?.models.a, {
      active: 2,
      queued: 4,
      arrived: 0,
      done: 0,
      refused: 0,
      tokens_out: 20,
      wait_ms: null,
      processing_ms: null,
    })
    assert.equal(admission.model('a')?.observer.figures().rejected, 3)
  })

  it('count a call that waits over several intervals as arrived once', () => {
    const { clock, history, call, sample } = aHistory({ parallel: 1 })
    history.start()
    const first = call()
    call()
    assert.equal(sample()?.models.a?.arrived, 2)
    assert.equal(sample()?.models.a?.arrived, 0)
    first?.release('done', clock.now())
    const third = sample()?.models.a
    assert.deepEqual([third?.arrived, third?.done, third?.queued], [0, 1, 0])
    assert.equal(third?.wait_ms?.p50, 10_000)
  })

  it('leave out who did nothing and holds nothing', () => {
    const { history, run, call, sample } = aHistory()
    history.start()
    call('held')
    run(10, 'brief')
    assert.deepEqual(Object.keys(sample()?.models ?? {}), ['held', 'brief'])
    assert.deepEqual(Object.keys(sample()?.models ?? {}), ['held'])
  })

  it('show a hundred models at most, those that give tokens and hold calls before made-up names', () => {
    const { history, tokens, run, call, sample } = aHistory()
    history.start()
    for (let i = 0; i < 150; i++) for (let times = 0; times < 3; times++) run(0, `made-up-${i}`)
    call('held')
    run(1, 'real')
    tokens.set('real', 5)
    const { models = {} } = sample() ?? {}
    assert.deepEqual(Object.keys(models).slice(0, 3), ['real', 'held', 'made-up-0'])
    assert.equal(Object.keys(models).length, 100)
    assert.equal(history.window('made-up-149').arrived, 3)
  })

  it('know nothing of what happened before the start', () => {
    const { history, tokens, run, sample } = aHistory()
    run(10)
    tokens.set('a', 500)
    history.start()
    assert.deepEqual(sample()?.models, {})
    run(20)
    tokens.set('a', 501)
    const { done, tokens_out, processing_ms } = sample()?.models.a ?? {}
    assert.deepEqual([done, tokens_out, processing_ms?.p95], [1, 1, 20])
  })

  it('have the tokens of a call that are told after its slot was free', () => {
    const { history, tokens, run, sample } = aHistory()
    history.start()
    run(10)
    assert.equal(sample()?.models.a?.tokens_out, 0)
    tokens.set('a', 7)
    assert.equal(sample()?.models.a?.tokens_out, 7)
  })

  it('ask for the tokens of all models as of one time, though the clock goes on meanwhile', () => {
    const manual = new ManualClock()
    let lookedAt = 0
    const clock: Clock = {
      now: () => manual.now() + lookedAt++ / 1_000,
      wallTime: () => manual.wallTime(),
      after: (ms, run) => manual.after(ms, run),
    }
    const admission = new LocalAdmission({
      clock,
      observer: new Stats(clock),
      upstream: OLLAMA,
      defaults: { parallel: 1, queue: 0 },
      maxWaitingBytes: 1e9,
    })
    const times: number[] = []
    const history = new History({
      clock,
      models: () => admission.models(),
      memoryPercent: async () => null,
      tokensOut: (_model, now) => {
        times.push(now)
        return 0
      },
      windowSeconds: 60,
      sampled: () => {},
    })
    history.start()
    for (const model of ['a', 'b', 'c']) admission.acquire(aCall({ model, deadline: 1e9 }))
    manual.advance(5 * SECOND)
    assert.equal(times.length, 3)
    assert.equal(new Set(times).size, 1)
    history.stop()
  })

  it('carry the memory as it was told last, null where it cannot be told', async () => {
    const { history, memory, sample } = aHistory()
    const settled = () => new Promise(setImmediate)
    history.start()
    await settled()
    assert.equal(sample()?.memory_percent, 42.2)
    await settled()
    memory.percent = new Error('unreadable')
    assert.equal(sample()?.memory_percent, 42.2)
    await settled()
    assert.equal(sample()?.memory_percent, null)
  })

  it('keep a model apart whatever it is called', () => {
    const { history, run, sample } = aHistory()
    history.start()
    run(1, '__proto__')
    assert.deepEqual(Object.keys(sample()?.models ?? {}), ['__proto__'])
  })

  it('follow the clock when one comes late, without making up for what was missed', () => {
    const manual = new ManualClock()
    let lateMs = 0
    const clock: Clock = {
      now: () => manual.now() + lateMs,
      wallTime: () => manual.wallTime() + lateMs,
      after: (ms, run) => manual.after(ms, run),
    }
    const own = new History({
      clock,
      models: () => [],
      memoryPercent: async () => null,
      tokensOut: () => 0,
      windowSeconds: 60,
      sampled: () => {},
    })
    own.start()
    lateMs = 12 * SECOND
    manual.advance(5 * SECOND)
    assert.equal(own.page().samples.length, 1)
    manual.advance(4_999)
    assert.equal(own.page().samples.length, 1)
    manual.advance(1)
    assert.equal(own.page().samples.length, 2)
    own.stop()
    assert.equal(manual.pending, 0)
  })
})

describe('what starts over', () => {
  it('is counted from zero after a reset, also when more was counted since than before', () => {
    const { history, admission, run, sample } = aHistory()
    history.start()
    for (let i = 0; i < 3; i++) run(0.1)
    sample()
    run(0.1)
    admission.model('a')?.observer.reset()
    for (let i = 0; i < 5; i++) run(0.3)
    const after = sample()?.models.a
    assert.deepEqual([after?.done, after?.arrived, after?.processing_ms?.p50], [5, 5, 0.3])
  })

  it('never shows a negative figure when a reset forgets who left the line', () => {
    const { clock, history, admission, call, sample } = aHistory({ parallel: 1 })
    history.start()
    const permit = call()
    for (let i = 0; i < 4; i++) call()
    sample()
    permit?.release('done', clock.now())
    admission.configure('a', { parallel: 5 })
    admission.model('a')?.observer.reset()
    for (let i = 0; i < 7; i++) call()
    const after = sample()?.models.a
    assert.ok(after && after.refused === 2 && after.arrived >= after.refused, JSON.stringify(after))
    assert.ok(history.window('a').rejection_rate_percent <= 100)
  })

  it('follows a lane that was forgotten and opened again, its tokens too', () => {
    const { history, admission, tokens, run, sample } = aHistory()
    history.start()
    for (let i = 0; i < 3; i++) run(10)
    tokens.set('a', 1_000)
    sample()
    for (let i = 0; i < REMEMBERED_MODELS; i++) run(0, `made-up-${i}`)
    assert.equal(admission.model('a')?.lane, undefined)
    sample()
    assert.equal(history.readings().remembers('a'), false)
    run(20)
    tokens.set('a', 1_004)
    const again = sample()?.models.a
    assert.deepEqual([again?.done, again?.tokens_out, again?.processing_ms?.p50], [1, 4, 20])
  })

  it('takes tokens that fell for a new count', () => {
    const { history, tokens, call, sample } = aHistory()
    history.start()
    call()
    for (const [told, expected] of [
      [100, 100],
      [40, 0],
      [50, 10],
    ] as const) {
      tokens.set('a', told)
      assert.equal(sample()?.models.a?.tokens_out, expected)
    }
  })
})

describe('the window', () => {
  it('is all zeros for a model that is not known', () => {
    assert.deepEqual(aHistory().history.window('x'), {
      seconds: 60,
      arrived: 0,
      rejection_rate_percent: 0,
      avg_wait_seconds: 0,
      queue_depth_percent: 0,
      tokens_per_second: 0,
    })
  })

  it('takes the rate of refusals over what arrived, and forgets them when they have left it', () => {
    const { clock, history, call, sample } = aHistory({ windowSeconds: 10 })
    history.start()
    const permits = Array.from({ length: 8 }, () => call())
    sample()
    assert.equal(history.window('a').rejection_rate_percent, 25)
    assert.equal(history.window('a').arrived, 8)
    assert.equal(history.window('a').queue_depth_percent, 100)
    for (const permit of permits) permit?.release('done', clock.now())
    sample()
    assert.equal(history.window('a').rejection_rate_percent, 25)
    assert.equal(history.window('a').queue_depth_percent, 50)
    sample()
    assert.equal(history.window('a').rejection_rate_percent, 0)
  })

  it('takes the mean wait of those who got a slot', () => {
    const { clock, history, call, sample } = aHistory({ parallel: 1 })
    history.start()
    const first = call()
    call()
    clock.advance(3 * SECOND)
    first?.release('done', clock.now())
    sample()
    assert.equal(history.window('a').avg_wait_seconds, 1.5)
  })

  it('counts those who still stand in a line that is stuck', () => {
    const { history, call, sample } = aHistory({ parallel: 1 })
    history.start()
    for (let i = 0; i < 3; i++) call()
    for (const seconds of [5, 10, 15]) {
      sample()
      assert.equal(history.window('a').avg_wait_seconds, seconds)
    }
  })

  it('divides tokens by the time that was looked at', () => {
    const { history, tokens, call, sample } = aHistory({ windowSeconds: 20 })
    history.start()
    call()
    tokens.set('a', 100)
    sample()
    assert.equal(history.window('a').tokens_per_second, 20)
    for (let i = 0; i < 3; i++) sample()
    assert.equal(history.window('a').tokens_per_second, 5)
    sample()
    assert.equal(history.window('a').tokens_per_second, 0)
  })

  it('follows a change of its length', () => {
    const { history, run, sample } = aHistory({ windowSeconds: 10 })
    history.start()
    run(1)
    for (let i = 0; i < 4; i++) sample()
    assert.equal(history.window('a').arrived, 0)
    history.setWindow(60)
    assert.deepEqual([history.window('a').arrived, history.window('a').seconds], [1, 60])
  })
})

describe('readings', () => {
  it('hold the models with a call in the window or in hand, with their limits', () => {
    const { history, admission, run, call, sample } = aHistory({ windowSeconds: 10 })
    history.start()
    run(1, 'brief')
    call('held')
    admission.model('held')?.lane.pause(true, 0)
    sample()
    sample()
    assert.deepEqual([...history.readings().models.keys()], ['brief', 'held'])
    sample()
    const { models, remembers } = history.readings()
    assert.deepEqual([...models.keys()], ['held'])
    assert.equal(remembers('brief'), true)
    const { active, lane: { limits, paused } = {} } = models.get('held') ?? {}
    assert.deepEqual(
      { limits, active, paused },
      { limits: { parallel: 2, queue: 4 }, active: 1, paused: true },
    )
  })

  it('are empty before the first sample', () => {
    const { history, call } = aHistory()
    call()
    history.start()
    assert.equal(history.readings().models.size, 0)
  })
})

it('a thousand idle lanes are passed over', () => {
  const { history, asked, run, sample } = aHistory()
  history.start()
  for (let i = 0; i < REMEMBERED_MODELS; i++) run(0, `idle-${i}`)
  sample()
  sample()
  asked.tokens = 0
  run(1, 'idle-7')
  assert.deepEqual(Object.keys(sample()?.models ?? {}), ['idle-7'])
  assert.equal(asked.tokens, 1)
})
