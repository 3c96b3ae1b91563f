/**
 * Why a call got no slot. `cancelled`: the client left first, so nobody reads the answer. `load_failed`: Ollama could
 * not load the model, and other models are wanted. model_stuck: Ollama does not work on the calls of this model.
 * model_not_allowed, insufficient_quota: the caller may not have the
 * call, so no lane has heard of the call.
 */
export type RefusalCode =
  | 'queue_full'
  | 'timeout'
  | 'shutting_down'
  | 'cancelled'
  | 'load_failed'
  | 'model_stuck'
  | 'model_not_allowed'
  | 'insufficient_quota'

export interface RefusalFacts {
  /** Undefined for a call that was refused before its model was read. */
  readonly model?: string | undefined
  /** Milliseconds from now after which a new attempt is worth while; paced and jittered already. */
  readonly retryAfterMs?: number
  /** Whose line is full: the model's, or that of the caller's own calls. Absent where callers have no keys. */
  readonly scope?: 'caller' | 'model'
  /** The window of time whose budget is used up. */
  readonly window?: 'day' | 'month'
  /** An operator has paused the model. */
  readonly paused?: boolean
  /** The predicted wait, for a call that was refused because of the prediction. */
  readonly estimatedWaitMs?: number
}

/** Thrown where a call gets no slot; becomes an HTTP answer in http/errors.ts and nowhere else. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly facts: RefusalFacts
  /** For the client, flat: name, value, name, value. */
  headers: readonly string[] = []

  constructor(code: RefusalCode, facts: RefusalFacts) {
    super(`${code}: ${facts.model ?? 'model not read'}`)
    this.code = code
    this.facts = facts
  }
}
