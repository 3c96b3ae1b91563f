/**
 * What a call costs that never has to wait: requests a second, streams a second and added latency, against the plain
 * relay, HAProxy and no proxy at all.
 *
 *     node --import tsx bench/overhead.ts [--quick]
 */

import {
  counted,
  measureCapacity,
  medianLatency,
  PARALLEL,
  perSecond,
  type Starter,
} from './support/capacity.ts'
import type { Child } from './support/child.ts'
import { isQuick, publish, type Row } from './support/findings.ts'
import { startHaproxy } from './support/haproxy.ts'
import { startPlainRelay } from './support/programs.ts'
import { startProxy } from './support/proxy.ts'
import { type Rounds, ratio, shown, spreadOf } from './support/rounds.ts'

const quick = isQuick()

const STARTERS: Readonly<Record<string, Starter>> = {
  direct: async () => undefined,
  ours: async (upstream) => counted(await startProxy({ upstream, parallel: PARALLEL })),
  plain: async (upstream) => relay(await startPlainRelay(upstream)),
  'plain, blind': async (upstream) => relay(await startPlainRelay(upstream, true)),
  haproxy: (upstream) => startHaproxy(upstream, PARALLEL),
}

function relay(child: Child): Child & { url: string } {
  return { ...child, url: child.said }
}

const { requests, streams, latency } = await measureCapacity(STARTERS, quick)

function against(rounds: Rounds, what: string, rival: string, target: number): Row {
  const found = ratio(rounds, 'per second', 'ours', rival)
  return { what, value: `${shown(found)}×`, target: `≥ ${target}×`, met: found.median >= target }
}

/** Added median latency over HAProxy's, round by round. */
function addedLatency(): Row {
  const p50 = (name: string) => (latency[name] ?? []).map((figures) => figures['p50 ms'] ?? Number.NaN)
  const direct = p50('direct')
  const added = (name: string) => p50(name).map((ms, index) => ms - (direct[index] ?? Number.NaN))
  const haproxy = added('haproxy')
  const found = spreadOf(added('ours').map((ms, index) => ms / (haproxy[index] ?? Number.NaN)))
  return {
    what: 'added median latency over HAProxy’s',
    value: `${shown(found)}×`,
    target: '≤ 3×',
    met: found.median <= 3,
  }
}

publish('overhead', quick, {
  rows: [
    ...perSecond(requests, 'requests/s, 64 connections'),
    against(requests, 'requests/s over the plain relay', 'plain', 6),
    against(requests, 'requests/s over HAProxy', 'haproxy', 0.3),
    ...perSecond(streams, 'streams/s, 32 connections, 64 chunks'),
    against(streams, 'streams/s over the plain relay', 'plain', 2.5),
    ...medianLatency(latency),
    addedLatency(),
  ],
  raw: { requests, streams, latency },
})
