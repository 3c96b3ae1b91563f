import type { CallCounters } from './counters.ts'
import type { EngineCall, EngineFigures, EngineHandle } from './engine-call.ts'
import type { LoadFailure } from './load-faults.ts'

/** The part of the engine that holds a session: the loader or a runner. */
export interface Holder {
  /** The session is over: the holder forgets the session and frees what the session held. */
  drop(session: Session): void
  setPaused?(session: Session, paused: boolean): void
}

type SessionOutcome = 'finished' | 'aborted' | 'failed'

/** One call inside the engine. The loader holds the session first, then a runner. A session ends once. */
export class Session implements EngineHandle {
  readonly call: EngineCall
  readonly counts: CallCounters
  readonly submittedAt: number
  /** When the runner admitted the session; undefined while the session waits for its model. */
  grantedAt: number | undefined
  /** Undefined while the session lives. */
  outcome: SessionOutcome | undefined
  /** The load was out of memory once, and was or will be tried again. */
  retriedLoad = false
  #holder: Holder | undefined

  constructor(call: EngineCall, counts: CallCounters, now: number) {
    this.call = call
    this.counts = counts
    this.submittedAt = now
  }

  heldBy(holder: Holder): void {
    this.#holder = holder
  }

  cancel(): void {
    this.#end('aborted')
  }

  fail(): void {
    this.#end('failed')
  }

  pause(): void {
    if (!this.outcome) this.#holder?.setPaused?.(this, true)
  }

  resume(): void {
    if (!this.outcome) this.#holder?.setPaused?.(this, false)
  }

  /** Called by the holder when the work is done and everything that the session held is free. */
  finish(figures: EngineFigures): void {
    if (this.outcome) return
    this.outcome = 'finished'
    this.counts.add('finished')
    this.call.onDone?.(figures)
  }

  /** The model cannot be loaded. */
  failLoad(failure: LoadFailure): void {
    if (this.outcome) return
    this.fail()
    this.call.onLoadFailed?.(failure)
  }

  #end(outcome: 'aborted' | 'failed'): void {
    if (this.outcome) return
    this.outcome = outcome
    this.counts.add(outcome)
    if (this.grantedAt === undefined) this.counts.add('pending', -1)
    this.#holder?.drop(this)
  }
}
