import type { FairSettings } from './contract.ts'

/** As installed. */
export const FAIR: FairSettings = {
  fair: true,
  weights: { interactive: 8, normal: 3, batch: 1 },
  reserve: 0,
}
