import { CALL_CLASSES } from '../../callers/caller.ts'
import type { FairSettings } from '../contract.ts'

export const NORMAL = CALL_CLASSES.indexOf('normal')
export const BATCH = CALL_CLASSES.indexOf('batch')

/** What all lines of one admission have in common. */
export interface FairRules {
  readonly settings: FairSettings
}

/** Slots of a lane that calls of the class batch may have together. One is always left to them. */
export function slotsForBatch({ fair, reserve }: FairSettings, parallel: number): number {
  return fair ? Math.min(parallel, Math.max(1, parallel - reserve)) : parallel
}
