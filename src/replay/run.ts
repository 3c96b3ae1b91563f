import { type Call, isPermit, type Permit, type Ticket } from '../admission/contract.ts'
import { LocalAdmission } from '../admission/local-admission.ts'
import { Refusal, type RefusalCode } from '../admission/refusal.ts'
import type { CallClass, Caller } from '../callers/caller.ts'
import { isCloudKey } from '../ollama/model-name.ts'
import { Stats } from '../telemetry/stats.ts'
import { CallInSlot } from './call-in-slot.ts'
import type { Evidence } from './evidence.ts'
import { FairWindows, type Side } from './fair-windows.ts'
import { OllamaMachine } from './machine.ts'
import { MemoryWatch } from './memory-watch.ts'
import { type RecordedCall, type Recording, ran } from './recording.ts'
import type { RunSettings } from './settings.ts'
import { type Fate, ReplayTally, type TallyFigures } from './tally.ts'
import { VirtualClock } from './virtual-clock.ts'

/** What came of a recording under some settings. */
export interface RunFigures extends TallyFigures {
  readonly loads: number
  /** See FairWindows. */
  readonly jain: number | null
  /** Slot time used over the slot time that there was, from the first arrival to the last end. */
  readonly busy: number
  /** Milliseconds from the first arrival to the last end. */
  readonly spanMs: number
}

/** A call of the recording that is on its way. */
interface Going {
  readonly index: number
  /** As recorded. */
  readonly call: RecordedCall
  /** Where the time in the slot comes from: the call itself, or another one for a call that got no slot. */
  readonly service: RecordedCall
  readonly caller: Caller
  readonly class: CallClass
  readonly side: Side
  /** Clock milliseconds. */
  readonly arrivedAt: number
  readonly deadline: number
}

/** Runs the calls of a recording through the admission of a proxy in virtual time. The same input gives the same output. */
export function runThrough(
  recording: Recording,
  evidence: Evidence,
  settings: RunSettings,
  windowMs: number,
): RunFigures {
  return new ReplayRun(recording, evidence, settings, windowMs).figures()
}

class ReplayRun {
  readonly #recording: Recording
  readonly #evidence: Evidence
  readonly #settings: RunSettings
  readonly #clock: VirtualClock
  readonly #admission: LocalAdmission
  readonly #machine: OllamaMachine
  readonly #windows: FairWindows
  readonly #tally: ReplayTally
  readonly #callers = new Map<string, Caller>()
  /** Calls that are not over. */
  #open = 0
  #usedMs = 0

  constructor(recording: Recording, evidence: Evidence, settings: RunSettings, windowMs: number) {
    const clock = new VirtualClock(recording.firstAt)
    const { defaults, machine, models, runners, turns, fairness, maxWaitingBytes } = settings
    this.#recording = recording
    this.#evidence = evidence
    this.#settings = settings
    this.#clock = clock
    this.#windows = new FairWindows(windowMs)
    this.#tally = new ReplayTally(recording)
    this.#machine = new OllamaMachine({
      clock,
      facts: machine,
      slotsOf: (model) => this.#admission.model(model)?.lane.effective.parallel ?? defaults.parallel,
      leastSlots: defaults.parallel,
    })
    const watch = new MemoryWatch({
      clock,
      loaded: () => this.#machine.loaded(),
      told: (seen, askedAt) => this.#admission.sawLoaded(seen, askedAt),
    })
    this.#admission = new LocalAdmission({
      ...{ clock, defaults, models, runners, fairness, maxWaitingBytes },
      observer: new Stats(clock),
      upstream: { name: 'ollama' },
      // Only the return of refused clients depends on chance, and nobody returns here.
      random: () => 0,
      turns: { settings: turns, observer: { loaded() {}, left() {} }, watch },
    })
  }

  figures(): RunFigures {
    const clock = this.#clock
    for (const index of this.#evidence.order) {
      const call = this.#recording.at(index)
      clock.runTo(call.arrivedAt - this.#recording.firstAt)
      this.#arrive(index, call)
    }
    while (this.#open > 0 && clock.runNext());
    const slotMs = this.#machine.slotMs
    return {
      ...this.#tally.figures(),
      loads: this.#machine.loads,
      jain: this.#windows.jain,
      busy: slotMs === 0 ? 0 : this.#usedMs / slotMs,
      spanMs: clock.now(),
    }
  }

  #arrive(index: number, call: RecordedCall): void {
    const now = this.#clock.now()
    const service = ran(call) ? call : (this.#evidence.standInFor(index) ?? call)
    const caller = this.#callerOf(call.caller)
    const className = this.#settings.classOf(call)
    // Each field is named: a spread here took a tenth of the time of a run.
    const going: Going = {
      index,
      call,
      service,
      caller,
      class: className,
      side: this.#sideOf(caller, className),
      arrivedAt: now,
      deadline: now + this.#settings.requestTimeoutMs,
    }
    this.#tally.arrived(index, going.class)
    this.#open++
    try {
      const answer: Permit | Ticket = this.#admission.acquire(this.#wanted(going), now)
      if (isPermit(answer)) {
        this.#granted(going, answer, false)
        return
      }
      this.#counts(going, 1, 0)
      // The client is as patient as it was.
      const leave = () => void answer.cancel(this.#clock.now())
      const stays = !Number.isFinite(call.patienceMs)
      const stop = stays ? undefined : this.#clock.after(call.patienceMs, leave)
      answer.onSettled((result) => {
        stop?.()
        if (isRefusal(result)) this.#refusedInLine(going, result.code)
        else this.#granted(going, result, true)
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#over(going, fateOf(error.code))
    }
  }

  #wanted({ call, caller, class: className, deadline }: Going): Call {
    const { model, user, bytes, numCtx } = call
    const options = this.#optionsOf(model, numCtx)
    return { model, caller, user, class: className, deadline, bytes, slots: 1, options }
  }

  /** As GatedRequest writes them, as far as the log tells of them. */
  #optionsOf(model: string, numCtx: number | undefined): string {
    return numCtx === undefined || this.#evidence.contextFree.has(model) ? '' : `num_ctx=${numCtx}`
  }

  /** Cloud models load nothing here and have slots without end; a name without a model is answered at once. */
  #loads(model: string): boolean {
    return !isCloudKey(model) && !this.#evidence.missing.has(model)
  }

  #callerOf(id: string): Caller {
    const known = this.#callers.get(id)
    if (known !== undefined) return known
    const caller = this.#settings.callerOf(id)
    this.#callers.set(id, caller)
    return caller
  }

  #refusedInLine(going: Going, code: RefusalCode): void {
    this.#counts(going, -1, 0)
    this.#tally.waited(going.index, this.#clock.now() - going.arrivedAt)
    this.#over(going, fateOf(code))
  }

  #granted(going: Going, permit: Permit, waited: boolean): void {
    const { call, index, service } = going
    const now = this.#clock.now()
    this.#tally.waited(index, now - going.arrivedAt)
    this.#counts(going, waited ? -1 : 0, permit.slots)
    const { firstByteTimeoutMs } = this.#settings
    new CallInSlot(
      { clock: this.#clock, machine: this.#loads(call.model) ? this.#machine : undefined },
      {
        model: call.model,
        options: this.#optionsOf(call.model, call.numCtx),
        permit,
        service,
        dueAt: firstByteTimeoutMs === undefined ? going.deadline : now + firstByteTimeoutMs,
        over: (isCutOff, serviceMs) => this.#ran(going, permit, isCutOff, serviceMs),
      },
    ).send()
  }

  /** The call gives its slots back. */
  #ran(going: Going, permit: Permit, isCutOff: boolean, serviceMs: number): void {
    const slotMs = serviceMs * permit.slots
    this.#counts(going, 0, -permit.slots)
    if (this.#loads(going.call.model)) this.#usedMs += slotMs
    this.#over(going, isCutOff ? 'cut_off' : 'ran', slotMs)
  }

  #over({ index }: Going, fate: Fate, slotMs = 0): void {
    this.#open--
    this.#tally.ended(index, fate, slotMs)
  }

  #counts({ side }: Going, waiting: number, running: number): void {
    this.#windows.change(side, waiting, running, this.#clock.now())
  }

  #sideOf({ id, limits }: Caller, className: CallClass): Side {
    const weight = (limits.weight ?? 1) * this.#settings.fairness.weights[className]
    return this.#windows.side(className, id, weight)
  }
}

function isRefusal(result: Permit | Refusal): result is Refusal {
  return result instanceof Refusal
}

function fateOf(code: RefusalCode): Fate {
  if (code === 'cancelled') return 'gave_up'
  return code === 'queue_full' || code === 'timeout' || code === 'load_failed' || code === 'shutting_down'
    ? code
    : 'other'
}
