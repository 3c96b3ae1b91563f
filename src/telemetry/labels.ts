import type { CallOutcome } from '../relay/contract.ts'

/** Label for all that have no label of their own, together. */
export const OTHER = 'other'
/** Label for calls that name no model, or that have no key. */
export const NONE = 'none'

export const OUTCOMES = [
  'done',
  'failed',
  'cancelled',
  'timed_out',
  'refused',
] as const satisfies readonly CallOutcome[]
