import type { FairSettings } from '../contract.ts'

/** What all lines of one admission have in common. */
export interface FairRules {
  readonly settings: FairSettings
}
