import assert from 'node:assert/strict'
import type { Call, Limits } from '../../../src/admission/contract.ts'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../../src/admission/local-ticket.ts'
import type { Outcome } from '../../../src/admission/observer.ts'
import { Refusal } from '../../../src/admission/refusal.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { AdmissionModel } from './admission-model.ts'
import { aCall, lineOf, OLLAMA } from './builders.ts'
import { checkLane, checkRefusal } from './check-lane.ts'
import type { Fate } from './line-model.ts'
import { Tally } from './recorder.ts'
import { type Leavers, MODELS, type Step } from './step.ts'

interface Standing {
  readonly id: number
  readonly model: string
  readonly ticket: LocalTicket
}

const DEFAULTS: Limits = { parallel: 2, queue: 40 }
const MAX_WAITING_BYTES = 8_000
const SWEEP_MS = 250
const PAST = 32

/**
 * Lives a history with a real Admission and with a model of it, and throws at the first difference:
 * every settlement, in its order, at its step, and all that can be seen of the lanes after each step.
 */
export class InvariantChecker {
  readonly clock = new ManualClock()
  readonly #tallies = new Map<string, Tally>()
  readonly #model = new AdmissionModel(MODELS, DEFAULTS, MAX_WAITING_BYTES)
  readonly #admission: LocalAdmission
  #lastId = 0
  #standing: Standing[] = []
  #running: { permit: LocalPermit; model: string }[] = []
  readonly #settledTickets: LocalTicket[] = []
  readonly #releasedPermits: LocalPermit[] = []
  /** Who was settled in this step, and when. */
  readonly #settledAt = new Map<number, number>()
  #fates: Fate[] = []
  /** How often each answer was given to an arrival. */
  readonly answers = new Map<string, number>()
  grants = 0
  departures = 0

  constructor() {
    const observer = {
      lane: (model: string) => {
        const tally = new Tally()
        this.#tallies.set(model, tally)
        return tally
      },
    }
    this.#admission = new LocalAdmission({
      clock: this.clock,
      observer,
      upstream: OLLAMA,
      defaults: DEFAULTS,
      models: new Map(MODELS.map((model) => [model, {}])),
      maxWaitingBytes: MAX_WAITING_BYTES,
      random: () => 0.5,
    })
  }

  live(step: Step): void {
    this.#fates = []
    this.#settledAt.clear()
    this.#act(step)
    this.#check()
  }

  /** Lets everything end and asserts that nothing is left. */
  quiesce(): void {
    while (this.#running.length > 0 || this.#standing.length > 0) {
      this.live({ kind: 'limit', lane: MODELS.length, change: { parallel: 4 } })
      this.live({ kind: 'pause', lane: MODELS.length, paused: false })
      for (const [lane] of MODELS.entries()) this.live({ kind: 'limit', lane, change: { parallel: 4 } })
      while (this.#running.length > 0) this.live({ kind: 'release', pick: 0, outcome: 'done', loadMs: 0 })
    }
    this.live({ kind: 'advance', ms: SWEEP_MS })
    assert.equal(this.clock.pending, 0, 'a timer is left')
    assert.deepEqual({ ...this.#admission.waiting }, { calls: 0, bytes: 0, maxBytes: MAX_WAITING_BYTES })
    for (const lane of this.#admission.lanes()) {
      assert.equal(lane.active + lane.queued, 0)
      assert.ok(lineOf(lane).nodes <= 33)
    }
  }

  #act(step: Step): void {
    if (step.kind === 'arrive') this.#arrive(step.lane, step.patienceMs, step.bytes)
    else if (step.kind === 'crowd')
      for (let i = 0; i < step.count; i++) this.#arrive(step.lane, step.patienceMs, i)
    else if (step.kind === 'release')
      this.#release(step.pick % this.#running.length, step.outcome, step.loadMs)
    else if (step.kind === 'release again') this.#releaseAgain(step.pick)
    else if (step.kind === 'cancel') this.#cancel(this.#standing[step.pick % this.#standing.length])
    else if (step.kind === 'cancel again') this.#cancelAgain(step.pick)
    else if (step.kind === 'abandon') this.#abandon(step.lane, step.share, step.who)
    else if (step.kind === 'advance') this.#advance(step.ms)
    else if (step.kind === 'limit') this.#limit(step.lane, step.change)
    else if (step.kind === 'pause') this.#pause(step.lane, step.paused)
    else if (step.kind === 'crash') while (this.#running.length > 0) this.#release(0, 'failed', 0)
    else this.#close()
  }

  #arrive(laneIndex: number, patienceMs: number, bytes: number): void {
    const model = MODELS[laneIndex % MODELS.length] ?? 'a'
    const now = this.clock.now()
    const call: Call = aCall({ model, deadline: now + patienceMs, bytes })
    const expected = this.#model.turnOf(call, now)
    const actual = this.#acquire(call)
    if (expected === 'queued or early') assert.ok(actual === 'queued' || actual === 'early', actual)
    else assert.equal(actual, expected)
    this.answers.set(actual, (this.answers.get(actual) ?? 0) + 1)
    if (actual === 'granted') this.#model.line(model).grantOnArrival()
    if (actual === 'queued')
      this.#model.line(model).line.push({ id: this.#lastId, deadline: call.deadline, bytes })
    this.#expect([])
  }

  #acquire(call: Call): string {
    try {
      const turn = this.#admission.acquire(call)
      if (turn instanceof LocalPermit) this.#hold(turn, call.model, 0)
      else this.#stand(turn, call.model)
      return turn instanceof LocalPermit ? 'granted' : 'queued'
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return checkRefusal(error, call.model)
    }
  }

  #hold(permit: LocalPermit, model: string, waitMs: number): void {
    assert.deepEqual([permit.waitMs, permit.grantedAt], [waitMs, this.clock.now()])
    this.grants++
    this.#running.push({ permit, model })
  }

  #stand(ticket: LocalTicket, model: string): void {
    const id = ++this.#lastId
    let settled = false
    this.#standing.push({ id, model, ticket })
    ticket.onSettled((result) => {
      assert.equal(settled, false, 'settled twice')
      settled = true
      this.#settledAt.set(id, this.clock.now())
      this.#fates.push({ id, fate: result instanceof LocalPermit ? 'granted' : result.code })
      this.#standing = this.#standing.filter((standing) => standing.id !== id)
      this.#remember(this.#settledTickets, ticket)
      if (result instanceof LocalPermit) {
        assert.ok(ticket.call.deadline > this.clock.now(), 'granted past its deadline')
        this.#hold(result, model, this.clock.now() - ticket.enqueuedAt)
      } else this.departures++
    })
  }

  #release(index: number, outcome: Outcome, loadMs: number): void {
    const held = this.#running[index]
    if (!held) return
    const { permit, model } = held
    this.#running.splice(index, 1)
    this.#remember(this.#releasedPermits, permit)
    const now = this.clock.now()
    this.#fates = []
    permit.release(outcome, now, { served: false, loadMs })
    this.#expect(this.#model.line(model).release(outcome, now, now - permit.grantedAt - loadMs))
  }

  #releaseAgain(pick: number): void {
    this.#releasedPermits[pick % this.#releasedPermits.length]?.release('done', this.clock.now())
    this.#expect([])
  }

  #cancel(standing: Standing | undefined): void {
    if (!standing) return
    this.#fates = []
    assert.equal(standing.ticket.cancel(this.clock.now()), true)
    assert.equal(this.#model.remove(standing.id), true)
    this.#expect([{ id: standing.id, fate: 'cancelled' }])
  }

  #cancelAgain(pick: number): void {
    const ticket = this.#settledTickets[pick % this.#settledTickets.length]
    if (ticket) assert.equal(ticket.cancel(this.clock.now()), false)
    this.#expect([])
  }

  #abandon(laneIndex: number, share: number, who: Leavers): void {
    const model = MODELS[laneIndex % MODELS.length] ?? 'a'
    const inLine = this.#standing.filter((standing) => standing.model === model)
    const count = Math.round(inLine.length * share)
    if (who === 'newest') inLine.reverse()
    const leavers =
      who === 'every second' ? inLine.filter((_, index) => index % 2 === 1) : inLine.slice(0, count)
    for (const leaver of leavers) this.#cancel(leaver)
  }

  /** Only deadlines settle anybody while time passes, none early and none later than the sweeper's pace. */
  #advance(ms: number): void {
    this.clock.advance(ms)
    const now = this.clock.now()
    const due = this.#model.deadlines
    for (const { id, fate } of this.#fates) {
      assert.equal(fate, 'timeout')
      const lateMs = (this.#settledAt.get(id) ?? Number.NaN) - (due.get(id) ?? Number.NaN)
      assert.ok(lateMs >= 0 && lateMs <= SWEEP_MS, `refused ${lateMs} ms after its deadline`)
      due.delete(id)
      assert.equal(this.#model.remove(id), true)
    }
    for (const deadline of due.values()) assert.ok(deadline + SWEEP_MS > now, 'never refused')
  }

  #limit(laneIndex: number, change: Partial<Limits>): void {
    const model = MODELS[laneIndex] ?? '*'
    const inForce = this.#admission.configure(model, change)
    this.#expect(this.#model.configure(model, change, this.clock.now()))
    assert.deepEqual(inForce, this.#model.limitsOf(model))
  }

  #pause(laneIndex: number, paused: boolean): void {
    const model = MODELS[laneIndex] ?? '*'
    const lanes = this.#admission.pause(model, paused).map((lane) => lane.model)
    this.#expect(this.#model.pause(model, paused, this.clock.now()))
    assert.deepEqual(lanes, model === '*' ? [...MODELS] : [model])
  }

  #close(): void {
    this.#admission.close()
    this.#expect(this.#model.close())
  }

  #expect(fates: readonly Fate[]): void {
    assert.deepEqual(this.#fates, fates)
  }

  #check(): void {
    const { waiting } = this.#admission
    let queued = 0
    for (const [model, line] of this.#model.lines) {
      const lane = this.#admission.model(model)?.lane
      const tally = this.#tallies.get(model)
      assert.ok(lane && tally)
      checkLane(lane, line, tally)
      const running = this.#running.filter((held) => held.model === model).length
      assert.equal(lane.active, running, 'slots taken and permits held differ')
      queued += lane.queued
    }
    assert.deepEqual(
      { ...waiting },
      { calls: queued, bytes: this.#model.waitingBytes, maxBytes: MAX_WAITING_BYTES },
    )
    assert.ok(waiting.bytes <= MAX_WAITING_BYTES)
    assert.equal(this.#standing.length, queued)
    if (queued > 0) assert.equal(this.clock.pending, 1, 'no sweeper while somebody waits')
  }

  #remember<T>(past: T[], value: T): void {
    past.push(value)
    if (past.length > PAST) past.shift()
  }
}
