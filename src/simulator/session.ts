import type { EngineCall, EngineFigures, EngineHandle } from './engine-call.ts'

/** What a session asks of the part of the engine that holds it now. */
export interface Holder {
  /** The session ends here and now: forget it, free what it held. */
  drop(session: Session): void
  pause?(session: Session): void
  resume?(session: Session): void
}

/** How a session ended; undefined while it lives. */
export type SessionOutcome = 'finished' | 'aborted' | 'failed'

/** One call on its way through the engine: held by the loader, then by a runner, then by nobody. It ends once. */
export class Session implements EngineHandle {
  readonly call: EngineCall
  readonly submittedAt: number
  /** Its model was in memory for it; undefined while it still waits for that. */
  grantedAt: number | undefined
  startedAt = 0
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
    if (!this.outcome) this.#holder?.pause?.(this)
  }

  resume(): void {
    if (!this.outcome) this.#holder?.resume?.(this)
  }

  /** The holder says that the work is done and everything it held is free again. */
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
