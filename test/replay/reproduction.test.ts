import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { isPermit, type Permit, type Ticket } from '../../src/admission/contract.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import { EVERYBODY } from '../../src/callers/caller.ts'
import { seededRandom } from '../../src/cli/load/random.ts'
import { readFiles } from '../../src/cli/replay/read-files.ts'
import type { FinishedCall } from '../../src/relay/contract.ts'
import { compare } from '../../src/replay/compare.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { aFinishedCall, filesWith, lineOf, START } from '../cli/replay/support.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aConfig } from './support/calls.ts'

const SLOTS = 3
const CALLS = 600
const QUEUE = 20
const TIMEOUT_S = 60

/** The log of a proxy with one caller and one model, whose calls wait, are refused, and lose their patience. */
function logOfAProxy(): string {
  const clock = new ManualClock(START)
  const random = seededRandom(7)
  const admission = new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: { name: 'ollama' },
    defaults: { parallel: SLOTS, queue: QUEUE },
    maxWaitingBytes: Number.POSITIVE_INFINITY,
  })
  const finished: FinishedCall[] = []
  const over = (arrivedAt: number, parts: Partial<FinishedCall>) => {
    const at = clock.now()
    finished.push(aFinishedCall({ at, totalMs: at - arrivedAt, ...parts }))
  }
  const whole = (most: number) => 1 + Math.floor(most * random())
  const arrive = () => {
    const arrivedAt = clock.now()
    const heldMs = whole(4_000)
    const start = (permit: Permit) => {
      const waitMs = permit.waitMs
      clock.after(heldMs, () => {
        permit.release('done', clock.now(), { served: true, loadMs: 1 })
        over(arrivedAt, { waitMs, firstByteMs: waitMs + 1 })
      })
    }
    const refused = ({ code }: Refusal) => {
      const waitMs = clock.now() - arrivedAt
      const outcome = code === 'cancelled' ? 'cancelled' : code === 'timeout' ? 'timed_out' : 'refused'
      over(arrivedAt, { outcome, reason: code, waitMs, firstByteMs: null, loadMs: 0, status: 503 })
    }
    try {
      const deadline = arrivedAt + 1_000 * TIMEOUT_S
      const call = { model: 'llama2', caller: EVERYBODY, deadline, bytes: 100, slots: 1 }
      const answer: Permit | Ticket = admission.acquire(call)
      if (isPermit(answer)) return start(answer)
      if (random() < 0.1) clock.after(whole(20_000), () => answer.cancel(clock.now()))
      answer.onSettled((result) => (result instanceof Refusal ? refused(result) : start(result)))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refused(error)
    }
  }
  for (let index = 0; index < CALLS; index++) {
    arrive()
    // Quiet and busy times take turns.
    clock.advance(whole(index % 200 < 100 ? 500 : 1_900))
  }
  clock.advance(1_000 * TIMEOUT_S)
  assert.equal(finished.length, CALLS)
  return finished.map(lineOf).join('')
}

async function replayed(t: TestContext, written: object) {
  const { recording } = await readFiles(filesWith(t, logOfAProxy()))
  const configs = [aConfig({ ollama_max_queue: QUEUE, request_timeout: TIMEOUT_S, ...written })] as const
  const comparison = compare({ recording, configs, memoryParallel: 1, isLog: true })
  assert.ok(comparison)
  return comparison
}

describe('a replay of the log of a proxy with one caller', () => {
  it('gives the waits, the refusals and the clients that left, as recorded', async (t) => {
    const { recorded, runs } = await replayed(t, {})
    const [run] = runs
    assert.ok(recorded.waitMs !== null && recorded.waitMs.p50 > 2_000, 'calls must wait, or nothing is shown')
    assert.ok(recorded.gaveUp > 0 && (recorded.refused.queue_full ?? 0) > 0, 'calls must be refused')
    assert.deepEqual([run?.parallel, run?.slotsFrom], [SLOTS, 'log'])
    assert.deepEqual(run?.figures.waitMs, recorded.waitMs)
    assert.deepEqual(run?.figures.refused, recorded.refused)
    assert.equal(run?.figures.gaveUp, recorded.gaveUp)
    assert.equal(run?.figures.slotMs, recorded.slotMs)
  })

  it('gives shorter waits with another slot, and more refusals with a shorter line', async (t) => {
    const { recorded, runs } = await replayed(t, { ollama_num_parallel: SLOTS + 1 })
    assert.ok((runs[0]?.figures.waitMs?.p50 ?? 0) < (recorded.waitMs?.p50 ?? 0))
    const shorter = await replayed(t, { ollama_max_queue: 3 })
    assert.ok((shorter.runs[0]?.figures.refused.queue_full ?? 0) > (recorded.refused.queue_full ?? 0))
  })
})
