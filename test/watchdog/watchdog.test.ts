import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Probe, WatchedCall } from '../../src/watchdog/contract.ts'
import { LOOK_MS, Watchdog } from '../../src/watchdog/watchdog.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { anOverCall, aWatchedCall, MINUTE, MODEL, MOVING, RUNNER, SECOND } from './support/builders.ts'

/** A watchdog over the calls in `calls`, with all that it does in `story`. Relays pass four times a second while there are calls. */
function aWatchdog() {
  const clock = new ManualClock()
  const calls = new Map<string, WatchedCall>()
  const story: string[] = []
  const probes: { probe: Probe; done: (answered: boolean) => void }[] = []
  const watchdog = new Watchdog({
    clock,
    running: () => calls.values(),
    memory: () => () => 'loaded',
    stick: (runner, stuck) => story.push(`${stuck ? 'stick' : 'open'} ${runner} ${clock.now() / SECOND}`),
    probe: (probe, done) => {
      story.push(`probe ${probe.model} ${clock.now() / SECOND}`)
      probes.push({ probe, done })
    },
    runnerOf: (model) => (model === 'unknown' ? undefined : RUNNER),
    found: ({ since, foundAt, running }) =>
      story.push(`found ${since / SECOND} ${foundAt / SECOND} ${running}`),
    over: (_, why) => story.push(why),
  })
  watchdog.ended(anOverCall({ loadMs: 5_000, totalMs: 16_000 }))
  const set = (change: Partial<WatchedCall> = {}) => {
    const call = aWatchedCall({ sentAt: clock.now(), ...change })
    calls.set(call.id, { ...calls.get(call.id), ...call, sentAt: calls.get(call.id)?.sentAt ?? call.sentAt })
  }
  const end = (change: Parameters<typeof anOverCall>[0] = {}) => {
    const over = anOverCall({ requestId: 'a', ...change })
    calls.delete(over.requestId)
    watchdog.ended(over)
  }
  const elapse = (seconds: number) => {
    for (let ms = 0; ms < seconds * SECOND; ms += 250) {
      clock.advance(250)
      if (calls.size > 0) watchdog.pass(clock.now())
    }
  }
  /** What has happened since the last question. */
  const told = () => story.splice(0)
  return { calls, clock, elapse, end, probes, set, told, watchdog }
}

/** A runner that was found stuck after 75 s, with one call, and whose first probe is under way. */
function aStuckRunner() {
  const made = aWatchdog()
  made.set()
  made.elapse(5)
  made.set(MOVING)
  made.elapse(70)
  assert.deepEqual(made.told(), ['stick sha256-1 70.25', 'found 5.25 70.25 1', 'probe llama3.2 70.25'])
  return made
}

describe('a watchdog', () => {
  it('finds a runner whose calls do not move within two looks after the minute, once', () => {
    const { elapse, told, watchdog } = aStuckRunner()
    elapse(30)
    assert.deepEqual(told(), [])
    assert.deepEqual(
      watchdog.standstills.map(({ runner, model }) => [runner, model]),
      [[RUNNER, MODEL]],
    )
    assert.equal(watchdog.isStuck(RUNNER), true)
  })

  it('says nothing while calls move, and has no timer', () => {
    const { clock, elapse, set, told } = aWatchdog()
    for (let part = 1; part < 40; part++) {
      set({ begun: true, bytesOut: part })
      elapse(30)
    }
    assert.deepEqual([told(), clock.pending], [[], 0])
  })

  it('opens the runner when a call moves, in that look', () => {
    const { clock, elapse, probes, set, told, watchdog } = aStuckRunner()
    set({ ...MOVING, bytesOut: 11 })
    elapse(LOOK_MS / SECOND)
    assert.deepEqual(told(), ['moved', 'open sha256-1 75.25'])
    // The probe that is under way means nothing any more.
    probes[0]?.done(true)
    assert.deepEqual([told(), watchdog.isStuck(RUNNER), clock.pending], [[], false, 0])
    elapse(60)
    assert.deepEqual(told(), [])
    elapse(6)
    assert.deepEqual(told().slice(0, 1), ['stick sha256-1 140.25'])
  })

  it('opens the runner with the good end of a call, at once', () => {
    const { end, told } = aStuckRunner()
    end({ totalMs: 75_000 })
    assert.deepEqual(told(), ['moved', 'open sha256-1 75'])
  })

  it('opens the runner when Ollama answers a probe, and leaves the call alone that stays silent', () => {
    const { elapse, probes, set, told } = aStuckRunner()
    probes[0]?.done(true)
    assert.deepEqual(told(), ['answered', 'open sha256-1 75'])
    elapse(600)
    assert.deepEqual(told(), [])
    set({ id: 'b' })
    elapse(70)
    assert.deepEqual(told().slice(0, 1), ['stick sha256-1 735.25'])
  })

  it('opens all runners when Ollama was restarted, and finds one again that stands still after that', () => {
    const { elapse, told, watchdog } = aStuckRunner()
    watchdog.restarted()
    assert.deepEqual(told(), ['restarted', 'open sha256-1 75'])
    elapse(70)
    assert.deepEqual(told().slice(0, 1), ['stick sha256-1 135.25'])
  })

  it('opens a runner that has no name any more', () => {
    const { clock, told, watchdog } = aStuckRunner()
    watchdog.regrouped(new Set([RUNNER, 'other']))
    assert.deepEqual(told(), [])
    watchdog.regrouped(new Set(['other']))
    assert.deepEqual([told(), clock.pending], [['gone', 'open sha256-1 75'], 0])
  })

  it('does not count the time for which the proxy itself stood still', () => {
    const { clock, elapse, set, told } = aWatchdog()
    set()
    elapse(5)
    set(MOVING)
    elapse(5)
    clock.advance(3_600 * SECOND)
    elapse(58)
    assert.deepEqual(told(), [])
    elapse(10)
    assert.equal(told().length, 3)
  })

  it('does nothing more once it was stopped', () => {
    const { clock, elapse, probes, told, watchdog } = aStuckRunner()
    probes[0]?.done(false)
    watchdog.stop()
    elapse(300)
    assert.deepEqual([told(), clock.pending], [[], 0])
  })

  it('forgets runners without calls, the longest unused first, and none that is stuck', () => {
    const clock = new ManualClock()
    const names = new Map<string, string>()
    const stuck: string[] = []
    let calls: WatchedCall[] = []
    const watchdog = new Watchdog({
      clock,
      running: () => calls,
      memory: () => () => 'unknown',
      stick: (runner) => stuck.push(runner),
      probe() {},
      runnerOf: (model) => names.get(model) ?? model,
      found() {},
      over() {},
    })
    calls = [aWatchedCall({ runner: 'stuck', model: 'stuck', sentAt: 1, ...MOVING })]
    for (let at = 0; at < 100; at += 5) {
      clock.advance(LOOK_MS)
      watchdog.pass(clock.now())
    }
    assert.deepEqual(stuck, ['stuck'])
    calls = []
    for (let at = 0; at < 2_000; at++) watchdog.ended(anOverCall({ model: `m${at}` }))
    watchdog.ended(anOverCall({ model: 'made-up', status: 404 }))
    assert.equal(watchdog.isStuck('stuck'), true)
    watchdog.ended(anOverCall({ model: 'stuck', requestId: 'x' }))
    assert.deepEqual(stuck, ['stuck', 'stuck'])
  })
})

describe('a stuck runner', () => {
  it('is probed once a minute while its calls run, one probe at a time', () => {
    const { elapse, probes, told } = aStuckRunner()
    elapse(100)
    assert.deepEqual(told(), [])
    probes[0]?.done(false)
    elapse(9)
    assert.deepEqual(told(), [])
    elapse(1)
    assert.deepEqual(told(), ['probe llama3.2 185'])
    probes[1]?.done(false)
    elapse(59)
    assert.deepEqual(told(), [])
    elapse(1)
    assert.deepEqual(told(), ['probe llama3.2 245'])
  })

  it('is probed at once when its last call is over, also where nobody passes any more', () => {
    const { clock, elapse, end, probes, set, told } = aStuckRunner()
    probes[0]?.done(false)
    set({ id: 'b' })
    elapse(10)
    end({ outcome: 'cancelled', totalMs: 85_000 })
    elapse(10)
    assert.deepEqual(told(), [])
    end({ requestId: 'b', outcome: 'timed_out', totalMs: 20_000 })
    clock.advance(0)
    assert.deepEqual(told(), ['probe llama3.2 95'])
    probes[1]?.done(false)
    clock.advance(MINUTE)
    assert.deepEqual(told(), ['probe llama3.2 155'])
  })

  it('is probed soon after a probe that fails once the last call is over: Ollama may have been restarted', () => {
    const { clock, end, probes, told } = aStuckRunner()
    end({ outcome: 'failed', cause: 'ECONNRESET', totalMs: 75_000 })
    assert.deepEqual(told(), [])
    probes[0]?.done(false)
    clock.advance(9_000)
    assert.deepEqual(told(), [])
    clock.advance(1_000)
    assert.deepEqual(told(), ['probe llama3.2 85'])
  })

  it('is not probed more often because many calls come and go', () => {
    const { clock, end, probes, set, told } = aStuckRunner()
    probes[0]?.done(false)
    for (let i = 0; i < 100; i++) {
      set({ id: `u${i}` })
      end({ requestId: i === 0 ? 'a' : `u${i}`, outcome: 'cancelled', totalMs: 5 })
      clock.advance(100)
      probes.at(-1)?.done(false)
    }
    assert.ok(told().length <= 2)
  })

  it('is probed with the model and the options of its last call', () => {
    const { clock, elapse, set, probes } = aWatchdog()
    clock.advance(10)
    set({ id: 'b', model: 'twin', options: '{"num_ctx":2}' })
    set({ sentAt: 1, options: '{"num_ctx":1}' })
    elapse(70)
    assert.deepEqual(probes[0]?.probe, { model: 'twin', options: '{"num_ctx":2}' })
  })
})
