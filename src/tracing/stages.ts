import type { FinishedCall } from '../relay/contract.ts'

/** A part of a call's time, in milliseconds after its arrival. */
export interface Stage {
  readonly from: number
  readonly to: number
}

export interface Stages {
  /** In line for a slot. */
  readonly queue?: Stage
  /** From sending it to Ollama to the end of the answer. */
  readonly upstream?: Stage
}

export type StagedCall = Pick<FinishedCall, 'reason' | 'waitMs' | 'sentMs' | 'totalMs'>

/** Where a call's time went. What is left of it went into reading its body. */
export function stagesOf({ reason, waitMs, sentMs, totalMs }: StagedCall): Stages {
  // One that was never sent left the line without its turn.
  const turnAt = sentMs ?? totalMs
  // A full line refuses a call at its door.
  const queued = waitMs > 0 && reason !== 'queue_full'
  return {
    ...(queued && { queue: { from: Math.max(0, turnAt - waitMs), to: turnAt } }),
    ...(sentMs !== null && { upstream: { from: sentMs, to: totalMs } }),
  }
}
