import assert from 'node:assert/strict'
import { until } from '../../test/support/until.ts'
import { callBody, MODEL, STREAM_LINES, TARGETS, WHOLE_ANSWER } from './answers.ts'
import type { Child } from './child.ts'
import { cpuSeconds } from './cpu.ts'
import type { Row } from './findings.ts'
import { startUpstream } from './programs.ts'
import { numberAt, type StartedProxy } from './proxy.ts'
import { alternate, type Figures, type Rounds, round, shown, spread } from './rounds.ts'
import { post } from './wrk.ts'

/** More than the connections, so that nobody waits. */
export const PARALLEL = 128

/** Something between wrk and the upstream; undefined is nothing. */
export type Starter = (upstream: string) => Promise<Measured | undefined>

interface Measured extends Child {
  readonly url: string
  /** Calls that it has counted as done; rejects when it counted others as lost. */
  readonly processed?: () => Promise<number>
}

interface Job {
  readonly name: string
  readonly target: string
  readonly body: string
  readonly expected: string
  readonly connections: number
}

const WHOLE = { target: TARGETS.whole, body: callBody(false), expected: WHOLE_ANSWER }
const STREAM = { target: TARGETS.stream, body: callBody(true), expected: STREAM_LINES.join('') }

/** What each variant gets through when wrk asks again as soon as it has its answer. */
export interface Capacity {
  readonly requests: Rounds
  readonly streams: Rounds
  /** Of whole answers, one at a time. */
  readonly latency: Rounds
}

export async function measureCapacity(
  starters: Readonly<Record<string, Starter>>,
  quick: boolean,
): Promise<Capacity> {
  const run = (job: Job) => {
    const variants = Object.entries(starters).map(([name, starter]) => ({
      name,
      measure: () => measure(job, starter, quick),
    }))
    return alternate(`${job.name}, ${job.connections} connections`, variants, quick ? 1 : 3)
  }
  return {
    requests: await run({ name: 'requests', ...WHOLE, connections: 64 }),
    streams: await run({ name: 'streams', ...STREAM, connections: 32 }),
    latency: await run({ name: 'latency', ...WHOLE, connections: 1 }),
  }
}

/** Our proxy, whose own figures are looked at afterwards. */
export function counted(proxy: StartedProxy): Measured {
  const stats = () => proxy.page(`/queue/stats?model=${MODEL}`)
  const processed = async () => {
    // workerd frees the slots of calls that wrk has cut a moment later.
    await until('no call runs', async () => numberAt(await stats(), 'active_requests') === 0)
    const page = await stats()
    const lost = ['total_rejected', 'total_timed_out', 'total_failed', 'queued_requests']
    for (const figure of lost) assert.equal(numberAt(page, figure), 0, figure)
    return numberAt(page, 'total_processed')
  }
  return { ...proxy, processed }
}

async function measure(job: Job, starter: Starter, quick: boolean): Promise<Figures> {
  const seconds = quick ? 1 : 4
  // As long as workerd takes to come up to its pace; the others are there after one.
  const warmUpSeconds = quick ? 1 : 4
  const upstream = await startUpstream()
  const proxy = await starter(upstream.said)
  try {
    const url = `${proxy?.url ?? upstream.said}${job.target}`
    await assertSame(url, job)
    const warmUp = await post(url, job.body, job.connections, warmUpSeconds)
    const cpuBefore = [cpuSeconds(upstream.pid), cpuSeconds(proxy?.pid ?? upstream.pid)] as const
    const load = await post(url, job.body, job.connections, seconds)
    const upstreamBusy = (cpuSeconds(upstream.pid) - cpuBefore[0]) / seconds
    const proxySeconds = cpuSeconds(proxy?.pid ?? upstream.pid) - cpuBefore[1]
    if (proxy?.processed) {
      // wrk cuts the calls that are under way when its time is up: they may end as cancelled or as done.
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
      'proxy busy': proxy === undefined ? 0 : proxySeconds / seconds,
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

/** A row a variant: how many a second, within what time, and at what price. */
export function perSecond(rounds: Rounds, what: string): Row[] {
  return Object.keys(rounds).map((name) => {
    const median = (figure: string) => round(spread(rounds, name, figure).median)
    const times = `p50 ${median('p50 ms')} ms, p99 ${median('p99 ms')} ms`
    return {
      what: `${what}: ${name}`,
      value: `${shown(spread(rounds, name, 'per second'))}/s, ${times}, ${median('proxy us')} µs CPU each`,
    }
  })
}

export function medianLatency(rounds: Rounds): Row[] {
  return Object.keys(rounds).map((name) => ({
    what: `median latency at 1 connection: ${name}`,
    value: `${shown(spread(rounds, name, 'p50 ms'))} ms`,
  }))
}
