import assert from 'node:assert/strict'
import test from 'node:test'
import { UpstreamHealth, type UpstreamStatus } from '../../src/upstream/health.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** An Ollama that answers each question only when told to. */
function aWatch() {
  const clock = new ManualClock(Date.UTC(2026, 10, 22, 8))
  const questions: { resolve(version: string): void; reject(reason: Error): void }[] = []
  const changes: UpstreamStatus[] = []
  const health = new UpstreamHealth({
    clock,
    fetchVersion: () =>
      new Promise((resolve, reject) => {
        questions.push({ resolve, reject })
      }),
    onChange: (status) => changes.push(status),
  })
  /** Answers the question that is open, and lets the watch take note. */
  const answer = async (version: string | Error) => {
    const probe = health.checkNow()
    const question = questions.at(-1)
    if (version instanceof Error) question?.reject(version)
    else question?.resolve(version)
    await probe
  }
  return { clock, health, changes, answer, asked: () => questions.length }
}

test('nothing is known before the first probe', () => {
  const { health } = aWatch()
  assert.deepEqual(health.status(), { reachable: false, version: null, latency_ms: null, checked_at: null })
})

test('a probe finds version, latency and time', async () => {
  const { clock, health, answer } = aWatch()
  health.start()
  clock.advance(1.5)
  await answer('0.33.0')
  assert.deepEqual(health.status(), {
    reachable: true,
    version: '0.33.0',
    latency_ms: 1.5,
    checked_at: '2026-11-22T08:00:00.001Z',
  })
})

test('probes come every five seconds, counted from the end of the one before, and never overlap', async () => {
  const { clock, health, answer, asked } = aWatch()
  health.start()
  health.start()
  assert.equal(asked(), 1)
  clock.advance(60_000)
  assert.equal(asked(), 1)
  await answer('0.33.0')
  clock.advance(4_999)
  assert.equal(asked(), 1)
  clock.advance(1)
  assert.equal(asked(), 2)
})

test('a failed probe is an answer, and the next one comes all the same', async () => {
  const { clock, health, answer, asked } = aWatch()
  health.start()
  await answer('0.33.0')
  clock.advance(5_000)
  await answer(new Error('connect ECONNREFUSED'))
  assert.deepEqual(health.status(), {
    reachable: false,
    version: '0.33.0',
    latency_ms: null,
    checked_at: '2026-11-22T08:00:05.000Z',
  })
  clock.advance(5_000)
  assert.equal(asked(), 3)
  await answer('0.34.0')
  assert.equal(health.status().version, '0.34.0')
})

test('checking now joins the probe under way and postpones the next', async () => {
  const { clock, health, answer, asked } = aWatch()
  health.start()
  assert.equal(health.checkNow(), health.checkNow())
  assert.equal(asked(), 1)
  await answer('0.33.0')
  clock.advance(3_000)
  await answer('0.33.0')
  assert.equal(asked(), 2)
  clock.advance(4_000)
  assert.equal(asked(), 2)
  clock.advance(1_000)
  assert.equal(asked(), 3)
  assert.equal(clock.pending, 0)
})

test('checking now rejects for nobody', async () => {
  const { health, answer } = aWatch()
  const status = health.checkNow()
  await answer(new Error('no'))
  assert.equal((await status).reachable, false)
})

test('a watch that was never started or was stopped leaves no timer', async () => {
  const { clock, health, answer, asked } = aWatch()
  const status = health.checkNow()
  await answer('0.33.0')
  await status
  assert.equal(clock.pending, 0)
  health.start()
  health.stop()
  await answer('0.33.0')
  assert.equal(clock.pending, 0)
  health.start()
  await answer('0.33.0')
  assert.equal(clock.pending, 1)
  health.stop()
  clock.advance(60_000)
  assert.equal(asked(), 3)
})

test('what the calls see counts at once', async () => {
  const { clock, health, changes, answer } = aWatch()
  health.start()
  await answer('0.33.0')
  clock.advance(2_000)
  health.sawRefusal()
  assert.deepEqual(health.status(), {
    reachable: false,
    version: '0.33.0',
    latency_ms: null,
    checked_at: '2026-11-22T08:00:02.000Z',
  })
  clock.advance(1_000)
  health.sawAnswer()
  assert.equal(health.status().reachable, true)
  assert.deepEqual(
    changes.map(({ reachable }) => reachable),
    [true, false, true],
  )
})

test('changes are told once each, the first finding included', async () => {
  const { clock, health, changes, answer } = aWatch()
  health.start()
  await answer(new Error('no'))
  clock.advance(5_000)
  await answer(new Error('no'))
  health.sawRefusal()
  health.sawRefusal()
  clock.advance(5_000)
  await answer('0.33.0')
  health.sawAnswer()
  assert.deepEqual(
    changes.map(({ reachable }) => reachable),
    [false, true],
  )
})
