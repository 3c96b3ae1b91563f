/**
 * What the core of admission costs and what it promises, measured.
 *
 *     node --expose-gc --import tsx bench/admission.ts [--steps 1000000] [--json FILE]
 *
 * What is timed comes first, behind asserts of its own: the histories run the same code with another clock and another
 * observer, after which it is a third slower. Ends with 1 when a target was missed.
 */
import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import { measureCosts } from './support/admission-costs.ts'
import { countViolations } from './support/admission-history.ts'
import { measurePolicy } from './support/admission-policy.ts'
import { Report } from './support/admission-report.ts'
import { measureTurnover } from './support/admission-turnover.ts'

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '1000000' }, json: { type: 'string' } },
})
const steps = Number(values.steps)
assert.ok(Number.isInteger(steps) && steps > 0, `--steps takes a number of steps, not ${values.steps}`)

const report = new Report('admission')
await measureCosts(report)
measureTurnover(report)
countViolations(report, steps)
measurePolicy(report)
if (values.json !== undefined) report.save(values.json)
process.exitCode = report.met ? 0 : 1
