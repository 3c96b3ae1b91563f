import { CALL_CLASSES } from '../callers/caller.ts'
import type { Families } from './prometheus-families.ts'
import type { ClassShare, Shares } from './shares.ts'

export interface ShareMetricsParts {
  readonly shares: Pick<Shares, 'now'>
}

/** The metrics of how the slots are shared. */
export function describeShares(families: Families, { shares }: ShareMetricsParts): void {
  const gauges = [
    ['class_active', 'Calls that hold slots, by class.', ({ active }) => active],
    ['class_queued', 'Calls in line, by class.', ({ queued }) => queued],
  ] as const satisfies readonly (readonly [string, string, (of: ClassShare) => number])[]
  for (const [name, help, figure] of gauges)
    families.gauge({ name, help, labels: ['class'] }, () => {
      const { classes } = shares.now()
      return CALL_CLASSES.map((each) => [{ class: each }, figure(classes[each])] as const)
    })
  families.value(
    'fairness_jain',
    "Jain's index over the callers of the last five minutes, of slot-time divided by weight: 1 where all had the same.",
    () => shares.now().jain,
  )
}
