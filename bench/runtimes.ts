/**
 * What the same call costs on each runtime, in one run: requests and streams a second, their CPU and added latency.
 *
 *     node --import tsx bench/runtimes.ts [--quick]
 */
import { installed, installRuntimes } from '../test/conformance/runtimes/install.ts'
import {
  counted,
  measureCapacity,
  medianLatency,
  PARALLEL,
  perSecond,
  type Starter,
} from './support/capacity.ts'
import { isQuick, publish, type Row } from './support/findings.ts'
import { packageVersion, versionLine } from './support/machine.ts'
import { builtOn, startProxy } from './support/proxy.ts'
import { type Rounds, ratio, shown } from './support/rounds.ts'
import { startWorkerd } from './support/workerd.ts'

installRuntimes()
const quick = isQuick()
const programs = { node24: installed('node24'), bun: installed('bun') }

const STARTERS: Readonly<Record<string, Starter>> = {
  direct: async () => undefined,
  node: built(process.execPath),
  'node 24': built(programs.node24),
  bun: built(programs.bun),
  workerd: async (upstream) => counted(await startWorkerd({ upstream, parallel: PARALLEL })),
}

function built(runtime: string): Starter {
  return async (upstream) =>
    counted(await startProxy({ upstream, parallel: PARALLEL, program: builtOn(runtime) }))
}

const { requests, streams, latency } = await measureCapacity(STARTERS, quick)

/** Bun is there for lower overhead: it has to show in the one figure or the other. */
function bunAgainstNode(rounds: Rounds, what: string): Row {
  const faster = ratio(rounds, 'per second', 'bun', 'node')
  const cheaper = ratio(rounds, 'proxy us', 'node', 'bun')
  return {
    what,
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
    ...perSecond(requests, 'requests/s, 64 connections'),
    bunAgainstNode(requests, 'requests on Bun against Node'),
    ...perSecond(streams, 'streams/s, 32 connections, 64 chunks'),
    bunAgainstNode(streams, 'streams on Bun against Node'),
    ...medianLatency(latency),
  ],
  notes: [versions.join(', '), 'CPU of workerd: the program alone, without the Node that starts it'],
  raw: { requests, streams, latency },
})
