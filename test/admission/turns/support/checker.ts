import assert from 'node:assert/strict'
import type { Lane } from '../../../../src/admission/lane.ts'
import type { RunnerTurn } from '../../../../src/admission/turns/contract.ts'
import type { PlayedCall } from './played-call.ts'
import type { TurnWorld } from './world.ts'

const SWEEP_MS = 250
/** The longest pause after failed loads, and what answers that are lost or late can add. */
const STALL_MS = 90_000

interface CheckerParts {
  /**
   * Nobody calls Ollama but the proxy, all answers come, and turns stay on. Then what the proxy believes is true, and the
   * checks can be strict.
   */
  readonly isCalm: boolean
  /** Milliseconds after which a runner that is wanted must have had a grant. Undefined: no promise. */
  readonly longestWaitMs: () => number | undefined
}

/** What must hold at each moment, seen from outside. */
export class TurnChecker {
  grants = 0
  ends = 0
  /** Calls sent to a runner that was believed to be in memory and was not. */
  surprises = 0
  readonly fates = new Map<string, number>()
  readonly #world: TurnWorld
  readonly #parts: CheckerParts
  /** Clock milliseconds since when a runner is wanted and gets no call. */
  readonly #wantedSince = new Map<string, number>()
  /** Runners for which keep_alive 0 was asked. */
  readonly #leavesWhenIdle = new Set<string>()
  #stalledSince: number | undefined

  constructor(world: TurnWorld, parts: CheckerParts) {
    this.#world = world
    this.#parts = parts
    world.granted = (call) => this.#granted(call)
  }

  /** Clients that came are told to the checker, because it counts the ends. */
  watch(call: PlayedCall): void {
    const ended = () => {
      this.ends++
      this.fates.set(call.end ?? '', (this.fates.get(call.end ?? '') ?? 0) + 1)
      const { now } = this.#world
      if (call.end === 'timeout' && call.grantedAt === undefined)
        assert.ok(now - call.call.deadline <= SWEEP_MS + 1, `refused ${now - call.call.deadline} ms late`)
    }
    if (call.state === 'over') ended()
    else call.onEnd(ended)
  }

  always(): void {
    const { admission, living, now } = this.#world
    let [queued, bytes] = [0, 0]
    const wanted = new Set<string>()
    let couldRun = false
    for (const lane of admission.lanes()) {
      let [first, inLine] = [true, 0]
      for (const ticket of lane.waiting()) {
        const reason = lane.waitingFor(ticket, now)
        inLine++
        bytes += ticket.call.bytes
        assert.ok(ticket.call.deadline + SWEEP_MS + 1 >= now, 'in line past its deadline')
        if (reason === 'caller') {
          this.#needsRoom(ticket.call.caller.id)
          continue
        }
        if (reason === 'slot' && first) this.#needsSlot(lane, ticket.call.slots)
        if (reason !== 'slot' && reason !== 'paused' && lane.effective.parallel > 0)
          wanted.add(keyOf(lane.runner, ticket.call.options))
        if (reason !== 'paused' && lane.effective.parallel > 0) couldRun = true
        first = false
      }
      assert.equal(lane.queued, inLine)
      queued += inLine
      this.#pages(lane, inLine)
    }
    assert.deepEqual(
      { calls: admission.waiting.calls, bytes: admission.waiting.bytes },
      { calls: queued, bytes },
    )
    const inLine = [...living].filter(({ state }) => state === 'line').length
    assert.equal(inLine, queued, 'calls in line, as clients and as lanes see them')
    this.#countsCallers()
    this.#isServed(wanted)
    this.#moves(couldRun)
  }

  /** Nothing is left: no call, no timer, no question. */
  isQuiet(): void {
    const { admission, living, timers, watch } = this.#world
    this.always()
    const left = [...living].map(
      ({ asked, call, state }) => `${asked.model} ${call.options} ${state} slots ${call.slots}`,
    )
    assert.deepEqual(left, [])
    assert.equal(timers.pending, 0, 'a timer is left')
    assert.equal(watch.everyMs, undefined, 'Ollama is asked on')
    for (const { state, names } of admission.turns.runners())
      assert.equal(state, 'loaded', `${names} is ${state}`)
    assert.equal(admission.turns.next(this.#world.now), undefined)
    admission.callersChanged((id) => assert.fail(`an account of ${id} is left`))
    for (const lane of admission.lanes()) {
      assert.deepEqual([lane.active, lane.queued, lane.turn.running], [0, 0, 0])
      for (const { state } of lane.turn.contenders.all)
        assert.ok(state === 'loaded' || state === 'absent', `a contender is ${state}`)
    }
  }

  #granted(call: PlayedCall): void {
    this.grants++
    const { admission, now } = this.#world
    assert.ok(call.call.deadline > now, 'granted past its deadline')
    const { id } = call.call.caller
    const most = this.#world.callers.get(id)?.parallel ?? 0
    if (call.call.slots > 0)
      assert.ok(this.#runningOf(id) <= most, `${id} has more than ${most} calls running`)
    const lane = admission.model(call.asked.model)?.lane
    if (lane === undefined) return
    const { runner, active, effective } = lane
    const runs = call.call.work !== 'unload'
    if (call.call.keepsLoaded === false) this.#leavesWhenIdle.add(runner)
    const mostSlots = effective.parallel + (this.#leavesWhenIdle.has(runner) ? 1 : 0)
    if ((call.permit?.slots ?? 0) > 0)
      assert.ok(active <= mostSlots, `${active} of ${effective.parallel} slots`)
    assert.ok(!lane.paused || call.call.slots === 0, 'granted while paused')
    this.#wantedSince.delete(keyOf(runner, call.call.options))
    if (this.#parts.isCalm && runs && 'turn' in lane) this.#hasTurn(call, runner)
  }

  /** S5: one load at a time, and none for a runner that leaves, or while its calls run. */
  #hasTurn(call: PlayedCall, runner: string): void {
    const { admission, living } = this.#world
    if (runner === 'cloud' || admission.turns.mode !== 'auto' || !this.#world.models.has(call.asked.model))
      return
    const turns = admission.turns.runners()
    const own = turnOf(turns, runner, call.call.options)
    // A call that went at once can be what another caller is behind by. The runner leaves after that grant.
    if (own?.state === 'leaving' && own.since === this.#world.now && call.permit?.waitMs === 0) return
    assert.ok(own?.state === 'loading' || own?.state === 'loaded', `granted while ${own?.state ?? 'absent'}`)
    if (own.state === 'loaded') {
      if (!this.#world.isLoaded(call.asked)) this.#surprised(call)
      return
    }
    for (const each of turns)
      assert.ok(each === own || each.state !== 'loading', `${each.names} is loading beside ${own.names}`)
    for (const other of living) {
      if (other === call || other.state !== 'running' || other.call.work === 'unload') continue
      const otherRunner = admission.model(other.asked.model)?.lane.runner ?? ''
      const theirs = turnOf(turns, otherRunner, other.call.options)
      if (theirs === own) continue
      assert.notEqual(theirs?.state, 'leaving', `${own.names} is loaded while a call of ${otherRunner} runs`)
      // Its keep_alive has run out while nobody looked. Both are known to fit together.
      if (theirs?.state === 'loaded') continue
      assert.ok(!other.waitsForLoad, `Ollama loads ${otherRunner} already`)
    }
  }

  /** As Ollama has it: a proxy that cannot read the list of models takes copies for runners of their own. */
  #runnerOf({ asked }: PlayedCall): string {
    return this.#world.models.get(asked.model)?.weights ?? asked.model
  }

  /** The runner was believed to be in memory. Where one runner fits, no other call may wait for its load meanwhile. */
  #surprised(call: PlayedCall): void {
    this.surprises++
    // The cloud needs no memory, also where the proxy cannot know that a model runs there.
    if (this.#world.maxLoaded > 1 || this.#runnerOf(call) === 'cloud') return
    for (const other of this.#world.living)
      if (other !== call && this.#runnerOf(other) !== this.#runnerOf(call))
        assert.ok(!other.waitsForLoad, `${call.asked.model} is sent while Ollama loads ${other.asked.model}`)
  }

  /** S2: the caller of a call that waits for its caller has no room. */
  #needsRoom(id: string): void {
    const { parallel } = this.#world.callers.get(id) ?? { parallel: 0 }
    assert.ok(
      this.#runningOf(id) >= parallel,
      `${id} has ${this.#runningOf(id)} of ${parallel}, and a call waits`,
    )
  }

  /** Calls of this caller that hold slots. */
  #runningOf(id: string): number {
    let running = 0
    for (const { call, state } of this.#world.living)
      if (state === 'running' && call.slots > 0 && call.caller.id === id) running++
    return running
  }

  /** The accounts are those of the callers with calls, and no others. */
  #countsCallers(): void {
    const counts = new Map<string, { active: number; queued: number }>()
    for (const { call, state } of this.#world.living) {
      if (state === 'running' && call.slots === 0) continue
      const { active, queued } = counts.get(call.caller.id) ?? { active: 0, queued: 0 }
      if (state === 'line') counts.set(call.caller.id, { active, queued: queued + 1 })
      else counts.set(call.caller.id, { active: active + 1, queued })
    }
    const seen = new Map<string, { active: number; queued: number }>()
    for (const { id, active, queued, limits } of this.#world.admission.callers()) {
      seen.set(id, { active, queued })
      assert.deepEqual(limits, this.#world.callers.get(id))
    }
    assert.deepEqual(new Map([...seen].sort()), new Map([...counts].sort()))
  }

  /** S2: the first call that waits for a slot would not fit. */
  #needsSlot({ active, effective, names, paused }: Lane, slots: number): void {
    const { parallel } = effective
    if (paused || parallel < 1) return
    assert.ok(
      active + Math.min(slots, parallel) > parallel,
      `${names}: ${active} of ${parallel}, and a call waits`,
    )
  }

  #pages(lane: Lane, inLine: number): void {
    const { admission, now } = this.#world
    for (const ahead of [0, inLine]) {
      const ms = lane.startsInMs(ahead, now)
      assert.ok(ms === undefined || (Number.isFinite(ms) && ms >= 0), `starts in ${ms}`)
    }
    const turnMs = lane.turn.comesInMs(now)
    assert.ok(Number.isFinite(turnMs) && turnMs >= 0, `has its turn in ${turnMs}`)
    const { turns } = admission
    const next = turns.next(now)
    assert.ok(next === undefined || next.waitedMs >= 0)
    assert.ok(!Number.isNaN(turns.creditMs(now)))
    assert.ok(turns.together().length + turns.apart().length < 1_000)
    const seen = new Set<string>()
    for (const { runner, state, options } of turns.runners()) {
      if (state !== 'loaded') continue
      assert.ok(!seen.has(runner), `${runner} is loaded twice, now with ${options}`)
      seen.add(runner)
    }
  }

  /** S6: a runner that is wanted comes. */
  #isServed(wanted: ReadonlySet<string>): void {
    const { now } = this.#world
    for (const key of this.#wantedSince.keys()) if (!wanted.has(key)) this.#wantedSince.delete(key)
    const mostMs = this.#parts.longestWaitMs()
    for (const key of wanted) {
      const since = this.#wantedSince.get(key) ?? now
      this.#wantedSince.set(key, since)
      if (mostMs === undefined) this.#wantedSince.set(key, now)
      else assert.ok(now - since <= mostMs, `${key} is wanted for ${now - since} ms, of at most ${mostMs} ms`)
    }
  }

  /** The machine does not stand still while a call could run. */
  #moves(couldRun: boolean): void {
    const { living, now } = this.#world
    const isBusy = [...living].some(({ state }) => state === 'running')
    if (!couldRun || isBusy) this.#stalledSince = undefined
    else {
      this.#stalledSince ??= now
      assert.ok(
        now - this.#stalledSince <= STALL_MS,
        `nothing runs for ${now - this.#stalledSince} ms, and a call waits`,
      )
    }
  }
}

function keyOf(runner: string, options = ''): string {
  return `${runner} ${options}`
}

function turnOf(turns: readonly RunnerTurn[], runner: string, options = ''): RunnerTurn | undefined {
  return turns.find((each) => each.runner === runner && each.options === options)
}
