import assert from 'node:assert/strict'
import { until } from '../../test/support/until.ts'
import { callBody, MODEL, STREAM_CHUNKS, STREAM_LINES, TARGETS, WHOLE_ANSWER } from './answers.ts'
import type { Server } from './child.ts'
import { cpuSeconds } from './cpu.ts'
import type { Row } from './findings.ts'
import { numberAt, type StartedProxy } from './proxy.ts'
import {
  alternate,
  type Figures,
  quartiles,
  type Rounds,
  ratio,
  round,
  say,
  shown,
  values,
} from './rounds.ts'
import { startFastUpstream } from './servers.ts'
import { post } from './wrk.ts'

/** More than the connections, so that nobody waits. */
export const PARALLEL = 128

/** Beyond this share of their core, wrk and the upstream are what is measured. */
const FULL = 0.9

/** After wrk has ended, the proxy still has its closed connections and its log to see to. */
const SETTLE_MS = 100

/** Starts something between wrk and the upstream. */
export type Starter = (upstream: Server) => Promise<Standing>

/** Nothing between them. */
export const direct: Starter = async (upstream) => upstream

interface Standing extends Server {
  /** Calls that it has counted as done; rejects when it counted others as lost. */
  readonly processed?: () => Promise<number>
}

/** A kind of load. wrk asks again on each connection as soon as it has its answer. */
export interface Job {
  readonly what: string
  readonly target: string
  readonly body: string
  readonly expected: string
  readonly connections: number
}

const WHOLE = { target: TARGETS.whole, body: callBody(false), expected: WHOLE_ANSWER }
const STREAM = { target: TARGETS.stream, body: callBody(true), expected: STREAM_LINES.join('') }

export const REQUESTS: Job = { what: 'requests, 64 connections', ...WHOLE, connections: 64 }
/** So few that the chunks of a stream do not run together on their way. */
export const STREAMS: Job = {
  what: `streams of ${STREAM_CHUNKS} chunks, 32 connections`,
  ...STREAM,
  connections: 32,
}
export const SINGLE: Job = { what: 'requests, 1 connection', ...WHOLE, connections: 1 }

export interface Plan {
  /** How often all processes are started anew. */
  readonly starts: number
  /** Slices of each variant and job for each start. */
  readonly rounds: number
  readonly sliceSeconds: number
  /** Slices of each variant and job after each start that are not looked at. */
  readonly warmUps: number
}

/**
 * Starts all variants, lets them stand side by side, and drives one after the other for a short slice, again and
 * again. Gives back the rounds of each job, in the order of the jobs.
 */
export async function driveInTurns(
  starters: Readonly<Record<string, Starter>>,
  jobs: readonly Job[],
  plan: Plan,
): Promise<Rounds[]> {
  const measured: Record<string, Figures[]>[] = jobs.map(() => ({}))
  for (let started = 1; started <= plan.starts; started++) {
    say(`\nstart ${started} of ${plan.starts}`)
    const upstream = await startFastUpstream()
    const drivers: Driver[] = []
    try {
      for (const [name, starter] of Object.entries(starters)) {
        drivers.push(new Driver(name, await starter(upstream), upstream))
      }
      for (const driver of drivers) for (const job of jobs) await driver.assertSame(job)
      // In turns, so that compilers have seen all kinds of calls when the measurement begins.
      for (let slice = 0; slice < plan.warmUps; slice++) {
        for (const driver of drivers) for (const job of jobs) await driver.slice(job, plan.sliceSeconds)
      }
      for (const [index, job] of jobs.entries()) {
        const variants = drivers.map((driver) => ({
          name: driver.name,
          measure: () => driver.slice(job, plan.sliceSeconds),
        }))
        for (const [name, slices] of Object.entries(await alternate(job.what, variants, plan.rounds))) {
          const all = measured[index]
          if (all) all[name] = [...(all[name] ?? []), ...slices]
        }
      }
      for (const driver of drivers) await driver.verify()
    } finally {
      for (const { standing } of drivers) await standing.stop()
      await upstream.stop()
    }
  }
  return measured
}

/** Drives one standing variant and keeps count of what it should have answered. */
class Driver {
  readonly name: string
  readonly standing: Standing
  readonly #upstream: Server
  #answered = 0
  #cut = 0

  constructor(name: string, standing: Standing, upstream: Server) {
    this.name = name
    this.standing = standing
    this.#upstream = upstream
  }

  async assertSame({ target, body, expected }: Job): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${this.standing.url}${target}`, { method: 'POST', headers, body })
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), expected)
    this.#answered++
  }

  async slice(job: Job, seconds: number): Promise<Figures> {
    const { url, pid } = this.standing
    const before = { own: cpuSeconds(pid), upstream: cpuSeconds(this.#upstream.pid) }
    const load = await post(`${url}${job.target}`, job.body, job.connections, seconds)
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const own = cpuSeconds(pid) - before.own
    const upstream = cpuSeconds(this.#upstream.pid) - before.upstream
    this.#answered += load.requests
    this.#cut += job.connections
    // The call that wrk cuts on each connection when its time is up counts for half.
    const calls = load.requests + job.connections / 2
    return {
      'µs CPU': (own * 1e6) / calls,
      'per second': load.requestsPerSecond,
      'p50 ms': load.p50Ms,
      'p99 ms': load.p99Ms,
      busy: own / load.seconds,
      'wrk busy': load.cpuSeconds / load.seconds,
      'upstream busy': upstream / load.seconds,
    }
  }

  /** A call that wrk has cut may have ended as cancelled or as done. */
  async verify(): Promise<void> {
    const processed = await this.standing.processed?.()
    if (processed === undefined) return
    const most = this.#answered + this.#cut
    assert.ok(processed >= this.#answered && processed <= most, `${this.name}: ${processed}, ${most}`)
  }
}

/** Our proxy, whose own figures are looked at afterwards. */
export function counted(proxy: StartedProxy): Standing {
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

/** A row a variant: the price of a call, how many a second, within what time, and what was busy meanwhile. */
export function priceRows({ what }: Job, rounds: Rounds): Row[] {
  return Object.keys(rounds).map((name) => {
    const middle = (figure: string) => quartiles(values(rounds, name, figure)).median
    const percent = (figure: string) => `${Math.round(100 * middle(figure))} %`
    const price = name === 'direct' ? '' : `${shown(quartiles(values(rounds, name, 'µs CPU')))} µs CPU each, `
    const own = name === 'direct' ? '' : `itself ${percent('busy')}, `
    const full = middle('wrk busy') + middle('upstream busy') > FULL ? ' **load full**' : ''
    return {
      what: `${what}: ${name}`,
      value:
        `${price}${round(middle('per second'))}/s, p50 ${round(middle('p50 ms'))} ms, p99 ${round(middle('p99 ms'))} ms; ` +
        `busy: ${own}wrk ${percent('wrk busy')}, upstream ${percent('upstream busy')}${full}`,
    }
  })
}

export function sliceNote({ starts, rounds, sliceSeconds }: Plan): string {
  return (
    `median and quartiles of ${starts * rounds} slices of ${sliceSeconds} s; ` +
    `all processes were started ${starts} times; a ratio is one of two slices of the same round`
  )
}

/** How many times the CPU of a call one variant takes of another's, by rounds, and whether that is as it should be. */
export function priceRatio(
  { what }: Job,
  rounds: Rounds,
  over: string,
  under: string,
  target?: { readonly least: number } | { readonly most: number },
): Row {
  const found = quartiles(ratio(rounds, 'µs CPU', over, under))
  const row = { what: `${what}: CPU of ${over} over ${under}`, value: `${shown(found)}×` }
  if (target === undefined) return row
  return 'least' in target
    ? { ...row, target: `≥ ${target.least}×`, met: found.median >= target.least }
    : { ...row, target: `≤ ${target.most}×`, met: found.median <= target.most }
}
