import type { Call, FairSettings } from '../../../../src/admission/contract.ts'
import { LocalAdmission } from '../../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../../../src/admission/local-ticket.ts'
import { Refusal } from '../../../../src/admission/refusal.ts'
import { type Caller, type CallerLimits, EVERYBODY, NO_LIMITS } from '../../../../src/callers/caller.ts'
import { aKey } from '../../../callers/support/builders.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { OLLAMA } from '../../support/builders.ts'
import { Tally } from '../../support/recorder.ts'
import { Random } from '../../turns/support/random.ts'
import type { History, HistoryEvent } from './history.ts'

/**
 * Plays a history through the admission of this process, and tells in words what followed from each event: which call got
 * its slot when, which was refused with which figures, and how many calls of each lane run and wait.
 */
export class HistoryPlayer {
  readonly #clock = new ManualClock()
  readonly #admission: LocalAdmission
  readonly #history: History
  readonly #callers: CallerLimits[]
  readonly #tallies = new Map<string, Tally>()
  #calls = 0
  readonly #inLine: { readonly id: number; readonly ticket: LocalTicket }[] = []
  readonly #running: { readonly id: number; readonly permit: LocalPermit }[] = []
  #effects: string[] = []

  constructor(history: History, fairness: FairSettings) {
    this.#history = history
    this.#callers = [...history.callers]
    const jitter = new Random(history.seed)
    const { runners, defaults, maxWaitingBytes } = history
    this.#admission = new LocalAdmission({
      clock: this.#clock,
      observer: { lane: (model) => this.#tallyOf(model) },
      upstream: OLLAMA,
      defaults,
      maxWaitingBytes,
      runners: {
        find: (name) => ({ runner: runners.get(name) }),
        complete: false,
        opened() {},
      },
      random: () => jitter.next(),
      fairness,
    })
  }

  /** What followed from each event of the history. */
  play(): string[] {
    return this.#history.events.map((event) => {
      this.#effects = []
      this.#live(event)
      return [...this.#effects, ...this.#lanes()].join('; ')
    })
  }

  #live(event: HistoryEvent): void {
    const admission = this.#admission
    if (event.kind === 'arrive') for (let i = 0; i < event.count; i++) this.#arrive(event)
    else if (event.kind === 'release') this.#release(event)
    else if (event.kind === 'cancel') this.#inLine[event.pick % this.#inLine.length]?.ticket.cancel(this.#now)
    else if (event.kind === 'advance') this.#clock.advance(event.ms)
    else if (event.kind === 'limit') admission.configure(event.name, event.change)
    else if (event.kind === 'pause') admission.pause(event.name, event.paused)
    else if (event.kind === 'limit caller') this.#limitCaller(event.caller, event.limits)
    else if (event.kind === 'reset') this.#tallies.get(event.name)?.reset()
    else admission.forgetLearned()
  }

  get #now(): number {
    return this.#clock.now()
  }

  #arrive(event: HistoryEvent & { kind: 'arrive' }): void {
    const id = ++this.#calls
    const call: Call = {
      model: event.name,
      caller: this.#caller(event.caller),
      class: event.class,
      user: event.user,
      deadline: this.#now + event.patienceMs,
      bytes: event.bytes,
      slots: event.slots,
      work: event.work,
    }
    try {
      const answer = this.#admission.acquire(call)
      if (answer instanceof LocalPermit) this.#granted(id, answer, event.isGone)
      else this.#stand(id, answer, event.isGone)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#refused(id, error)
    }
  }

  #caller(index: number): Caller {
    const { scene } = this.#history
    if (scene === 'one') return EVERYBODY
    const place = index % this.#callers.length
    const name = `caller${place}`
    const limits = this.#callers[place] ?? NO_LIMITS
    return { id: name, key: place % 2 === 0 ? undefined : { ...aKey(name), limits }, limits }
  }

  #limitCaller(index: number, limits: CallerLimits): void {
    const place = index % this.#callers.length
    this.#callers[place] = limits
    this.#admission.callersChanged((id) => (id === `caller${place}` ? limits : undefined))
  }

  #stand(id: number, ticket: LocalTicket, isGone: boolean): void {
    this.#effects.push(`${id} waits`)
    const place = { id, ticket }
    this.#inLine.push(place)
    ticket.onSettled((result) => {
      this.#inLine.splice(this.#inLine.indexOf(place), 1)
      if (result instanceof Refusal) this.#refused(id, result)
      else if (result instanceof LocalPermit) this.#granted(id, result, isGone)
    })
  }

  #granted(id: number, permit: LocalPermit, isGone: boolean): void {
    this.#effects.push(
      `${id} runs at ${this.#now} on ${permit.slots} after ${permit.waitMs}${isGone ? ', gone' : ''}`,
    )
    if (isGone) permit.release('cancelled', this.#now)
    else this.#running.push({ id, permit })
  }

  #refused(id: number, { code, facts }: Refusal): void {
    const { retryAfterMs, estimatedWaitMs, scope, paused } = facts
    // Machines may differ in the last digit of a power of two.
    const [retry, wait] = [retryAfterMs, estimatedWaitMs].map((ms) =>
      ms === undefined ? '-' : Math.round(ms),
    )
    this.#effects.push(
      `${id} ${code} at ${this.#now}, retry ${retry}, wait ${wait}, ${scope ?? '-'}${paused ? ', paused' : ''}`,
    )
  }

  #release({ pick, outcome, loadMs }: HistoryEvent & { kind: 'release' }): void {
    const [held] = this.#running.splice(pick % Math.max(1, this.#running.length), 1)
    if (held === undefined) return
    this.#effects.push(`${held.id} ${outcome}`)
    held.permit.release(outcome, this.#now, { served: outcome === 'done', loadMs })
  }

  #lanes(): string[] {
    return [...this.#admission.lanes()].map(({ runner, active, queued }) => `${runner} ${active}+${queued}`)
  }

  #tallyOf(model: string): Tally {
    const tally = new Tally()
    this.#tallies.set(model, tally)
    return tally
  }
}
