/**
 * What turns do for models that share one Ollama: bursts and a recorded trace over several models, in virtual time on
 * the simulator's engine, with Ollama alone, with the proxy without and with turns, and in strict order of arrival.
 *
 *     node --import tsx bench/turns.ts [--quick] [--case PART] [--seeds N] [--max-wait SECONDS] [--max-switching PERCENT]
 *
 * `--case` runs the cases whose names contain PART. Ends with 1 when a target was missed.
 */
import { parseArgs } from 'node:util'
import type { TurnSettings } from '../src/admission/turns/contract.ts'
import { publish } from './support/findings.ts'
import { say } from './support/rounds.ts'
import { bursts, type Case, odd, traces } from './turns/cases.ts'
import { contestants } from './turns/contestants.ts'
import { type Figures, figuresOf } from './turns/figures.ts'
import { ALONE, type Contestant, NO_TURNS, race, TURNS } from './turns/race.ts'
import { print, type Result } from './turns/results.ts'
import { rowsOf } from './turns/targets.ts'
import { type Asks, callsOf } from './turns/workload.ts'

const SEEDS = 5
const ODD_WORLDS = 60
const QUICK_ODD_WORLDS = 15
/** Of the loads of a quick run. */
const QUICK_LOAD_MS = 10_000
const MAX_WAIT_SECONDS = 120
const MAX_SWITCHING_PERCENT = 15

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    case: { type: 'string', default: '' },
    seeds: { type: 'string' },
    'max-wait': { type: 'string', default: String(MAX_WAIT_SECONDS) },
    'max-switching': { type: 'string', default: String(MAX_SWITCHING_PERCENT) },
  },
})
const { quick } = values
const seeds = numberOf('seeds', values.seeds ?? String(quick ? 1 : SEEDS))
const settings: TurnSettings = {
  ordered: true,
  maxWaitMs: 1_000 * numberOf('max-wait', values['max-wait']),
  maxSwitching: numberOf('max-switching', values['max-switching']) / 100,
  together: [],
}
const everybody = contestants(settings)
const inOddWorlds = everybody.filter(({ name }) => [ALONE, NO_TURNS, TURNS].includes(name))

say(`turns: ${seeds} seeds, max_wait ${values['max-wait']} s, max_switching ${values['max-switching']} %`)
const results = {
  bursts: resultsOf(bursts()),
  traces: resultsOf(traces()),
  odd: {
    'odd machines': oddResults(undefined),
    'odd machines, half of the calls with keep_alive 0': oddResults('unload'),
    'odd machines, half of the calls with keep_alive 5m': oddResults('stay'),
    'odd machines, two num_ctx': oddResults('contexts'),
  },
}
const rows = rowsOf(results)
// Figures of some of the cases, or of other settings, are no more worth publishing than those of a quick run.
publish('turns', process.argv.length > 2, {
  rows,
  notes: [
    `${seeds} seeds; the median, in brackets the lowest and the highest; of several cases the worst one, with its name`,
    'bound: no order of these calls ends earlier, so the share of the best is at least the share that is shown',
  ],
  raw: { settings, results },
})
process.exitCode = rows.every(({ met }) => met !== false) ? 0 : 1

function resultsOf(cases: readonly Case[]): Result[] {
  const wanted = cases.filter(
    ({ name, machine }) => name.includes(values.case) && (!quick || machine.loadMs === QUICK_LOAD_MS),
  )
  return wanted.map((each) => {
    const result = resultOf(
      each,
      everybody,
      Array.from({ length: seeds }, (_, index) => index + 1),
    )
    print(result)
    return result
  })
}

/** Worlds by chance. Only the worlds with more loads than Ollama alone are printed. */
function oddResults(asks: Asks | undefined): Result[] {
  const worlds = Array.from({ length: quick ? QUICK_ODD_WORLDS : ODD_WORLDS }, (_, index) => index + 1)
  return worlds
    .map((seed) => ({ seed, world: odd(asks, seed) }))
    .filter(({ world }) => world.name.includes(values.case))
    .map(({ seed, world }) => {
      const result = resultOf(world, inOddWorlds, [seed])
      const [alone = 0, turns = 0] = [ALONE, TURNS].map((name) => result.by[name]?.[0]?.loads)
      if (turns > alone) print(result)
      return result
    })
}

function resultOf(each: Case, racing: readonly Contestant[], seeded: readonly number[]): Result {
  const by: Record<string, Figures[]> = {}
  for (const seed of seeded) {
    const calls = callsOf(each, seed)
    for (const contestant of racing) {
      const figures = figuresOf(calls, each.machine, race(calls, each.machine, contestant))
      by[contestant.name] = [...(by[contestant.name] ?? []), figures]
    }
  }
  return { case: each, by }
}

/** Throws a RangeError for anything but a number of 0 or more. */
function numberOf(option: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !(number >= 0)) throw new RangeError(`--${option} needs a number, not ${text}`)
  return number
}
