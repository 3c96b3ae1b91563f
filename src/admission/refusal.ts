/** Why a call got no slot. `cancelled`: its client left first, nobody reads the answer. */
export type RefusalCode = 'queue_full' | 'timeout' | 'shutting_down' | 'cancelled'

export interface RefusalFacts {
  /** Undefined for a call that was refused before its model was read. */
  readonly model?: string | undefined
  /** When it pays to come back, in milliseconds from now; already paced and jittered. */
  readonly retryAfterMs?: number
  /** An operator holds the calls of this model in line. */
  readonly paused?: boolean
  /** The wait that was predicted at arrival, when that is what the call was refused for. */
  readonly estimatedWaitMs?: number
}

/** Thrown where a call gets no slot; becomes an HTTP answer in http/errors.ts and nowhere else. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly facts: RefusalFacts

  constructor(code: RefusalCode, facts: RefusalFacts) {
    super(`${code}: ${facts.model ?? 'model not read'}`)
    this.code = code
    this.facts = facts
  }
}
