import assert from 'node:assert/strict'
import type { Lane } from '../../../../src/admission/lane.ts'
import { checkRefusal } from '../../support/check-lane.ts'
import { isOfOneParty, Room } from './room.ts'
import type { FairCall, FairWorld, Witness } from './world.ts'

const SWEEP_MS = 250

/**
 * Checks after each event, and at each grant and each refusal, what must be true whatever happens: I1 to I10 of any lane,
 * and of fair lanes that the limits of callers and the reserve hold, that nobody waits beside a free slot, and that a
 * full line is shared by room.
 */
export class FairChecker implements Witness {
  /** How often each end came about, and other things that a run should have seen. */
  readonly seen = new Map<string, number>()
  readonly #world: FairWorld
  /** The line as it was before the newest arrival, if that line was full. */
  #full: Room | undefined
  /** Calls in line that had to go since then, because of the arrival. */
  #evicted: FairCall[] = []
  #arriving: string | undefined

  constructor(world: FairWorld) {
    this.#world = world
    world.witnesses.push(this)
  }

  /** Call this around each arrival. */
  arrival(model: string, ask: () => FairCall): FairCall {
    this.#full = this.#fullLine(model)
    this.#evicted = []
    this.#arriving = model
    const call = ask()
    this.#arriving = undefined
    this.#arrived(call)
    return call
  }

  granted(call: FairCall, waited: boolean): void {
    const { now, fairness } = this.#world
    const lane = this.#laneOf(call)
    this.#count(waited ? 'granted from the line' : 'granted at once')
    assert.ok(
      call.askedAt + (call.wish.patienceMs ?? Number.POSITIVE_INFINITY) > now,
      'granted past its deadline',
    )
    assert.equal(call.permit?.waitMs, now - call.askedAt)
    // A call that only loads its model passes the others and takes nothing.
    if (call.slots === 0) return
    assert.ok(!lane.paused && lane.active <= lane.effective.parallel, 'S1: more slots than the lane has')
    const { by } = call.wish
    const active = this.#runningOf(by)
    assert.ok(active <= this.#world.limitsOf(by).parallel, `S1: ${by} runs ${active} calls`)
    if (call.class === 'batch' && fairness.fair) {
      const most = this.#mostBatch(lane.effective.parallel)
      assert.ok(this.#batchSlots(call.model) <= most, `S1: batch takes more than ${most} slots`)
    }
    for (const other of this.#world.standing)
      assert.ok(!isSameLine(other, call) || other.number > call.number, 'I4: not in the order of arrival')
  }

  over(call: FairCall, from: 'arrival' | 'line' | 'running'): void {
    const { now } = this.#world
    this.#count(`${call.end} ${from}`)
    if (call.refusal !== undefined && call.end !== 'cancelled') checkRefusal(call.refusal, call.model)
    if (from !== 'line') return
    if (call.end === 'timeout') {
      const lateMs = now - call.askedAt - (call.wish.patienceMs ?? Number.POSITIVE_INFINITY)
      assert.ok(lateMs >= 0 && lateMs <= SWEEP_MS, `refused ${lateMs} ms after its deadline`)
    } else if (call.end === 'queue_full') {
      assert.equal(this.#arriving, call.model, 'nobody came for whom this call had to go')
      this.#evicted.push(call)
    } else assert.equal(call.end, 'cancelled')
  }

  /** After each event. */
  always(): void {
    const { admission, clock, standing, running } = this.#world
    const perCaller = new Map<string, { active: number; queued: number }>()
    const counts = (by: string) => {
      const known = perCaller.get(by) ?? { active: 0, queued: 0 }
      perCaller.set(by, known)
      return known
    }
    let bytes = 0
    for (const { wish } of standing) {
      counts(wish.by).queued++
      bytes += wish.bytes ?? 100
    }
    for (const { wish, slots } of running) if (slots > 0) counts(wish.by).active++
    const callers = [...admission.callers()].map(
      ({ id, active, queued }) => [id, { active, queued }] as const,
    )
    assert.deepEqual(new Map(callers), perCaller, 'the counts of the callers')
    assert.deepEqual([admission.waiting.calls, admission.waiting.bytes], [standing.size, bytes])
    if (standing.size > 0) assert.ok(clock.pending > running.size, 'no sweep while somebody waits')
    for (const lane of admission.lanes()) this.#check(lane)
  }

  /** The page lists the calls in the order in which they will be served: one more slot goes to the first that may run. */
  oneMoreSlot(model: string): void {
    const { admission, now, standing, fairness } = this.#world
    const lane = admission.model(model)?.lane
    if (lane === undefined || lane.paused || lane.queued === 0) return
    const { parallel } = lane.effective
    const inLine = [...standing].filter((call) => lane.names.includes(call.model))
    const isPlain = inLine.every(({ wish }) => wish.slots === undefined || wish.slots === 1)
    if (!isPlain || lane.active !== parallel || parallel === 0) return
    const byTicket = new Map<unknown, FairCall>(inLine.map((call) => [call.ticket, call]))
    const isHeldBack = ({ class: kind, model: name }: FairCall) =>
      fairness.fair && kind === 'batch' && this.#batchSlots(name) >= this.#mostBatch(parallel + 1)
    const listed = Array.from(lane.waiting(), (ticket) => byTicket.get(ticket))
    const next = listed.find(
      (call) =>
        call !== undefined &&
        call.askedAt + (call.wish.patienceMs ?? Number.POSITIVE_INFINITY) > now &&
        this.#runningOf(call.wish.by) < this.#world.limitsOf(call.wish.by).parallel &&
        !isHeldBack(call),
    )
    const before = new Set(this.#world.running)
    admission.configure(model, { parallel: parallel + 1 })
    const granted = [...this.#world.running].filter((call) => !before.has(call))
    assert.deepEqual(
      granted.map(({ number }) => number),
      next === undefined ? [] : [next.number],
      `the first of ${listed.map((call) => call?.number)}`,
    )
    admission.configure(model, { parallel })
    this.#count('one more slot')
  }

  /** After everything has left. */
  isQuiet(): void {
    const { admission, clock } = this.#world
    assert.deepEqual([...admission.callers()], [])
    for (const lane of admission.lanes())
      assert.deepEqual([lane.active, lane.queued, [...lane.waiting()]], [0, 0, []])
    clock.advance(SWEEP_MS)
    assert.equal(clock.pending, 0, 'a timer is left')
  }

  #check(lane: Lane): void {
    const { fairness, standing, running } = this.#world
    const names = new Set(lane.names)
    const inLine = [...standing].filter(({ model }) => names.has(model))
    let active = 0
    for (const { model, slots } of running) if (names.has(model)) active += slots
    assert.equal(lane.active, active, 'slots taken and permits held')
    assert.equal(lane.queued, inLine.length)
    const listed = new Set<unknown>(lane.waiting())
    assert.equal(listed.size, inLine.length)
    for (const { ticket } of inLine) assert.ok(listed.has(ticket), 'a call in line is not listed')
    const free = lane.paused ? 0 : lane.effective.parallel - active
    if (free <= 0 || inLine.some(({ wish }) => (wish.slots ?? 1) > 1)) return
    for (const call of inLine) {
      const { by } = call.wish
      if (this.#runningOf(by) >= this.#world.limitsOf(by).parallel) continue
      const isHeldBack =
        fairness.fair &&
        call.class === 'batch' &&
        this.#batchSlots(call.model) >= this.#mostBatch(lane.effective.parallel)
      assert.ok(isHeldBack, `S2: a ${call.class} call of ${by} waits beside ${free} free slots`)
    }
  }

  /** I9, and the line that is shared by room. */
  #arrived(call: FairCall): void {
    const { admission, fairness } = this.#world
    const { by, bytes = 100 } = call.wish
    const isFull = this.#full !== undefined
    const giver = this.#full?.giver(by, call.wish.user)
    for (const gone of this.#evicted) {
      assert.ok(fairness.fair && isFull && call.end === undefined, 'a call had to go for nobody')
      assert.ok(giver?.gives(gone), `a call of ${gone.wish.by} went for one of ${by}`)
      for (const other of this.#world.standing)
        if (isOfOneParty(other, gone) && other.model === gone.model)
          assert.ok(other.number < gone.number, 'an older call than the newest one had to go')
      this.#count(gone.wish.by === by ? 'made room for another person' : 'made room')
    }
    assert.ok(this.#evicted.length <= 1, 'more than one call had to go')
    if (call.end !== 'queue_full' || call.refusal?.facts.estimatedWaitMs !== undefined) return
    const { queue } = this.#world.limitsOf(by)
    const isCallerFull = [...this.#world.standing].filter(({ wish }) => wish.by === by).length >= queue
    const isMemoryFull = admission.waiting.bytes + bytes > admission.waiting.maxBytes
    const hasNoRoom = isFull && (!fairness.fair || giver?.must !== true)
    assert.ok(isCallerFull || isMemoryFull || hasNoRoom, 'I9: refused with room in line')
  }

  #fullLine(model: string): Room | undefined {
    const lane = this.#world.admission.model(model)?.lane
    if (lane === undefined ? this.#world.admission.defaults.queue > 0 : lane.queued < lane.limits.queue)
      return undefined
    return new Room([...this.#world.standing].filter((call) => lane?.names.includes(call.model)))
  }

  #laneOf({ model }: FairCall): Lane {
    const lane = this.#world.admission.model(model)?.lane
    assert.ok(lane)
    return lane
  }

  #runningOf(by: string): number {
    let count = 0
    for (const call of this.#world.running) if (call.wish.by === by && call.slots > 0) count++
    return count
  }

  #batchSlots(model: string): number {
    let slots = 0
    for (const call of this.#world.running)
      if (call.class === 'batch' && call.model === model) slots += call.slots
    return slots
  }

  /** One slot is always left to batch. */
  #mostBatch(parallel: number): number {
    return Math.max(1, parallel - this.#world.fairness.reserve)
  }

  #count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }
}

/** Whether both stand in one line behind each other: of one caller, person, class and lane. */
function isSameLine(one: FairCall, other: FairCall): boolean {
  const [a, b] = [one.wish, other.wish]
  return a.by === b.by && a.user === b.user && one.class === other.class && one.model === other.model
}
