/**
 * What each caller receives of the slots: in the order of arrival, with one call of each caller in turn, and with the
 * shares of the proxy, in virtual time on the simulator's engine.
 *
 *     node --import tsx bench/fairness.ts [--quick] [--case PART]
 *
 * `--case` runs the workloads whose names contain PART. Ends with 1 when a target was missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { backlogs, classes, floods, traces } from './fairness/cases.ts'
import { CONTESTANTS } from './fairness/contestants.ts'
import { curvesOf } from './fairness/curves.ts'
import { figuresOf } from './fairness/figures.ts'
import { share } from './fairness/sharing.ts'
import { rowsOf, type SharingResult } from './fairness/targets.ts'
import type { SharingWorkload } from './fairness/workload.ts'
import { CURVES, OUT, publish } from './support/findings.ts'
import { say } from './support/rounds.ts'

/** Of a run, such that the rarest calls still have a p99. A quick run has a tenth of it. */
const HOURS = 20
const QUICK = 0.1

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, case: { type: 'string', default: '' } },
})
const hours = HOURS * (values.quick ? QUICK : 1)
const results = {
  floods: resultsOf(floods(hours / 2)),
  backlogs: resultsOf(backlogs(hours)),
  classes: resultsOf(classes(hours)),
  traces: resultsOf(traces()),
}
const rows = rowsOf(results)
if (rows.length === 0) throw new RangeError(`no workload has ${values.case} in its name`)
// Figures of some of the workloads are no more worth publishing than those of a quick run.
publish('fairness', process.argv.length > 2, {
  rows,
  notes: [
    'ours first, the others beside it; service: time in slots; equal figures on every machine',
    'bound: (slots + 1) · longest call / least weight; windows of 200 mean calls, one after the other',
    'a batch residual: what a running batch call has still to run at a random moment, E[c²] / 2 E[c]',
  ],
  raw: { hours, rows },
})
mkdirSync(OUT, { recursive: true })
writeFileSync(new URL(CURVES, OUT), curvesOf(Object.values(results).flat()))
process.exitCode = rows.every(({ met }) => met !== false) ? 0 : 1

function resultsOf(workloads: readonly SharingWorkload[]): SharingResult[] {
  return workloads
    .filter(({ name }) => name.includes(values.case))
    .map((workload) => {
      say(`  ${workload.name}`)
      const figures = CONTESTANTS.map((contestant) => {
        return [contestant.name, figuresOf(workload, share(workload, contestant))] as const
      })
      return { workload, by: new Map(figures) }
    })
}
