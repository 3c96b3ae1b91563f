import { InvariantChecker } from '../../test/admission/support/invariant-checker.ts'
import { drawStep } from '../../test/admission/support/step.ts'
import { heapUsed } from './admission-costs.ts'
import { seeded } from './admission-random.ts'
import type { Report } from './admission-report.ts'

const STEPS_A_LIFE = 20_000

/** Random histories against a model of admission: any difference is a violation, told with its seed and step. */
export function countViolations(report: Report, steps: number): void {
  let violations = 0
  let before = 0
  for (let lived = 0; lived < steps; lived += STEPS_A_LIFE) {
    const seed = 1 + lived / STEPS_A_LIFE
    const fault = live(seed, Math.min(STEPS_A_LIFE, steps - lived))
    if (fault !== undefined) {
      violations++
      process.stderr.write(`seed ${seed}, ${fault}\n`)
    }
    if (lived === 0) before = heapUsed()
  }
  report.row('T6 steps lived', 'steps', [steps])
  report.row('T6 violations', 'histories', [violations], { most: 0 })
  report.row('T7 heap left behind', 'B', [heapUsed() - before], { most: 1_000_000 })
}

/** Undefined when all went well, else what went wrong and where. */
function live(seed: number, steps: number): string | undefined {
  const checker = new InvariantChecker()
  const random = seeded(seed)
  let step = 0
  try {
    for (; step < steps; step++) checker.live(drawStep(random))
    checker.live({ kind: 'close' })
    checker.quiesce()
    return undefined
  } catch (error) {
    return `step ${step}: ${String(error)}`
  }
}
