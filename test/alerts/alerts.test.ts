import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { AlertEvent } from '../../src/alerts/alert.ts'
import { Alerts } from '../../src/alerts/alerts.ts'
import type { Mismatch } from '../../src/alerts/mismatches.ts'
import type { AlertRules } from '../../src/alerts/rules.ts'
import type { ModelReading, Readings } from '../../src/telemetry/history.ts'
import { ManualClock } from '../support/manual-clock.ts'

const RULES: AlertRules = {
  window: 60,
  rejection_rate: { warning: 1, critical: 5 },
  average_wait: { warning: 5, critical: 10 },
  queue_depth: { warning: 80, critical: 95 },
  memory: { warning: 80, critical: 90 },
  parallel_too_high: 'on',
  reloads: 'on',
  loading: 'on',
  model_stuck: 'on',
}

/** A lane as configured, unless the parts say something else. */
function aLane(parts: Partial<ModelReading['lane']> = {}): ModelReading['lane'] {
  const limits = { parallel: 4, queue: 512 }
  return {
    runner: 'llama2',
    names: ['llama2'],
    limits,
    effective: { parallel: limits.parallel, reason: 'configured' },
    runsFewer: undefined,
    paused: false,
    ...parts,
  }
}

function aReading(parts: Partial<ModelReading> = {}): ModelReading {
  return {
    seconds: 60,
    arrived: 100,
    rejection_rate_percent: 0,
    avg_wait_seconds: 0,
    queue_depth_percent: 0,
    tokens_per_second: 0,
    lane: aLane(),
    active: 0,
    ...parts,
  }
}

function aJudge(rules: AlertRules = RULES) {
  const clock = new ManualClock()
  const events: AlertEvent[] = []
  const alerts = new Alerts({ clock, rules, told: (event) => events.push(event) })
  const judge = (
    models: Readonly<Record<string, Partial<ModelReading>>>,
    { memoryPercent = null, remembers = () => true }: Partial<Readings> = {},
    mismatches: readonly Mismatch[] = [],
  ) => {
    clock.advance(5_000)
    const read = Object.entries(models).map(([model, parts]) => [model, aReading(parts)] as const)
    alerts.evaluate({ models: new Map(read), memoryPercent, remembers }, mismatches)
  }
  /** One sample each. */
  const refusing = (...rates: readonly number[]) => {
    for (const rate of rates) judge({ llama2: { rejection_rate_percent: rate } })
  }
  const told = () => events.map(({ event, alert }) => `${event} ${alert.id} ${alert.level}`)
  return { clock, alerts, events, judge, refusing, told }
}

describe('an alert', () => {
  it('is raised by the second sample running at its threshold, with all there is to say', () => {
    const { alerts, refusing, told } = aJudge()
    refusing(3.2)
    assert.deepEqual(alerts.standing(), [])
    refusing(3.2)
    assert.deepEqual(told(), ['raised rejection_rate:llama2 warning'])
    const [{ action, ...alert } = { action: '' }, ...more] = alerts.standing()
    assert.equal(more.length, 0)
    assert.deepEqual(alert, {
      id: 'rejection_rate:llama2',
      metric: 'rejection_rate',
      model: 'llama2',
      level: 'warning',
      value: 3.2,
      threshold: 1,
      unit: 'percent',
      since: '2026-01-01T00:00:10.000Z',
      message: 'llama2 refuses 3.2 % of its calls (warning from 1 %)',
    })
    assert.match(action, /POST \/admin\/queue\/update \{"model":"llama2","parallel_limit":5\}/)
    assert.match(action, /"queue_limit":1024/)
  })

  it('is not raised by a single peak', () => {
    const { refusing, told } = aJudge()
    refusing(50, 0, 50, 0.99, 50)
    assert.deepEqual(told(), [])
  })

  it('tells its present figure while it stands, and since when', () => {
    const { alerts, refusing, told } = aJudge()
    refusing(3, 3, 2, 0.9)
    assert.equal(told().length, 1)
    assert.equal(alerts.standing()[0]?.value, 0.9)
    assert.equal(alerts.standing()[0]?.since, '2026-01-01T00:00:10.000Z')
  })

  it('becomes critical after two samples there, at once when both were', () => {
    const slow = aJudge()
    slow.refusing(3, 3, 5, 5)
    assert.deepEqual(slow.told(), [
      'raised rejection_rate:llama2 warning',
      'changed rejection_rate:llama2 critical',
    ])
    assert.equal(slow.alerts.standing()[0]?.threshold, 5)
    assert.equal(slow.alerts.standing()[0]?.since, '2026-01-01T00:00:10.000Z')
    const fast = aJudge()
    fast.refusing(50, 50)
    assert.deepEqual(fast.told(), ['raised rejection_rate:llama2 critical'])
  })

  it('falls to warning first where that still warrants, then is cleared', () => {
    const { refusing, told } = aJudge()
    refusing(6, 6, 3.9, 3.9, 3.9)
    assert.equal(told().at(-1), 'changed rejection_rate:llama2 warning')
    refusing(0.79, 0.79)
    assert.equal(told().length, 2)
    refusing(0.79)
    assert.equal(told().at(-1), 'cleared rejection_rate:llama2 warning')
  })

  it('is cleared from critical at once when nothing warrants a warning', () => {
    const { alerts, refusing, told } = aJudge()
    refusing(6, 6, 0, 0, 0)
    assert.deepEqual(told().slice(1), ['cleared rejection_rate:llama2 critical'])
    assert.deepEqual(alerts.standing(), [])
  })

  it('stands while the figure is between 80 % of the threshold and the threshold', () => {
    const { refusing, told } = aJudge()
    refusing(1, 1, 0.8, 0.8, 0.8, 0.8, 0.79, 0.79, 0.8)
    assert.equal(told().length, 1)
  })

  it('of a line or the memory is cleared five points below', () => {
    const { judge, told } = aJudge()
    const full = (percent: number) => {
      for (let i = 0; i < 3; i++) judge({ a: { queue_depth_percent: percent } }, { memoryPercent: percent })
    }
    full(80)
    full(75)
    assert.deepEqual(told(), ['raised queue_depth:a warning', 'raised memory warning'])
    full(74.99)
    assert.deepEqual(told().slice(2), ['cleared queue_depth:a warning', 'cleared memory warning'])
  })

  it('of a line or the memory is cleared by an empty one, however low the threshold', () => {
    const { judge, told } = aJudge({ ...RULES, memory: { warning: 3, critical: 4 } })
    for (const memoryPercent of [3, 3, 0, 0, 0]) judge({}, { memoryPercent })
    assert.deepEqual(told(), ['raised memory warning', 'cleared memory warning'])
  })
})

describe('a rate of few calls', () => {
  const ofCalls = (arrived: number) => ({ a: { arrived, rejection_rate_percent: 30 } })

  it('that stands does not fall because now nine come and now eleven', () => {
    const { judge, told } = aJudge()
    for (const arrived of [10, 11, 9, 8, 9, 7, 11, 10, 9, 5, 6, 5, 10, 10]) judge(ofCalls(arrived))
    assert.deepEqual(told(), ['raised rejection_rate:a critical'])
  })

  it('that stands falls when hardly any come, and is raised again from ten on', () => {
    const { judge, told } = aJudge()
    for (const arrived of [10, 10, 4, 4, 4, 9, 9, 9]) judge(ofCalls(arrived))
    assert.deepEqual(told(), ['raised rejection_rate:a critical', 'cleared rejection_rate:a critical'])
    for (const arrived of [10, 10]) judge(ofCalls(arrived))
    assert.equal(told().at(-1), 'raised rejection_rate:a critical')
  })
})

describe('what raises none', () => {
  it('is a high rate of very few calls', () => {
    const { judge, told } = aJudge()
    for (let i = 0; i < 5; i++) judge({ a: { arrived: 9, rejection_rate_percent: 60 } })
    assert.deepEqual(told(), [])
    for (let i = 0; i < 2; i++) judge({ a: { arrived: 10, rejection_rate_percent: 60 } })
    assert.equal(told().length, 1)
  })

  it('is a metric that is off, one that is switched off is cleared', () => {
    const { alerts, refusing, told } = aJudge()
    refusing(3, 3)
    alerts.setRules({ ...RULES, rejection_rate: 'off' })
    refusing(3)
    assert.deepEqual(told().slice(1), ['cleared rejection_rate:llama2 warning'])
    refusing(3, 3, 3)
    assert.equal(told().length, 2)
    assert.equal(alerts.page().thresholds.rejection_rate_percent, null)
  })

  it('is memory that cannot be told', () => {
    const { judge, told } = aJudge()
    for (const memoryPercent of [95, null, 95, null]) judge({}, { memoryPercent })
    assert.deepEqual(told(), [])
    for (const memoryPercent of [95, 95, null, null, null]) judge({}, { memoryPercent })
    assert.deepEqual(told(), ['raised memory critical', 'cleared memory critical'])
  })
})

describe('a model', () => {
  it('that goes quiet is cleared after three samples, keeping its last figure until then', () => {
    const { alerts, judge, refusing, told } = aJudge()
    refusing(3, 3)
    judge({})
    judge({})
    assert.equal(alerts.standing()[0]?.value, 3)
    assert.match(alerts.standing()[0]?.action ?? '', /parallel_limit/)
    judge({})
    assert.deepEqual(told().slice(1), ['cleared rejection_rate:llama2 warning'])
  })

  it('that is forgotten is cleared at once', () => {
    const { judge, refusing, told } = aJudge()
    refusing(3, 3)
    judge({}, { remembers: () => false })
    assert.deepEqual(told().slice(1), ['cleared rejection_rate:llama2 warning'])
  })

  it('is judged apart from the others', () => {
    const { alerts, judge } = aJudge()
    for (let i = 0; i < 2; i++) {
      judge({
        a: { avg_wait_seconds: 6 },
        b: { queue_depth_percent: 99 },
        c: { rejection_rate_percent: 0.5 },
      })
    }
    assert.deepEqual(
      alerts.standing().map(({ id, level, unit }) => [id, level, unit]),
      [
        ['queue_depth:b', 'critical', 'percent'],
        ['average_wait:a', 'warning', 'seconds'],
      ],
    )
  })
})

describe('a mismatch', () => {
  const reloads = (model: string, value = 3): Mismatch => ({
    metric: 'reloads',
    model,
    value,
    threshold: 3,
    unit: 'loads',
    message: `${model} was loaded ${value} times`,
    action: 'Give all clients one num_ctx.',
  })

  it('raises an alert when two samples in a row have it, and clears the alert after three without it', () => {
    const { alerts, judge, told } = aJudge()
    judge({}, {}, [reloads('a')])
    judge({})
    judge({}, {}, [reloads('a')])
    assert.deepEqual(alerts.standing(), [])
    judge({}, {}, [reloads('a', 4)])
    assert.deepEqual(alerts.standing(), [
      { ...reloads('a', 4), id: 'reloads:a', level: 'warning', since: '2026-01-01T00:00:20.000Z' },
    ])
    judge({}, {}, [reloads('a', 5)])
    for (let i = 0; i < 2; i++) judge({})
    judge({}, {}, [reloads('a', 6)])
    assert.deepEqual(
      alerts.standing().map(({ value, since }) => [value, since]),
      [[6, '2026-01-01T00:00:20.000Z']],
    )
    for (let i = 0; i < 2; i++) judge({})
    assert.deepEqual(told(), ['raised reloads:a warning'])
    judge({})
    assert.deepEqual(told(), ['raised reloads:a warning', 'cleared reloads:a warning'])
  })

  it('is one of several, and stands among the alerts of figures by level and age', () => {
    const { alerts, judge } = aJudge()
    const high = { ...reloads('a', 4), metric: 'parallel_too_high', unit: 'slots' } as const
    for (let i = 0; i < 2; i++) judge({}, {}, [reloads('b'), reloads('a'), high])
    for (let i = 0; i < 2; i++)
      judge({ a: { queue_depth_percent: 99 } }, {}, [reloads('b'), reloads('a'), high])
    assert.deepEqual(
      alerts.standing().map(({ id }) => id),
      ['queue_depth:a', 'parallel_too_high:a', 'reloads:a', 'reloads:b'],
    )
    assert.equal(alerts.page().alerts.length, 4)
  })

  it('that is off raises no alert, and its alert is cleared at once', () => {
    const { alerts, judge, told } = aJudge()
    for (let i = 0; i < 2; i++) judge({}, {}, [reloads('a')])
    alerts.setRules({ ...RULES, reloads: 'off' })
    judge({}, {}, [reloads('a')])
    assert.deepEqual(told(), ['raised reloads:a warning', 'cleared reloads:a warning'])
    for (let i = 0; i < 3; i++) judge({}, {}, [reloads('a')])
    assert.equal(told().length, 2)
  })
})

describe('the advice', () => {
  const actionFor = (parts: Partial<ModelReading>, memoryPercent: number | null = null) => {
    const { alerts, judge } = aJudge({ ...RULES, memory: { warning: 80, critical: 100 } })
    for (let i = 0; i < 2; i++) judge({ 'a"b': parts }, { memoryPercent })
    return alerts.standing()[0]?.action ?? ''
  }

  it('is to resume a model that is paused', () => {
    const action = actionFor({ avg_wait_seconds: 60, lane: aLane({ paused: true }) })
    assert.equal(action, 'a"b is paused. Resume it with POST /admin/queue/resume {"model":"a\\"b"}.')
  })

  it('is more memory, not more slots, where memory is short', () => {
    assert.match(actionFor({ rejection_rate_percent: 9 }), /Raise parallel_limit \(now 4\)/)
    const short = actionFor({ rejection_rate_percent: 9 }, 80)
    assert.match(short, /add memory/)
    assert.doesNotMatch(short, /"parallel_limit"/)
  })

  it('is no more slots where Ollama runs fewer calls at once than configured', () => {
    const lanes = [aLane({ runsFewer: 1 }), aLane({ effective: { parallel: 1, reason: 'measured' } })]
    for (const lane of lanes) {
      const action = actionFor({ avg_wait_seconds: 9, lane })
      assert.match(
        action,
        /^Ollama runs 1 of these calls at once, so a higher parallel_limit \(now 4\) does not/,
      )
      assert.doesNotMatch(action, /"parallel_limit"/)
    }
  })

  it('is a longer line where the line is full, a shorter one where the wait is long', () => {
    const limits = { parallel: 4, queue: 0 }
    assert.match(
      actionFor({ queue_depth_percent: 99, lane: aLane({ limits }) }),
      /"queue_limit":16\}, or ollama_max_queue/,
    )
    assert.match(actionFor({ avg_wait_seconds: 9 }), /lower queue_limit \(now 512\)/)
  })

  it('on memory names who holds most slots', () => {
    const { alerts, judge } = aJudge()
    const models = { a: { active: 1 }, b: { active: 3 }, c: {} }
    for (let i = 0; i < 2; i++) judge(models, { memoryPercent: 85 })
    const [memory] = alerts.standing()
    assert.equal(memory?.message, '85 % of the memory is in use (warning from 80 %)')
    assert.match(memory?.action ?? '', /OLLAMA_NUM_PARALLEL.*b holds the most slots now \(3\)\.$/)
  })
})

it('the page tells window, thresholds and alerts', () => {
  const { alerts, refusing } = aJudge()
  refusing(3, 3)
  assert.deepEqual(alerts.page(), {
    window_seconds: 60,
    thresholds: {
      rejection_rate_percent: { warning: 1, critical: 5 },
      average_wait_seconds: { warning: 5, critical: 10 },
      queue_depth_percent: { warning: 80, critical: 95 },
      memory_percent: { warning: 80, critical: 90 },
    },
    alerts: alerts.standing(),
  })
})

it('whatever the figures do, every change is told once and follows from the last samples', () => {
  const figure = fc.oneof(
    fc.double({ min: 0, max: 8, noNaN: true }),
    fc.constantFrom(0.79, 0.8, 0.99, 1, 3.99, 4, 4.99, 5),
    fc.constant(null),
  )
  fc.assert(
    fc.property(fc.array(figure, { maxLength: 60 }), (figures) => {
      const { alerts, events, judge } = aJudge()
      let level: string | null = null
      let [lastRise, lastFall] = [-9, -9]
      for (const [i, figure] of figures.entries()) {
        const already = events.length
        judge(figure === null ? {} : { m: { rejection_rate_percent: figure } })
        const now = alerts.standing()[0]?.level ?? null
        const told = events.slice(already)
        assert.equal(told.length, now === level ? 0 : 1)
        const last = (count: number) => figures.slice(Math.max(0, i + 1 - count), i + 1)
        const reached = (limit: number) => i > 0 && last(2).every((each) => each !== null && each >= limit)
        const fell = (limit: number) => i > 1 && last(3).every((each) => each === null || each < limit)
        if (reached(5)) assert.equal(now, 'critical')
        else if (reached(1)) assert.ok(now !== null)
        if (fell(0.8)) assert.equal(now, null)
        if (fell(4)) assert.notEqual(now, 'critical')
        if (now !== level) {
          const [{ event } = { event: '' }] = told
          assert.equal(event, level === null ? 'raised' : now === null ? 'cleared' : 'changed')
          if (now === null) assert.ok(fell(0.8))
          else if (now === 'critical') assert.ok(reached(5))
          else assert.ok(level === 'critical' ? fell(4) : reached(1))
          if (level === null || now === 'critical') {
            assert.ok(i - lastFall >= 2)
            lastRise = i
          } else {
            assert.ok(i - lastRise >= 3)
            lastFall = i
          }
        }
        level = now
      }
    }),
    { numRuns: 1_000 },
  )
})
