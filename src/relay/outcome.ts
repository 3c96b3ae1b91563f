import type { Outcome } from '../admission/observer.ts'
import { Refusal } from '../admission/refusal.ts'
import type { Ending } from './contract.ts'
import { Failure, type FailureCode } from './failure.ts'

/** How a call that was sent to Ollama counts by the way its forwarding ended. */
export const DELIVERED: Readonly<Record<Ending, Outcome>> = {
  done: 'done',
  broken: 'failed',
  client_gone: 'cancelled',
  aborted: 'failed',
}

/** How one counts that failed, or that we ended, for this reason. */
export const FAILED: Readonly<Record<FailureCode, Outcome>> = {
  upstream_error: 'failed',
  timeout: 'timed_out',
  body_too_large: 'failed',
  body_stalled: 'failed',
  invalid_form: 'failed',
  invalid_request: 'failed',
  client_gone: 'cancelled',
  cancelled: 'cancelled',
}

/** Failures of the request itself: it was refused before Ollama could have heard of it. */
const NEVER_SENT: ReadonlySet<FailureCode> = new Set([
  'body_too_large',
  'body_stalled',
  'invalid_form',
  'invalid_request',
])

/** How one counts that got no answer from Ollama. */
export function outcomeOf(error: unknown): Outcome | 'refused' {
  if (error instanceof Refusal) {
    if (error.code === 'cancelled') return 'cancelled'
    return error.code === 'timeout' ? 'timed_out' : 'refused'
  }
  if (!(error instanceof Failure)) return 'failed'
  return NEVER_SENT.has(error.code) ? 'refused' : FAILED[error.code]
}
