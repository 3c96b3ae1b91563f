import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunnerFacts, Runners } from '../../../src/admission/contract.ts'
import { RemoteWorld } from './support/remote-world.ts'

/** Two names of one runner, as far as the object has read the list of models. */
class Library implements Runners {
  readonly opened: Runners['opened']
  complete = false

  constructor(opened: Runners['opened'] = () => {}) {
    this.opened = opened
  }

  find(model: string): RunnerFacts | undefined {
    return this.complete && /^(?:one|two)$/.test(model) ? { runner: 'weights' } : undefined
  }
}

const lanesOf = ({ leases }: RemoteWorld) =>
  Array.from(leases.admission.lanes(), ({ names, active, queued }) => [names.join(), active, queued])

describe('the slots of a runner with two names', () => {
  it('are leased under both names', () => {
    const runners = new Library()
    runners.complete = true
    const world = new RemoteWorld({ parallel: 2, queue: 10 }, { runners })
    world.ask('a', { model: 'one' })
    world.ask('b', { model: 'two' })
    const third = world.ask('c', { model: 'one' })
    assert.deepEqual(lanesOf(world), [['one,two', 2, 1]])
    world.leases.release('b', 'done')
    assert.equal(third.length, 1)
  })

  it('count for the runner after a restart, as soon as the object has read the list', () => {
    const asked: string[] = []
    const runners = new Library((model) => asked.push(model))
    runners.complete = true
    const world = new RemoteWorld({ parallel: 4, queue: 10 }, { runners })
    world.ask('a', { model: 'one', slots: 3 })
    world.ask('b', { model: 'two' })
    for (const id of ['a', 'b']) world.leases.claim(id)
    runners.complete = false
    asked.length = 0
    world.restart()
    assert.deepEqual(asked, ['one', 'two'], 'the object asks for the list')
    assert.deepEqual(lanesOf(world), [
      ['one', 3, 0],
      ['two', 1, 0],
    ])
    runners.complete = true
    world.leases.admission.regroup()
    assert.deepEqual(lanesOf(world), [['one,two', 4, 0]])
    const next = world.ask('c', { model: 'two' })
    assert.deepEqual(next, [])
    assert.equal(world.leases.renew('a'), true)
    world.leases.release('a', 'done')
    assert.deepEqual(lanesOf(world), [['one,two', 2, 0]])
    assert.equal(next.length, 1)
  })
})

describe('a call that takes several slots', () => {
  it('gives all of them back when its lease runs out', () => {
    const world = new RemoteWorld({ parallel: 4, queue: 10 })
    world.ask('dead', { slots: 3 })
    assert.deepEqual(world.lane, { active: 3, queued: 0 })
    const next = world.ask('next', { slots: 2 })
    world.pass(5_000)
    assert.equal(next.length, 1)
    assert.deepEqual(world.lane, { active: 2, queued: 0 })
  })
})

describe('the limit that auto learns', () => {
  /** Eight calls in an Ollama that computes one at a time. Returns how many ended before a limit was measured. */
  function contend(world: RemoteWorld): number {
    const ids = Array.from({ length: 8 }, (_, index) => `call-${index}`)
    const grantedAt = new Map<string, number>()
    const granted = ids.map((id) => world.ask(id))
    for (let ended = 0; ended < ids.length; ended++) {
      for (const [index, id] of ids.entries()) {
        if (granted[index]?.length === 1 && !grantedAt.has(id)) grantedAt.set(id, world.clock.now())
        if (granted[index]?.length === 1) world.leases.claim(id)
      }
      // Each call takes a little longer: in equal steps, a call would begin and end in the same instants as others.
      const computedMs = 1_000 + 100 * ended
      world.pass(computedMs)
      const id = `call-${ended}`
      const tookMs = world.clock.now() - (grantedAt.get(id) ?? Number.NaN)
      const beganMs = tookMs - computedMs
      world.leases.release(id, 'done', { served: true, loadMs: 0, queuedMs: beganMs, computedMs, beganMs })
      if (world.measured.length > 0) return ended + 1
    }
    return ids.length
  }

  const effectiveOf = ({ leases }: RemoteWorld) => leases.admission.model('llama2')?.lane.effective

  it('is learned from the reports of the isolates, within a few calls', () => {
    const world = new RemoteWorld({ parallel: 4, queue: 10 }, { auto: true })
    const calls = contend(world)
    assert.ok(calls <= 9, `${calls} calls`)
    assert.deepEqual(effectiveOf(world), { parallel: 1, reason: 'measured' })
    assert.deepEqual(world.measured, [{ parallel: 1, reason: 'measured' }])
  })

  it('is only advice where the number is chosen', () => {
    const world = new RemoteWorld({ parallel: 4, queue: 10 }, { auto: false })
    contend(world)
    assert.deepEqual(effectiveOf(world), { parallel: 4, reason: 'configured' })
    assert.equal(world.leases.admission.model('llama2')?.lane.runsFewer, 1)
  })

  it('is gone after a restart of the object', () => {
    const world = new RemoteWorld({ parallel: 4, queue: 10 }, { auto: true })
    contend(world)
    world.restart()
    world.ask('next')
    assert.deepEqual(effectiveOf(world), { parallel: 4, reason: 'memory' })
  })
})
