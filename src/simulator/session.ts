import type { EngineCall, EngineFigures, EngineHandle } from './engine-call.ts'

/** The part of the engine that holds a session: the loader or a runner. */
export interface Holder {
  /** The session is over: the holder forgets the session and frees what the session held. */
  drop(session: Session): void
  setPaused?(session: Session, paused: boolean): void
}

export type SessionOutcome = 'finished' | 'aborted' | 'failed'

/** One call inside the engine. The loader holds the session first, then a runner. A session ends once. */
export class Session implements EngineHandle {
  readonly call: EngineCall
  readonly submittedAt: number
  /** When the runner admitted the session; undefined while the session waits for its model. */
  grantedAt: number | undefined
  startedAt = 0
  /** Undefined while the session lives. */
  outcome: SessionOutcome | undefined
  #holder: Holder | undefined
  readonly #onOver: (session: Session, outcome: SessionOutcome) => void

  constructor(call: EngineCall, now: number, onOver: (session: Session, outcome: SessionOutcome) => void) {
    this.call = call
    this.submittedAt = now
    this.#onOver = onOver
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
    this.#onOver(this, 'finished')
    this.call.onDone?.(figures)
  }

  #end(outcome: 'aborted' | 'failed'): void {
    if (this.outcome) return
    this.outcome = outcome
    this.#onOver(this, outcome)
    this.#holder?.drop(this)
  }
}
