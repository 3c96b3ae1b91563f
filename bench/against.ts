/**
 * What a call costs in this build and in another one, both standing, in alternating slices.
 *
 *     npm run bench:against -- DIR [--bun] [--starts N] [--quick]
 *
 * DIR has the other build's dist/ and a node_modules that it finds. More starts make the interval narrower.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installed } from '../test/conformance/runtimes/install.ts'
import { publish, type Row } from './support/findings.ts'
import { startProxy } from './support/proxy.ts'
import { medianWithin, quartiles, type Rounds, ratio, type Spread } from './support/rounds.ts'
import {
  counted,
  driveInTurns,
  type Job,
  PARALLEL,
  priceRows,
  REQUESTS,
  STREAMS,
  type Starter,
  sliceNote,
} from './support/standing.ts'

const {
  values: { bun, quick, starts },
  positionals: [other],
} = parseArgs({
  options: {
    bun: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    starts: { type: 'string', default: '6' },
  },
  allowPositionals: true,
})
if (other === undefined) throw new Error('usage: npm run bench:against -- DIR [--bun] [--starts N] [--quick]')

const runtime = bun ? installed('bun') : process.execPath
const built =
  (folder: string): Starter =>
  async (upstream) =>
    counted(
      await startProxy({ upstream, parallel: PARALLEL, program: [runtime, join(folder, 'dist', 'main.js')] }),
    )

const starters = { this: built(join(import.meta.dirname, '..')), other: built(other) }
const plan = quick
  ? { starts: 1, rounds: 2, sliceSeconds: 1, warmUps: 1 }
  : { starts: Number(starts), rounds: 8, sliceSeconds: 2, warmUps: 3 }
const [requests = {}, streams = {}] = await driveInTurns(starters, [REQUESTS, STREAMS], plan)

function compared({ what }: Job, rounds: Rounds): Row {
  const ratios = ratio(rounds, 'µs CPU', 'this', 'other')
  const shown = ({ low, median, high }: Spread) =>
    `${median.toFixed(3)}× (${low.toFixed(3)} to ${high.toFixed(3)})`
  return {
    what: `${what}: CPU of this build over the other’s`,
    value: `${shown(quartiles(ratios))}, with 95 % of the median: ${shown(medianWithin(ratios))}`,
  }
}

publish('against', quick, {
  rows: [
    ...priceRows(REQUESTS, requests),
    compared(REQUESTS, requests),
    ...priceRows(STREAMS, streams),
    compared(STREAMS, streams),
  ],
  notes: [sliceNote(plan), `${bun ? 'bun' : 'node'}; the other build: ${other}`],
  raw: { requests, streams },
})
