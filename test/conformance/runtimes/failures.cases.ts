import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CLAIM_MS, LEASE_MS } from '../../../src/admission/remote/protocol.ts'
import { until } from '../../support/until.ts'
import type { RawCall } from '../raw-call.ts'
import { type Answer, ask, IsolatesHarness, TOKENS_PER_SECOND } from './isolates-harness.ts'

/** Of a stream that outlives a lease which nobody renews. */
const LONGER_THAN_A_LEASE = (LEASE_MS / 1_000 + 1) * TOKENS_PER_SECOND
/** What the machine may take for what is due. */
const SLACK_MS = 4_000
/** The object reads another clock than we do, in whole milliseconds. */
const CLOCKS_APART_MS = 100

/** That the call was answered so many milliseconds after `since`: not before, and hardly later. */
function assertAnsweredAfter({ status, done, endedAt }: Answer, since: number, dueMs: number): void {
  assert.deepEqual([status, done], [200, true])
  const tookMs = Math.round(endedAt - since)
  assert.ok(tookMs >= dueMs - CLOCKS_APART_MS, `${tookMs} ms, due after ${dueMs}`)
  assert.ok(tookMs < dueMs + SLACK_MS, `${tookMs} ms, due after ${dueMs}`)
}

async function assertEndsWhole(call: RawCall): Promise<void> {
  await until('the stream ends', () => call.received.includes('"done":true'), LEASE_MS + 10_000)
  assert.equal(call.status, 200)
}

export function failures(): void {
  // Leases run in real time, so those who wait for them do so side by side.
  describe('what dies', { concurrency: true }, () => {
    describe('an isolate whose process is killed', { concurrency: true }, () => {
      let harness: IsolatesHarness
      let survivor: RawCall
      let leaver: RawCall
      let behindTheStream: Promise<Answer>
      let behindTheDead: Promise<Answer>
      let claimedAfter: number
      before(async () => {
        harness = await IsolatesHarness.open()
        await harness.start('gate')
        await harness.start('doomed', { gateElsewhere: true })
        leaver = await harness.stream('gate', 'mistral')
        await harness.stream('gate', 'mistral')
        await harness.standInLine('doomed', 'mistral')
        behindTheDead = (await harness.standInLine('gate', 'mistral')).answer
        claimedAfter = performance.now()
        await harness.stream('doomed', 'llama3.2')
        // Later, so that it is not its own end that lets the next call in.
        survivor = await harness.stream('gate', 'llama3.2', LONGER_THAN_A_LEASE)
        behindTheStream = (await harness.standInLine('gate', 'llama3.2')).answer
        await harness.kill('doomed')
      })
      after(() => harness?.close())

      it('in mid-stream keeps its slot for one lease, and then it is the next call’s', async () => {
        const { active_requests, queued_requests } = await harness.stats('llama3.2')
        assert.deepEqual({ active_requests, queued_requests }, { active_requests: 2, queued_requests: 1 })
        assertAnsweredAfter(await behindTheStream, claimedAfter, LEASE_MS)
        await harness.lane('llama3.2', { total_failed: 1 })
        await assertEndsWhole(survivor)
        await harness.lane('llama3.2', { active_requests: 0, queued_requests: 0 })
        assert.equal(await harness.peak('llama3.2'), 2)
      })

      it('in line costs the slot that it gets until the claim is due', async () => {
        const left = performance.now()
        leaver.leave('rst')
        assertAnsweredAfter(await behindTheDead, left, CLAIM_MS)
        assert.equal(await harness.peak('mistral'), 2)
      })
    })

    describe('a gate that is reset', { concurrency: false }, () => {
      const MODEL = 'llama3.2'
      const places = ['gate', 'gate-1']
      let harness: IsolatesHarness
      before(async () => {
        harness = await IsolatesHarness.open()
        // In one process: where miniflare passes calls on to another, it holds on to a connection that is broken.
        await harness.start('gate', { isolates: 2, resettable: true })
      })
      after(() => harness?.close())

      it('gives no slot out twice, and those in line their turn', async () => {
        await harness.limit(MODEL, 3)
        assert.equal((await ask(harness.url('gate-1'), MODEL)).status, 200)
        await harness.lane(MODEL, { total_processed: 1 })
        const running = [
          await harness.stream('gate', MODEL),
          await harness.stream('gate-1', MODEL),
          await harness.stream('gate-1', MODEL),
        ]
        const waiting: Promise<Answer>[] = []
        for (const place of [...places, ...places]) {
          waiting.push((await harness.standInLine(place, MODEL)).answer)
        }
        await harness.resetGate()
        await harness.lane(MODEL, {
          parallel_limit: 3,
          active_requests: 3,
          queued_requests: 4,
          total_processed: 0,
        })
        const sofar = running.map(({ received }) => received.length)
        await until('all streams go on', () =>
          running.every(({ received }, index) => received.length > (sofar[index] ?? 0)),
        )
        running[1]?.leave('rst')
        const answers = await Promise.all(waiting)
        assert.ok(answers.every(({ status, done }) => status === 200 && done))
        await harness.lane(MODEL, { active_requests: 2, queued_requests: 0, total_processed: 4 })
        for (const call of running) call.leave('rst')
        await harness.lane(MODEL, { active_requests: 0, total_cancelled: 3 })
        assert.equal(await harness.peak(MODEL), 3)
      })

      it('again and again in a row loses nobody', async () => {
        const running = [await harness.stream('gate', MODEL), await harness.stream('gate-1', MODEL)]
        running.push(await harness.stream('gate-1', MODEL))
        const waiting = [
          (await harness.standInLine('gate-1', MODEL)).answer,
          (await harness.standInLine('gate', MODEL)).answer,
        ]
        for (let times = 0; times < 3; times++) {
          await harness.resetGate()
          await harness.lane(MODEL, { active_requests: 3, queued_requests: 2 })
        }
        for (const call of running) call.leave('rst')
        for (const answer of waiting) assert.equal((await answer).status, 200)
        await harness.lane(MODEL, { active_requests: 0, queued_requests: 0 })
        assert.equal(await harness.peak(MODEL), 3)
      })
    })

    describe('a gate whose process is killed', () => {
      it('finds the slots that are held when it is back, and their calls go on past its lease', async () => {
        const harness = await IsolatesHarness.open()
        try {
          await harness.start('gate')
          await harness.start('far', { gateElsewhere: true })
          await harness.limit('llama3.2', 1)
          const stream = await harness.stream('far', 'llama3.2', LONGER_THAN_A_LEASE)
          await harness.kill('gate')
          await harness.start('gate')
          const next = await harness.standInLine('gate', 'llama3.2')
          await harness.lane('llama3.2', { parallel_limit: 1, active_requests: 1, queued_requests: 1 })
          await assertEndsWhole(stream)
          const { status, done } = await next.answer
          assert.deepEqual([status, done], [200, true])
          await harness.lane('llama3.2', { active_requests: 0, total_processed: 2 })
          assert.equal(await harness.peak('llama3.2'), 1)
        } finally {
          await harness.close()
        }
      })
    })
  })
}
