import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CLAIM_MS, LEASE_MS } from '../../../src/admission/remote/protocol.ts'
import { until } from '../../support/until.ts'
import type { RawCall } from '../raw-call.ts'
import { type Answer, ask, GateHouse, TOKENS_PER_SECOND } from './gate-house.ts'

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
      let house: GateHouse
      let survivor: RawCall
      let leaver: RawCall
      let behindTheStream: Promise<Answer>
      let behindTheDead: Promise<Answer>
      let claimedAfter: number
      before(async () => {
        house = await GateHouse.open()
        await house.start('gate')
        await house.start('doomed', { gateElsewhere: true })
        leaver = await house.stream('gate', 'mistral')
        await house.stream('gate', 'mistral')
        await house.standInLine('doomed', 'mistral')
        behindTheDead = (await house.standInLine('gate', 'mistral')).answer
        claimedAfter = performance.now()
        await house.stream('doomed', 'llama3.2')
        // Later, so that it is not its own end that lets the next call in.
        survivor = await house.stream('gate', 'llama3.2', LONGER_THAN_A_LEASE)
        behindTheStream = (await house.standInLine('gate', 'llama3.2')).answer
        await house.kill('doomed')
      })
      after(() => house?.close())

      it('in mid-stream keeps its slot for one lease, and then it is the next call’s', async () => {
        const { active_requests, queued_requests } = await house.stats('llama3.2')
        assert.deepEqual({ active_requests, queued_requests }, { active_requests: 2, queued_requests: 1 })
        assertAnsweredAfter(await behindTheStream, claimedAfter, LEASE_MS)
        await house.lane('llama3.2', { total_failed: 1 })
        await assertEndsWhole(survivor)
        await house.lane('llama3.2', { active_requests: 0, queued_requests: 0 })
        assert.equal(await house.peak('llama3.2'), 2)
      })

      it('in line costs the slot that it gets until the claim is due', async () => {
        const left = performance.now()
        leaver.leave('rst')
        assertAnsweredAfter(await behindTheDead, left, CLAIM_MS)
        assert.equal(await house.peak('mistral'), 2)
      })
    })

    describe('a gate that is reset', { concurrency: false }, () => {
      const MODEL = 'llama3.2'
      const places = ['gate', 'gate-1']
      let house: GateHouse
      before(async () => {
        house = await GateHouse.open()
        // In one process: where miniflare passes calls on to another, it holds on to a connection that is broken.
        await house.start('gate', { isolates: 2, resettable: true })
      })
      after(() => house?.close())

      it('gives no slot out twice, and those in line their turn', async () => {
        await house.limit(MODEL, 3)
        assert.equal((await ask(house.url('gate-1'), MODEL)).status, 200)
        await house.lane(MODEL, { total_processed: 1 })
        const running = [
          await house.stream('gate', MODEL),
          await house.stream('gate-1', MODEL),
          await house.stream('gate-1', MODEL),
        ]
        const waiting: Promise<Answer>[] = []
        for (const place of [...places, ...places]) {
          waiting.push((await house.standInLine(place, MODEL)).answer)
        }
        await house.resetGate()
        await house.lane(MODEL, {
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
        await house.lane(MODEL, { active_requests: 2, queued_requests: 0, total_processed: 4 })
        for (const call of running) call.leave('rst')
        await house.lane(MODEL, { active_requests: 0, total_cancelled: 3 })
        assert.equal(await house.peak(MODEL), 3)
      })

      it('again and again in a row loses nobody', async () => {
        const running = [await house.stream('gate', MODEL), await house.stream('gate-1', MODEL)]
        running.push(await house.stream('gate-1', MODEL))
        const waiting = [
          (await house.standInLine('gate-1', MODEL)).answer,
          (await house.standInLine('gate', MODEL)).answer,
        ]
        for (let times = 0; times < 3; times++) {
          await house.resetGate()
          await house.lane(MODEL, { active_requests: 3, queued_requests: 2 })
        }
        for (const call of running) call.leave('rst')
        for (const answer of waiting) assert.equal((await answer).status, 200)
        await house.lane(MODEL, { active_requests: 0, queued_requests: 0 })
        assert.equal(await house.peak(MODEL), 3)
      })
    })

    describe('a gate whose process is killed', () => {
      it('finds the slots that are held when it is back, and their calls go on past its lease', async () => {
        const house = await GateHouse.open()
        try {
          await house.start('gate')
          await house.start('far', { gateElsewhere: true })
          await house.limit('llama3.2', 1)
          const stream = await house.stream('far', 'llama3.2', LONGER_THAN_A_LEASE)
          await house.kill('gate')
          await house.start('gate')
          const next = await house.standInLine('gate', 'llama3.2')
          await house.lane('llama3.2', { parallel_limit: 1, active_requests: 1, queued_requests: 1 })
          await assertEndsWhole(stream)
          const { status, done } = await next.answer
          assert.deepEqual([status, done], [200, true])
          await house.lane('llama3.2', { active_requests: 0, total_processed: 2 })
          assert.equal(await house.peak('llama3.2'), 1)
        } finally {
          await house.close()
        }
      })
    })
  })
}
