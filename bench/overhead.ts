/**
 * What a call costs that never has to wait, in CPU and in time, against HAProxy, the bare relay, the plain relay and
 * no proxy at all.
 *
 *     node --import tsx bench/overhead.ts [--quick]
 */
import { ifInstalled } from '../test/conformance/runtimes/install.ts'
import { isQuick, publish, type Row } from './support/findings.ts'
import { startBareRelay, startHonoRelay, startPlainRelay } from './support/programs.ts'
import { builtOn, startProxy } from './support/proxy.ts'
import { quartiles, shown, values } from './support/rounds.ts'
import { startHaproxy } from './support/servers.ts'
import {
  counted,
  direct,
  driveInTurns,
  PARALLEL,
  priceRatio,
  priceRows,
  REQUESTS,
  SINGLE,
  STREAMS,
  type Starter,
  sliceNote,
} from './support/standing.ts'

const quick = isQuick()
const bun = ifInstalled('bun')

const ours =
  (runtime: string): Starter =>
  async (upstream) =>
    counted(await startProxy({ upstream, parallel: PARALLEL, program: builtOn(runtime) }))

const STARTERS: Readonly<Record<string, Starter>> = {
  direct,
  haproxy: (upstream) => startHaproxy(upstream, PARALLEL),
  bare: startBareRelay,
  'bare, hono': startHonoRelay,
  plain: startPlainRelay,
  ours: ours(process.execPath),
  ...(bun === undefined ? {} : { 'ours, bun': ours(bun) }),
}

const plan = quick
  ? { starts: 1, rounds: 1, sliceSeconds: 1, warmUps: 1 }
  : { starts: 2, rounds: 6, sliceSeconds: 1, warmUps: 3 }
const [requests = {}, streams = {}, single = {}] = await driveInTurns(
  STARTERS,
  [REQUESTS, STREAMS, SINGLE],
  plan,
)

/** Added median latency over HAProxy's, round by round. */
function addedLatency(): Row {
  const direct = values(single, 'direct', 'p50 ms')
  const added = (name: string) =>
    values(single, name, 'p50 ms').map((ms, index) => ms - (direct[index] ?? Number.NaN))
  const haproxy = added('haproxy')
  const found = quartiles(added('ours').map((ms, index) => ms / (haproxy[index] ?? Number.NaN)))
  return {
    what: `${SINGLE.what}: added median latency over HAProxy’s`,
    value: `${shown(found)}×`,
    target: '≤ 3×',
    met: found.median <= 3,
  }
}

publish('overhead', quick, {
  rows: [
    ...priceRows(REQUESTS, requests),
    priceRatio(REQUESTS, requests, 'ours', 'haproxy', { most: 3.3 }),
    priceRatio(REQUESTS, requests, 'bare, hono', 'bare'),
    priceRatio(REQUESTS, requests, 'ours', 'bare'),
    priceRatio(REQUESTS, requests, 'plain', 'ours', { least: 6 }),
    ...priceRows(STREAMS, streams),
    priceRatio(STREAMS, streams, 'ours', 'haproxy', { most: 3.3 }),
    priceRatio(STREAMS, streams, 'bare, hono', 'bare'),
    priceRatio(STREAMS, streams, 'ours', 'bare'),
    priceRatio(STREAMS, streams, 'plain', 'ours', { least: 2.5 }),
    ...priceRows(SINGLE, single),
    addedLatency(),
  ],
  notes: [sliceNote(plan)],
  raw: { requests, streams, single },
})
