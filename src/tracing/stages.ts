import type { FinishedCall } from '../relay/contract.ts'

/** A part of a call's time, in milliseconds after its arrival. */
export interface CallStage {
  readonly from: number
  readonly to: number
}

interface Stages {
  /** The wait in line for a slot. */
  readonly queue?: CallStage
  /** From sending the call to Ollama to the end of the answer. */
  readonly upstream?: CallStage
}

/** Splits the time of a call. The rest of its time went into reading its body. */
export function stagesOf({ reason, waitMs, sentMs, totalMs }: FinishedCall): Stages {
  // A call that was never sent left the line at its end.
  const turnAt = sentMs ?? totalMs
  // A full line refuses a call on arrival, so that call never waited.
  const queued = waitMs > 0 && reason !== 'queue_full'
  return {
    ...(queued && { queue: { from: Math.max(0, turnAt - waitMs), to: turnAt } }),
    ...(sentMs !== null && { upstream: { from: sentMs, to: totalMs } }),
  }
}
