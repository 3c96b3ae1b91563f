/**
 * What a call costs that never has to wait: requests a second, streams a second and added latency, against the plain
 * relay, HAProxy and no proxy at all.
 *
 *     node --import tsx bench/overhead.ts [--quick]
 */
import assert from 'node:assert/strict'
import { installed, installRuntimes } from '../test/conformance/runtimes/install.ts'
import { callBody, STREAM_LINES, TARGETS, WHOLE_ANSWER } from './support/answers.ts'
import type { Child } from './support/child.ts'
import { cpuSeconds } from './support/cpu.ts'
import { isQuick, publish, type Row } from './support/findings.ts'
import { startHaproxy } from './support/haproxy.ts'
import { startPlainRelay, startUpstream } from './support/programs.ts'
import { numberAt, startProxy } from './support/proxy.ts'
import {
  alternate,
  type Figures,
  type Rounds,
  ratio,
  round,
  shown,
  spread,
  spreadOf,
} from './support/rounds.ts'
import { post } from './support/wrk.ts'

installRuntimes()
const quick = isQuick()
const ROUNDS = quick ? 1 : 3
const SECONDS = quick ? 1 : 4
const WARM_UP_SECONDS = quick ? 1 : 2
/** More than the connections, so that nobody waits. */
const PARALLEL = 128

interface Job {
  readonly name: string
  readonly target: string
  readonly body: string
  readonly expected: string
  readonly connections: number
}

const WHOLE = { target: TARGETS.whole, body: callBody(false), expected: WHOLE_ANSWER }
const JOBS: readonly Job[] = [
  { name: 'requests', ...WHOLE, connections: 64 },
  {
    name: 'streams',
    target: TARGETS.stream,
    body: callBody(true),
    expected: STREAM_LINES.join(''),
    connections: 32,
  },
  { name: 'latency', ...WHOLE, connections: 1 },
]

/** Something between wrk and the upstream; undefined is nothing. */
type Starter = (
  upstream: string,
) => Promise<(Child & { url: string; processed?: () => Promise<number> }) | undefined>

const STARTERS: Readonly<Record<string, Starter>> = {
  direct: async () => undefined,
  ours: (upstream) => ours(upstream),
  'ours on bun': (upstream) => ours(upstream, installed('bun')),
  plain: async (upstream) => relay(await startPlainRelay(upstream)),
  'plain, blind': async (upstream) => relay(await startPlainRelay(upstream, true)),
  haproxy: (upstream) => startHaproxy(upstream, PARALLEL),
}

async function ours(upstream: string, runtime?: string) {
  const proxy = await startProxy({ upstream, parallel: PARALLEL, ...(runtime !== undefined && { runtime }) })
  const processed = async () => {
    const stats = await proxy.page('/queue/stats?model=llama2')
    const lost = ['total_rejected', 'total_timed_out', 'total_failed', 'queued_requests']
    for (const figure of lost) assert.equal(numberAt(stats, figure), 0, figure)
    return numberAt(stats, 'total_processed')
  }
  return { ...proxy, processed }
}

function relay(child: Child): Child & { url: string } {
  return { ...child, url: child.said }
}

async function measure(job: Job, starter: Starter): Promise<Figures> {
  const upstream = await startUpstream()
  const proxy = await starter(upstream.said)
  try {
    const url = `${proxy?.url ?? upstream.said}${job.target}`
    await assertSame(url, job)
    const warmUp = await post(url, job.body, job.connections, WARM_UP_SECONDS)
    const cpuBefore = [cpuSeconds(upstream.pid), cpuSeconds(proxy?.pid ?? upstream.pid)] as const
    const load = await post(url, job.body, job.connections, SECONDS)
    const upstreamBusy = (cpuSeconds(upstream.pid) - cpuBefore[0]) / SECONDS
    const proxySeconds = cpuSeconds(proxy?.pid ?? upstream.pid) - cpuBefore[1]
    if (proxy?.processed) {
      // wrk cuts the calls that are under way when its time is up: they count as cancelled.
      const processed = await proxy.processed()
      const answered = 1 + warmUp.requests + load.requests
      assert.ok(
        processed >= answered && processed <= answered + 2 * job.connections,
        `${processed}, ${answered}`,
      )
    }
    return {
      'per second': load.requestsPerSecond,
      'p50 ms': load.p50Ms,
      'p99 ms': load.p99Ms,
      'proxy busy': proxy === undefined ? 0 : proxySeconds / SECONDS,
      'proxy us': proxy === undefined ? 0 : (proxySeconds * 1e6) / load.requests,
      'upstream busy': upstreamBusy,
    }
  } finally {
    await proxy?.stop()
    await upstream.stop()
  }
}

async function assertSame(url: string, { body, expected }: Job): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method: 'POST', headers, body })
  assert.equal(answer.status, 200)
  assert.equal(await answer.text(), expected)
}

const [requests, streams, latency] = [await runJob(JOBS[0]), await runJob(JOBS[1]), await runJob(JOBS[2])]

async function runJob(job: Job | undefined): Promise<Rounds> {
  assert.ok(job)
  const variants = Object.entries(STARTERS).map(([name, starter]) => ({
    name,
    measure: () => measure(job, starter),
  }))
  return alternate(`${job.name}, ${job.connections} connections`, variants, ROUNDS)
}

function perSecond(rounds: Rounds, what: string): Row[] {
  return Object.keys(STARTERS).map((name) => ({
    what: `${what}: ${name}`,
    value: `${shown(spread(rounds, name, 'per second'))}/s, ${round(spread(rounds, name, 'proxy us').median)} µs CPU each`,
  }))
}

function against(rounds: Rounds, what: string, rival: string, target: number): Row {
  const found = ratio(rounds, 'per second', 'ours', rival)
  return { what, value: `${shown(found)}×`, target: `≥ ${target}×`, met: found.median >= target }
}

/** Bun is there for lower overhead: it has to show in the one figure or the other. */
function bunAgainstNode(rounds: Rounds, what: string): Row {
  const faster = ratio(rounds, 'per second', 'ours on bun', 'ours')
  const cheaper = ratio(rounds, 'proxy us', 'ours', 'ours on bun')
  return {
    what,
    value: `${shown(faster)}× as many a second, CPU of each ${shown(cheaper)}× smaller`,
    target: 'one of them > 1×',
    met: Math.max(faster.median, cheaper.median) > 1,
  }
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
    bunAgainstNode(requests, 'requests on Bun against Node'),
    ...perSecond(streams, 'streams/s, 32 connections, 64 chunks'),
    against(streams, 'streams/s over the plain relay', 'plain', 2.5),
    bunAgainstNode(streams, 'streams on Bun against Node'),
    ...Object.keys(STARTERS).map((name) => ({
      what: `median latency at 1 connection: ${name}`,
      value: `${shown(spread(latency, name, 'p50 ms'))} ms`,
    })),
    addedLatency(),
  ],
  raw: { requests, streams, latency },
})
