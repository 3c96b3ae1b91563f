import type { Outcome } from '../admission/observer.ts'
import { Refusal } from '../admission/refusal.ts'
import { canStream } from '../ollama/routes.ts'
import { Unreadable } from '../ollama/unreadable.ts'
import { causeOf } from '../upstream/cause.ts'
import type { CallRecord } from './call-record.ts'
import type { CallOutcome, CallReason, Ending } from './contract.ts'
import { Failure, type FailureCode } from './failure.ts'

/** The outcome of a call that was sent to Ollama, by the way its forwarding ended. */
const OUTCOME_BY_ENDING: Readonly<Record<Ending, Outcome>> = {
  done: 'done',
  broken: 'failed',
  client_gone: 'cancelled',
  aborted: 'failed',
}

/** The outcome of a call that failed, or that the proxy ended, with this code. */
const OUTCOME_BY_FAILURE: Readonly<Record<FailureCode, Outcome>> = {
  upstream_error: 'failed',
  timeout: 'timed_out',
  body_too_large: 'failed',
  body_stalled: 'failed',
  invalid_form: 'failed',
  invalid_request: 'failed',
  client_gone: 'cancelled',
  cancelled: 'cancelled',
  superseded: 'cancelled',
  internal_error: 'failed',
}

/** Failures of the request itself: the call was refused before Ollama could hear of it. */
const NEVER_SENT: ReadonlySet<FailureCode> = new Set([
  'body_too_large',
  'body_stalled',
  'invalid_form',
  'invalid_request',
])

/**
 * The outcome of a call that Ollama has answered, as far as it came. `stopped`: why the proxy itself ended the call.
 * `failed`: the answer is an error.
 */
export function outcomeOfEnd(
  ending: Ending,
  stopped: Refusal | Failure | undefined,
  failed: boolean,
): Outcome {
  if (ending === 'done' && failed) return 'failed'
  if (ending === 'aborted' && stopped instanceof Failure) return OUTCOME_BY_FAILURE[stopped.code]
  return OUTCOME_BY_ENDING[ending]
}

/** Why the connection to Ollama ended before the answer was over, as FinishedCall.cause. `cause`: of a broken answer. */
export function causeOfEnd(
  ending: Ending,
  cause: unknown,
  stopped: Refusal | Failure | undefined,
): string | null {
  if (ending === 'broken') return causeOf(cause).code
  return ending === 'aborted' && stopped?.code === 'superseded' ? 'superseded_running' : null
}

/** Why a call got no slot, for the log; null for a call that Ollama had, or that failed otherwise. */
export function reasonOf(error: Refusal | Failure, thrown: unknown): CallReason | null {
  if (error instanceof Failure && error.code === 'superseded') return error.sent ? null : error.code
  return thrown instanceof Refusal ? thrown.code : null
}

/** The outcome of a call that got no answer from Ollama. */
export function outcomeOf(error: Refusal | Failure): CallOutcome {
  if (error instanceof Failure) return NEVER_SENT.has(error.code) ? 'refused' : OUTCOME_BY_FAILURE[error.code]
  if (error.code === 'cancelled') return 'cancelled'
  return error.code === 'timeout' ? 'timed_out' : 'refused'
}

/** Adds what the client should know of a failure. */
export function describeFailure(failure: Failure, { model, path, wantsStream }: CallRecord): void {
  failure.model ??= model
  if (failure.code === 'timeout' && failure.sent) failure.askedForWhole = canStream(path) && !wantsStream
}

/** Any error as one of the relay's. An error that nobody expected becomes the cause of an internal_error. */
export function asRelayError(thrown: unknown): Refusal | Failure {
  if (thrown instanceof Refusal || thrown instanceof Failure) return thrown
  return new Failure(thrown instanceof Unreadable ? thrown.code : 'internal_error', { cause: thrown })
}
