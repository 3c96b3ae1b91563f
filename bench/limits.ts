/**
 * How soon `auto` finds the number of calls that Ollama runs at once, and what that gains. All in virtual time: the lanes
 * in front of the simulator's engine, an hour of eight clients that come back at once.
 *
 *     node --import tsx bench/limits.ts [--json FILE]
 *
 * Ends with 1 when a target was missed.
 */
import { parseArgs } from 'node:util'
import { CHAT, EQUAL, LimitWorld, median } from '../test/admission/true-limits/world.ts'
import { Report } from './support/admission-report.ts'

const HOUR = 3_600_000
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

const { values } = parseArgs({ options: { json: { type: 'string' } } })
const report = new Report('limits')

for (const [name, habit] of Object.entries({ 'equal calls': EQUAL, 'calls of all lengths': CHAT })) {
  for (const inside of [1, 2, 3, 4, 8]) {
    const what = `${inside} inside, ${name}`
    const lives = SEEDS.map((seed) => {
      const live = (chosen: boolean) => {
        const world = new LimitWorld({ inside, outside: 4, seed, chosen })
        world.clients(8, habit)
        world.clock.advance(HOUR)
        return world
      }
      return { learned: live(false), asConfigured: live(true) }
    })
    const learned = lives.map((life) => life.learned)
    const limits = learned.map(({ lane }) => lane.effective.parallel)
    report.row(`limit in force after an hour, ${what}`, 'slots', limits, exactly(Math.min(inside, 4)))
    if (inside < 4) {
      const found = learned.map(({ changes }) => changes.at(-1)?.after ?? Number.POSITIVE_INFINITY)
      report.row(
        `contended calls until it was found, ${what}`,
        'calls',
        found,
        inside === 1 ? { most: 9 } : {},
      )
    }
    const shares = learned.map(({ changes, ended }) => {
      const since = changes.at(-1)?.at ?? 0
      return 100 * median(ended.filter(({ sentAt }) => sentAt >= since).map(({ waitedShare }) => waitedShare))
    })
    report.row(`time in line inside Ollama, ${what}`, '% of the median call', shares, { most: 5 })
    const before = lives.map(
      ({ asConfigured }) => 100 * median(asConfigured.ended.map(({ waitedShare }) => waitedShare)),
    )
    report.row(`the same with four at once, ${what}`, '% of the median call', before)
    const served = lives.map((life) => life.learned.served / life.asConfigured.served)
    report.row(`work served, by four at once, ${what}`, 'x', served, { least: 0.99 })
  }
}
if (values.json !== undefined) report.save(values.json)
process.exitCode = report.met ? 0 : 1

function exactly(value: number) {
  return { least: value, most: value }
}
