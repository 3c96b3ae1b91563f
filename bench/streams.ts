/**
 * What a proxy adds to each token: 200 streams of 50 chunks a second, every line stamped when it was written.
 *
 *     node --import tsx bench/streams.ts [--quick]
 */
import assert from 'node:assert/strict'
import { callBody, PACE_MS, pacedTarget } from './support/answers.ts'
import { LOAD_CORE, pin, type Server } from './support/child.ts'
import { cpuSeconds } from './support/cpu.ts'
import { isQuick, publish, type Row } from './support/findings.ts'
import { startPlainRelay, startUpstream } from './support/programs.ts'
import { numberAt, startProxy } from './support/proxy.ts'
import { alternate, type Figures, percentile, round, shown, spread, spreadOf } from './support/rounds.ts'
import { startHaproxy } from './support/servers.ts'
import { linesOf, type Read, readStream } from './support/stream-client.ts'

const quick = isQuick()
const STREAMS = 200
const SECONDS = quick ? 2 : 10
const WARM_UP_SECONDS = quick ? 1 : 3
const ROUNDS = quick ? 1 : 3
const PARALLEL = 256
/** Two flushes of the upstream that lie further apart than this should not come in one read. */
const APART_MICROS = 1_000

const chunks = (SECONDS * 1_000) / PACE_MS

type Starter = (upstream: Server) => Promise<(Server & { check?: () => Promise<void> }) | undefined>

const STARTERS: Readonly<Record<string, Starter>> = {
  direct: async () => undefined,
  ours: async (upstream) => {
    const proxy = await startProxy({ upstream, parallel: PARALLEL })
    const check = async () => {
      const stats = await proxy.page('/queue/stats?model=llama2')
      assert.equal(numberAt(stats, 'total_processed'), 2 * STREAMS)
      assert.equal(numberAt(stats, 'active_requests'), 0)
    }
    return { ...proxy, check }
  },
  plain: startPlainRelay,
  haproxy: (upstream) => startHaproxy(upstream, PARALLEL),
}

async function measure(starter: Starter): Promise<Figures> {
  const upstream = await startUpstream()
  const proxy = await starter(upstream)
  const base = proxy?.url ?? upstream.url
  const run = (count: number) => {
    const url = `${base}${pacedTarget(count)}`
    return Promise.all(Array.from({ length: STREAMS }, () => readStream(url, callBody(true))))
  }
  try {
    for (const reads of await run((WARM_UP_SECONDS * 1_000) / PACE_MS)) {
      assert.equal(linesOf(reads).length, (WARM_UP_SECONDS * 1_000) / PACE_MS)
    }
    const cpuBefore = cpuSeconds(proxy?.pid ?? upstream.pid)
    const streams = await run(chunks)
    const busy = (cpuSeconds(proxy?.pid ?? upstream.pid) - cpuBefore) / SECONDS
    await proxy?.check?.()
    return { ...judge(streams), 'proxy busy': proxy === undefined ? 0 : busy }
  } finally {
    await proxy?.stop()
    await upstream.stop()
  }
}

function judge(streams: readonly (readonly Read[])[]): Figures {
  const late: number[] = []
  let lost = 0
  let merged = 0
  for (const reads of streams) {
    const lines = linesOf(reads)
    lost += chunks - lines.length
    let sentBefore = Number.NEGATIVE_INFINITY
    let readBefore = -1
    for (const { line, at, read } of lines) {
      const sent: unknown = JSON.parse(line).sent
      assert.ok(typeof sent === 'number' && sent > sentBefore, `out of order: ${line}`)
      late.push((at - sent) / 1_000)
      if (read === readBefore && sent - sentBefore > APART_MICROS) merged++
      sentBefore = sent
      readBefore = read
    }
  }
  const sorted = Float64Array.from(late).sort()
  return {
    'p50 ms': percentile(sorted, 50),
    'p90 ms': percentile(sorted, 90),
    'p99 ms': percentile(sorted, 99),
    'max ms': percentile(sorted, 100),
    lost,
    merged,
  }
}

pin(process.pid, LOAD_CORE)
const variants = Object.entries(STARTERS).map(([name, starter]) => ({
  name,
  measure: () => measure(starter),
}))
const rounds = await alternate(
  `${STREAMS} streams of ${1_000 / PACE_MS} chunks/s for ${SECONDS} s`,
  variants,
  ROUNDS,
)

const pairs = (figure: string, combine: (ours: number, direct: number) => number) =>
  spreadOf(
    (rounds.ours ?? []).map((figures, index) =>
      combine(figures[figure] ?? Number.NaN, rounds.direct?.[index]?.[figure] ?? Number.NaN),
    ),
  )
const added = pairs('p50 ms', (ours, direct) => ours - direct)
const tail = pairs('p99 ms', (ours, direct) => ours / direct)
const total = (name: string, figure: string) =>
  (rounds[name] ?? []).reduce((sum, figures) => sum + (figures[figure] ?? 0), 0)

const rows: Row[] = Object.keys(STARTERS).map((name) => ({
  what: `chunk latency: ${name}`,
  value:
    `p50 ${shown(spread(rounds, name, 'p50 ms'))} ms, p99 ${shown(spread(rounds, name, 'p99 ms'))} ms, ` +
    `lost ${total(name, 'lost')}, merged ${total(name, 'merged')}, busy ${round(spread(rounds, name, 'proxy busy').median)}`,
}))

publish('streams', quick, {
  rows: [
    ...rows,
    { what: 'added median', value: `${shown(added)} ms`, target: '≤ 0.3 ms', met: added.median <= 0.3 },
    { what: 'p99 over direct', value: `${shown(tail)}×`, target: '≤ 3×', met: tail.median <= 3 },
    ...(['lost', 'merged'] as const).map((figure) => ({
      what: `chunks ${figure} by ours, all rounds`,
      value: `${total('ours', figure)}`,
      target: '0',
      met: total('ours', figure) === 0,
    })),
  ],
  notes: [`merged: two chunks written more than ${APART_MICROS / 1_000} ms apart that came in one read`],
  raw: rounds,
})
