/**
 * What the same call costs on each runtime, in one run: requests and streams a second, their CPU and added latency.
 *
 *     node --import tsx bench/runtimes.ts [--quick]
 */
import { installed, installRuntimes } from '../test/conformance/runtimes/install.ts'
import { isQuick, publish, type Row } from './support/findings.ts'
import { packageVersion, versionLine } from './support/machine.ts'
import { builtOn, startProxy } from './support/proxy.ts'
import { quartiles, type Rounds, ratio, shown } from './support/rounds.ts'
import {
  counted,
  direct,
  driveInTurns,
  type Job,
  PARALLEL,
  priceRows,
  REQUESTS,
  SINGLE,
  STREAMS,
  type Starter,
  sliceNote,
} from './support/standing.ts'
import { startWorkerd } from './support/workerd.ts'

installRuntimes()
const quick = isQuick()
const programs = { node24: installed('node24'), bun: installed('bun') }

const STARTERS: Readonly<Record<string, Starter>> = {
  direct,
  node: built(process.execPath),
  'node 24': built(programs.node24),
  bun: built(programs.bun),
  workerd: async (upstream) => counted(await startWorkerd({ upstream, parallel: PARALLEL })),
}

function built(runtime: string): Starter {
  return async (upstream) =>
    counted(await startProxy({ upstream, parallel: PARALLEL, program: builtOn(runtime) }))
}

// Four seconds for workerd to come up to its pace; the others are there after one.
const plan = quick
  ? { starts: 1, rounds: 1, sliceSeconds: 1, warmUps: 1 }
  : { starts: 2, rounds: 6, sliceSeconds: 1, warmUps: 4 }
const [requests = {}, streams = {}, single = {}] = await driveInTurns(
  STARTERS,
  [REQUESTS, STREAMS, SINGLE],
  plan,
)

/** Bun is there for lower overhead: it has to show in the one figure or the other. */
function bunAgainstNode({ what }: Job, rounds: Rounds): Row {
  const faster = quartiles(ratio(rounds, 'per second', 'bun', 'node'))
  const cheaper = quartiles(ratio(rounds, 'µs CPU', 'node', 'bun'))
  return {
    what: `${what}: Bun against Node`,
    value: `${shown(faster)}× as many a second, CPU of each ${shown(cheaper)}× smaller`,
    target: 'one of them > 1×',
    met: Math.max(faster.median, cheaper.median) > 1,
  }
}

const versions = [
  `node is ${process.version}`,
  `node 24 ${versionLine([programs.node24, '--version'], /(\S+)/)}`,
  `bun ${versionLine([programs.bun, '--version'], /(\S+)/)}`,
  `workerd ${packageVersion('workerd', '../../.runtimes')}, below miniflare ${packageVersion('miniflare', '../../.runtimes')}`,
]

publish('runtimes', quick, {
  rows: [
    ...priceRows(REQUESTS, requests),
    bunAgainstNode(REQUESTS, requests),
    ...priceRows(STREAMS, streams),
    bunAgainstNode(STREAMS, streams),
    ...priceRows(SINGLE, single),
  ],
  notes: [
    sliceNote(plan),
    versions.join(', '),
    'CPU of workerd: the program alone, without the Node that starts it',
  ],
  raw: { requests, streams, single },
})
