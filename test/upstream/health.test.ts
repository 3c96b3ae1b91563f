import assert from 'node:assert/strict'
import test from 'node:test'
import { UpstreamHealth, type UpstreamStatus } from '../../src/upstream/health.ts'
import type { ProbeAnswer } from '../../src/upstream/probe.ts'
import { ManualClock } from '../support/manual-clock.ts'

const ollama = (version: string): ProbeAnswer => ({ status: 200, body: JSON.stringify({ version }) })
const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const HTML: ProbeAnswer = { status: 200, body: '<html>hello</html>' }

/** An Ollama that answers each question only when told to. */
function aWatch() {
  const clock = new ManualClock(Date.UTC(2026, 10, 22, 8))
  const questions: { resolve(answer: ProbeAnswer): void; reject(reason: Error): void }[] = []
  const changes: UpstreamStatus[] = []
  const health = new UpstreamHealth({
    name: 'ollama',
    clock,
    probe: () =>
      new Promise((resolve, reject) => {
        questions.push({ resolve, reject })
      }),
    onChange: (status) => changes.push(status),
  })
  /** Answers the question that is open, and lets the watch take note. */
  const answer = async (answered: string | ProbeAnswer | Error) => {
    const probe = health.checkNow()
    const question = questions.at(-1)
    if (answered instanceof Error) question?.reject(answered)
    else if (typeof answered === 'string') question?.resolve(ollama(answered))
    else question?.resolve(answered)
    await probe
  }
  return { clock, health, changes, answer, asked: () => questions.length }
}

test('nothing is known before the first probe', () => {
  const { health } = aWatch()
  assert.deepEqual(health.status(), {
    name: 'ollama',
    reachable: false,
    version: null,
    latencyMs: null,
    checkedAt: null,
    status: null,
    error: null,
  })
})

test('a probe finds version, latency and time', async () => {
  const { clock, health, answer } = aWatch()
  health.start()
  clock.advance(1.5)
  await answer('0.33.0')
  assert.deepEqual(health.status(), {
    name: 'ollama',
    reachable: true,
    version: '0.33.0',
    latencyMs: 1.5,
    checkedAt: clock.wallTime(),
    status: 200,
    error: null,
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

test('the second failed probe in a row counts, and comes within a second of the first', async () => {
  const { clock, health, changes, answer, asked } = aWatch()
  health.start()
  await answer('0.33.0')
  clock.advance(5_000)
  await answer(REFUSED)
  assert.equal(health.status().reachable, true)
  assert.equal(health.status().error?.code, 'ECONNREFUSED')
  assert.equal(changes.length, 1)
  clock.advance(1_000)
  assert.equal(asked(), 3)
  await answer(REFUSED)
  const { error, ...status } = health.status()
  assert.deepEqual(status, {
    name: 'ollama',
    reachable: false,
    version: '0.33.0',
    latencyMs: null,
    checkedAt: Date.parse('2026-11-22T08:00:06.000Z'),
    status: null,
  })
  assert.equal(error?.code, 'ECONNREFUSED')
  clock.advance(4_999)
  assert.equal(asked(), 3)
  clock.advance(1)
  assert.equal(asked(), 4)
  await answer('0.34.0')
  assert.equal(health.status().version, '0.34.0')
  assert.equal(health.status().error, null)
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

test('a good answer between two failures takes the first one back', async () => {
  const { clock, health, changes, answer } = aWatch()
  health.start()
  await answer('0.33.0')
  for (let round = 0; round < 10; round++) {
    health.sawFailure(REFUSED, clock.now())
    clock.advance(500)
    health.sawAnswer()
    clock.advance(500)
    await answer('0.33.0')
  }
  assert.equal(health.status().reachable, true)
  assert.equal(health.status().error, null)
  assert.equal(changes.length, 1)
})

test('all calls that fail together are one failure', async () => {
  const { clock, health, answer } = aWatch()
  health.start()
  await answer('0.33.0')
  const sentAt = clock.now()
  clock.advance(2_000)
  for (let call = 0; call < 50; call++) health.sawFailure(REFUSED, sentAt + call)
  // They break one after the other, but each was sent before the first break was known.
  clock.advance(100)
  health.sawFailure(REFUSED, clock.now() - 101)
  assert.equal(health.status().reachable, true)
  health.sawFailure(REFUSED, clock.now())
  assert.equal(health.status().reachable, false)
})

test('a request that failed by its client or by us says nothing of Ollama', async () => {
  const { clock, health, answer } = aWatch()
  health.start()
  await answer('0.33.0')
  for (const code of ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'UND_ERR_INVALID_ARG', 'UPLOAD_BROKE'])
    for (let time = 0; time < 3; time++)
      health.sawFailure(Object.assign(new Error(code), { code }), clock.now())
  assert.equal(health.status().reachable, true)
  assert.equal(health.status().error, null)
})

test('a call and a probe in a row count as two', async () => {
  const { clock, health, answer, asked } = aWatch()
  health.start()
  await answer('0.33.0')
  clock.advance(100)
  health.sawFailure(REFUSED, clock.now())
  clock.advance(999)
  assert.equal(asked(), 1)
  clock.advance(1)
  await answer(REFUSED)
  assert.equal(health.status().reachable, false)
})

test('a probe that was under way when a call failed confirms nothing, and the next one comes soon', async () => {
  const { clock, health, answer, asked } = aWatch()
  health.start()
  await answer('0.33.0')
  clock.advance(5_000)
  assert.equal(asked(), 2)
  clock.advance(10)
  health.sawFailure(REFUSED, clock.now() - 5)
  await answer(REFUSED)
  assert.equal(health.status().reachable, true)
  clock.advance(1_000)
  assert.equal(asked(), 3)
  await answer(REFUSED)
  assert.equal(health.status().reachable, false)
})

test('one answer to a call makes it reachable again at once', async () => {
  const { clock, health, changes, answer } = aWatch()
  health.start()
  await answer(REFUSED)
  clock.advance(1_000)
  health.sawAnswer()
  assert.equal(health.status().reachable, true)
  assert.equal(health.status().error, null)
  assert.deepEqual(
    changes.map(({ reachable }) => reachable),
    [false, true],
  )
})

test('any status is an answer, is shown, and does not alternate with what the calls see', async () => {
  for (const status of [301, 307, 401, 403, 404, 429, 500, 502, 503]) {
    const { clock, health, changes, answer } = aWatch()
    health.start()
    for (let round = 0; round < 5; round++) {
      await answer({ status, body: '' })
      health.sawAnswer()
      const { reachable, status: shown, error } = health.status()
      assert.deepEqual([reachable, shown, error?.code], [true, status, `HTTP_${status}`])
      clock.advance(5_000)
    }
    assert.equal(changes.length, 1)
    await answer('0.33.0')
    assert.equal(health.status().error, null)
    assert.equal(changes.length, 2)
  }
})

test('another program is not Ollama, whatever the calls get from it', async () => {
  const { clock, health, changes, answer } = aWatch()
  health.start()
  for (let round = 0; round < 5; round++) {
    await answer(HTML)
    health.sawAnswer()
    const { reachable, status, error } = health.status()
    assert.deepEqual([reachable, status, error?.code], [false, 200, 'NOT_OLLAMA'])
    clock.advance(5_000)
  }
  assert.equal(changes.length, 1)
  await answer('0.33.0')
  assert.equal(health.status().reachable, true)
  // The same rule of two as for any failure.
  await answer(HTML)
  assert.equal(health.status().reachable, true)
  health.sawAnswer()
  await answer(HTML)
  assert.equal(health.status().reachable, false)
})

test('where no probe comes by itself, a doubt is settled by a second one', async () => {
  const { clock, health, answer, asked } = aWatch()
  await answer('0.33.0')
  clock.advance(60_000)
  const sure = health.checkForSure()
  await answer(REFUSED)
  await answer(REFUSED)
  assert.equal((await sure).reachable, false)
  assert.equal(asked(), 3)
  assert.equal(clock.pending, 0)
})

test('a change is told once, the first finding included, and another cause when a probe finds one', async () => {
  const { clock, health, changes, answer } = aWatch()
  health.start()
  await answer(REFUSED)
  clock.advance(5_000)
  await answer(REFUSED)
  for (const code of ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'])
    health.sawFailure(Object.assign(new Error(code), { code }), clock.now())
  clock.advance(5_000)
  await answer(Object.assign(new Error('no name'), { code: 'ENOTFOUND' }))
  clock.advance(5_000)
  await answer('0.33.0')
  health.sawAnswer()
  assert.deepEqual(
    changes.map(({ reachable, error }) => [reachable, error?.code]),
    [
      [false, 'ECONNREFUSED'],
      [false, 'ENOTFOUND'],
      [true, undefined],
    ],
  )
})
