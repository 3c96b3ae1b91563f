import type { FairSettings } from '../admission/contract.ts'
import type { Config } from '../config/schema.ts'

/** How the slots are shared, from the configuration. */
export function fairSettings({
  classes,
  fairness,
  reserve,
}: Pick<Config, 'classes' | 'fairness' | 'reserve'>): FairSettings {
  return { fair: fairness === 'on', weights: classes, reserve }
}
