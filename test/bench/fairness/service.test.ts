import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { figuresOf } from '../../../bench/fairness/figures.ts'
import { jain, Service } from '../../../bench/fairness/service.ts'
import type { Course } from '../../../bench/fairness/sharing.ts'
import type { Sender, SharingWorkload } from '../../../bench/fairness/workload.ts'

const NOTHING = { arrivals: [] }
const light: Sender = { name: 'light', pace: NOTHING }
const double: Sender = { name: 'double', weight: 2, pace: NOTHING }
const workload: SharingWorkload = {
  name: 'two callers',
  machine: { slots: 2, promptRate: 1_000, outputRate: 1_000, slowdown: 0 },
  reserve: 0,
  senders: [light, double],
  runMs: 100,
}

function course(sender: Sender, atMs: number, startedAt?: number, endedAt?: number): Course {
  return { call: { sender, atMs, promptTokens: 0, outputTokens: 1 }, startedAt, endedAt }
}

describe('service received', () => {
  const courses = [
    course(light, 0, 0, 20),
    course(double, 0, 10, 50),
    course(double, 5, 20, 40),
    course(light, 5, 50),
    course(double, 5),
  ]

  it('is the time in slots so far, of calls that still run, too', () => {
    const service = new Service(workload, courses)
    assert.deepEqual(service.at([0, 15, 40, 100]), [
      [0, 0],
      [15, 5],
      [20, 50],
      [70, 60],
    ])
  })

  it('is put over the weight, and its gap is the largest one of the run', () => {
    const service = new Service(workload, courses)
    assert.deepEqual(service.weightedAt([40, 100]), [
      [20, 25],
      [70, 30],
    ])
    // At the end: 70 against 60 / 2.
    assert.equal(service.gapMs(), 40)
  })

  it('has an index for each whole window', () => {
    const service = new Service(workload, courses)
    // Until 50: 20 against 60 / 2. After it: 50 against nothing.
    assert.deepEqual(service.jains(50, 100), [jain([20, 30]), 0.5])
    assert.deepEqual(service.jains(60, 100), [jain([30, 30])])
    assert.throws(() => service.jains(101, 100), RangeError)
  })

  it('is fair by the index when all shares are equal, and least fair when one has everything', () => {
    assert.equal(jain([3, 3, 3]), 1)
    assert.equal(jain([5, 0, 0, 0]), 0.25)
  })
})

describe('the figures of a run', () => {
  it('count a call that still waits with its wait so far', () => {
    const courses = [course(light, 0, 10, 20), course(light, 40)]
    const { waits, ended } = figuresOf(workload, courses)
    assert.deepEqual(
      waits((name) => name === 'light'),
      { calls: 2, p50Ms: 35, p99Ms: 59.5, mostMs: 60 },
    )
    assert.deepEqual(ended, { light: 1, double: 0 })
  })

  it('take the mean of the callers, and the residual of calls as an arrival finds them', () => {
    const courses = [course(light, 0, 0, 10), course(light, 0, 10, 40), course(double, 0, 0, 60)]
    const figures = figuresOf(workload, courses)
    assert.equal(figures.meanMs, (20 + 60) / 2)
    assert.equal(figures.longestMs, 60)
    // A call of 10 is found a quarter of the time, with 5 left; one of 30 else, with 15 left.
    assert.equal(
      figures.residualMs((name) => name === 'light'),
      (5 + 3 * 15) / 4,
    )
  })
})
