import type { CallerLimits } from '../callers/caller.ts'
import { type Clock, Sweep } from '../clock.ts'
import { Accounts } from './accounts.ts'
import { type AdmissionParts, NO_RUNNERS } from './admission-parts.ts'
import type { Admission, Call, CallerView, FairSettings, LanesView, Limits, Runners } from './contract.ts'
import { CLOUD } from './contract.ts'
import { FAIR } from './fair-settings.ts'
import { surplus } from './forgetting.ts'
import type { Lane } from './lane.ts'
import { SWEEP_MS } from './lane-line.ts'
import { LaneSettings } from './lane-settings.ts'
import { LanesInTurns } from './lanes-in-turns.ts'
import type { LocalPermit } from './local-permit.ts'
import type { LocalTicket } from './local-ticket.ts'
import { ModelCalls } from './model-calls.ts'
import type { AdmissionObserver } from './observer.ts'
import { regroup } from './regroup.ts'
import { RunnerLanes } from './runner-lanes.ts'
import type { SeenModel, TurnSettings, TurnsView } from './turns/contract.ts'
import { Waiting } from './waiting.ts'

/** The lanes of this process: one for each runner, found by each name of the runner. */
export class LocalAdmission implements Admission, LanesView {
  /** What calls hold together before they have a slot. */
  readonly waiting: Waiting
  readonly #clock: Clock
  readonly #observer: AdmissionObserver
  readonly #runners: Runners
  readonly #models = new Map<string, ModelCalls<Lane>>()
  readonly #lanes: RunnerLanes
  readonly #settings: LaneSettings
  readonly #sweep: Sweep
  readonly #inTurns: LanesInTurns
  readonly #accounts: Accounts
  #closed = false

  constructor(parts: AdmissionParts) {
    this.#clock = parts.clock
    this.#observer = parts.observer
    this.#runners = parts.runners ?? NO_RUNNERS
    this.waiting = new Waiting(parts.maxWaitingBytes)
    this.#inTurns = new LanesInTurns({
      clock: parts.clock,
      runners: this.#runners,
      turns: parts.turns,
      lanes: () => this.lanes(),
      laneOf: (model) => this.#models.get(model)?.lane,
    })
    this.#accounts = new Accounts({
      fairness: parts.fairness ?? FAIR,
      opens: (now) => this.#inTurns.turns.refresh(now),
    })
    this.#settings = new LaneSettings(parts.defaults, parts.auto === true)
    this.#lanes = new RunnerLanes(this.#models, this.#settings, {
      accounts: this.#accounts,
      turns: this.#inTurns.turns,
      slot: { upstream: parts.upstream },
      waiting: this.waiting,
      random: parts.random ?? Math.random,
      measured: parts.measured ?? (() => {}),
      unserved: (model) => this.#forgetIfUnknown(this.#models.get(model)),
    })
    this.#sweep = new Sweep(parts.clock, SWEEP_MS, (now) => this.#expire(now))
    for (const [model, own] of parts.models ?? []) this.configure(model, own)
  }

  get defaults(): Limits {
    return this.#settings.defaults
  }

  /** True once `close` was called: no call is admitted any more. */
  get closed(): boolean {
    return this.#closed
  }

  get turns(): TurnsView {
    return this.#inTurns.page
  }

  callers(): Iterable<CallerView> {
    return this.#accounts.all()
  }

  /** Changes the limits of callers. `find`: by Caller.id; undefined for a caller whose limits stay. */
  callersChanged(find: (id: string) => CallerLimits | undefined): void {
    this.#accounts.changed(find, this.#clock.now())
  }

  /** The slots are shared in another way from now on, also among the calls in line. */
  share(settings: FairSettings): void {
    this.#lanes.rejoin(() => this.#accounts.share(settings), this.#clock.now())
  }

  models(): Iterable<ModelCalls<Lane>> {
    return this.#models.values()
  }

  /** A model that was never called is found by another name of its runner. */
  model(model: string): ModelCalls<Lane> | undefined {
    const called = this.#models.get(model)
    if (called) return called
    const runner = this.#runners.find(model)?.runner
    // Every name could be that of a cloud model.
    return runner === CLOUD ? undefined : this.#lanes.find(runner)?.models[0]
  }

  lanes(): Set<Lane> {
    return this.#lanes.all()
  }

  acquire(call: Call, now = this.#clock.now()): LocalPermit | LocalTicket {
    const model = this.#models.get(call.model) ?? this.#open(call.model)
    if (this.#closed) throw model.lane.refuse(model, call, 'shutting_down', now)
    const answer = model.lane.arrive(model, call, now)
    if (this.waiting.calls > 0 && !this.#sweep.planned) this.#sweep.plan(call.deadline - now)
    return answer
  }

  /** `auto`: the new default number of slots is where `auto` begins. */
  configure(model: string, change: Partial<Limits>, auto = false): Limits {
    if (model === '*') {
      this.#settings.changeDefaults(change, auto)
      for (const lane of this.lanes()) this.#applySettings(lane)
      return this.defaults
    }
    this.#settings.change(model, change)
    const { lane } = this.#models.get(model) ?? this.#open(model)
    this.#applySettings(lane)
    return lane.limits
  }

  /** Removes limits of one model, so that the model follows the defaults again. */
  clearOverrides(model: string, limits: readonly (keyof Limits)[]): void {
    this.#settings.clear(model, limits)
    const called = this.#models.get(model)
    if (called) this.#applySettings(called.lane)
  }

  /**
   * Holds the calls of one model, and of all names of its runner, in line, or with `*` the calls of all models. `false`
   * starts them at once. Returns the models that are paused, or go on, because of it.
   */
  pause(model: string, paused: boolean): readonly ModelCalls<Lane>[] {
    const lanes = model === '*' ? this.lanes() : [(this.#models.get(model) ?? this.#open(model)).lane]
    if (model === '*') this.#lanes.paused = paused
    for (const lane of lanes) lane.pause(paused, this.#clock.now())
    return Array.from(lanes, (lane) => [...lane.models]).flat()
  }

  /** Ollama does not work on the calls of a runner, or works again. `runner`: as its LaneView has it. */
  stick(runner: string, stuck: boolean): void {
    for (const lane of this.lanes()) if (lane.runner === runner) lane.stick(stuck, this.#clock.now())
  }

  /** What is known of the runners has changed: names of one runner share one lane from now on. */
  regroup(): void {
    const now = this.#clock.now()
    this.forgetUnknown()
    const changed = regroup(this.#models.values(), this.#runners, now, (runner) =>
      this.#lanes.open(runner, now),
    )
    for (const lane of changed) {
      this.#lanes.keep(lane)
      this.#applySettings(lane)
    }
    this.#inTurns.regrouped()
  }

  /** What Ollama had in memory at the clock milliseconds `askedAt`. */
  sawLoaded(models: readonly SeenModel[], askedAt: number): void {
    this.#inTurns.saw(models, askedAt)
  }

  /** Ollama does not tell what is loaded: no call waits for a turn until the next `sawLoaded`. */
  loadedUnknown(): void {
    this.#inTurns.unknown()
  }

  /** Changes how models that share the machine take turns. */
  orderTurns(settings: TurnSettings): void {
    this.#inTurns.order(settings)
  }

  /** Forgets names that stand for no model. A name that came after Ollama was last asked can come again. */
  forgetUnknown(): void {
    if (this.#runners.complete) for (const model of this.#models.values()) this.#forgetIfUnknown(model)
  }

  /** Ollama was restarted: what was learned of its runners may be wrong. */
  forgetLearned(): void {
    for (const lane of this.lanes()) lane.forgetLearned(this.#clock.now())
    this.#inTurns.turns.restarted(this.#clock.now())
  }

  /** Admits no call any more and refuses all calls in line. Running calls keep their slots. */
  close(): void {
    this.#closed = true
    for (const lane of this.lanes()) lane.dismissAll(this.#clock.now())
    this.#sweep.stop()
    this.#inTurns.stop()
  }

  #applySettings(lane: Lane): void {
    lane.setLimits(this.#settings.of(lane.runnerId, lane.names), this.#clock.now())
  }

  #open(name: string): ModelCalls<Lane> {
    for (const model of surplus(this.#models.values(), this.#models.size, (each) =>
      this.#isForgettable(each),
    ))
      this.#forget(model)
    const facts = this.#runners.find(name)
    const lane = this.#lanes.find(facts?.runner) ?? this.#lanes.open(facts?.runner, this.#clock.now())
    const isKnown = lane.models.length > 0
    const model = new ModelCalls(name, this.#observer.lane(name), lane)
    lane.adopt(model)
    this.#models.set(name, model)
    if (facts?.forced !== undefined) lane.force(facts.forced)
    this.#applySettings(lane)
    if (!isKnown) this.#inTurns.opened(lane)
    this.#runners.opened(name)
    return model
  }

  #isForgettable(model: ModelCalls<Lane>): boolean {
    // The last name of a lane keeps the pause that an operator asked for, and that the runner is stuck.
    const { models, paused, stuck } = model.lane
    const isKept = models.length === 1 && (stuck || paused !== this.#lanes.paused)
    return model.idle && !isKept && !this.#settings.has(model.model)
  }

  #forgetIfUnknown(model: ModelCalls<Lane> | undefined): void {
    if (model === undefined || !this.#runners.complete) return
    if (model.served || !this.#isForgettable(model)) return
    if (this.#runners.find(model.model) === undefined) this.#forget(model)
  }

  #forget(model: ModelCalls<Lane>): void {
    this.#models.delete(model.model)
    model.lane.drop(model)
    if (model.lane.models.length === 0) model.lane.turn.leave(this.#clock.now())
  }

  /** Returns the next deadline in any line; undefined when no call waits. */
  #expire(now: number): number | undefined {
    const earliest = this.#lanes.expire(now)
    return this.waiting.calls > 0 ? earliest : undefined
  }
}
