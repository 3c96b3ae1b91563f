/**
 * What signs of life cost: 5 000 calls in line, each kept alive every 15 seconds, against as many without signs.
 *
 *     node --import tsx bench/signs.ts [--quick]
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { callBody, MODEL, TARGETS } from './support/answers.ts'
import { openConnections, requestText } from './support/connection.ts'
import { cpuSeconds } from './support/cpu.ts'
import { isQuick, publish } from './support/findings.ts'
import { type Memory, PROBED, readMemory } from './support/memory.ts'
import { startUpstream } from './support/programs.ts'
import { builtOn, numberAt, startProxy } from './support/proxy.ts'
import { alternate, type Figures, shown, spread, spreadOf, values } from './support/rounds.ts'

const quick = isQuick()
const WAITERS = quick ? 500 : 5_000
const ROUNDS = quick ? 1 : 2
const EVERY_SECONDS = quick ? 2 : 15
const AFTER_SECONDS = quick ? 2 : 20
/** Two signs for each call. */
const SLICE_MS = 2 * EVERY_SECONDS * 1_000
const SETTLE_MS = 2_000

const CPU_TARGET_PERCENT = 2
const DELAY_TARGET_MS = 20
const MEMORY_TARGET_BYTES = 200

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

interface Kind {
  readonly target: string
  readonly body: string
  readonly signs: boolean
}

/** The calls of one kind, all in line, for two signs each. */
const waiting = (kind: Kind) => async (): Promise<Figures> => {
  const upstream = await startUpstream()
  const proxy = await startProxy({
    upstream,
    parallel: 1,
    maxQueue: 2 * WAITERS,
    program: builtOn(process.execPath, ...PROBED),
    ipc: true,
    env: { WAITING: JSON.stringify({ when: 'auto', after: AFTER_SECONDS, every: EVERY_SECONDS }) },
  })
  try {
    const notify = `X-Queue-Notify: ${kind.signs ? 1 : 0}\r\n`
    const stalled = requestText(proxy.url, 'POST', TARGETS.stalled, callBody(false))
    await openConnections(proxy.url, 1, stalled)
    const before = await readMemory(proxy.process)
    const request = requestText(proxy.url, 'POST', kind.target, kind.body, notify)
    const sockets = await openConnections(proxy.url, WAITERS, request)
    const queued = async () => numberAt(await proxy.page('/queue/stats'), 'models', MODEL, 'queued_requests')
    while ((await queued()) < WAITERS) await pause(50)
    await pause(AFTER_SECONDS * 1_000 + SETTLE_MS)
    proxy.process.send('watch')
    const cpuBefore = cpuSeconds(proxy.pid)
    await pause(SLICE_MS)
    const cpu = cpuSeconds(proxy.pid) - cpuBefore
    const told = once(proxy.process, 'message')
    proxy.process.send('delays')
    const [delays] = await told
    const after = await readMemory(proxy.process)
    const perWaiter = (figure: keyof Memory) => (after[figure] - before[figure]) / WAITERS
    assert.equal(await queued(), WAITERS, 'all calls still wait')
    await begun(sockets, kind.signs)
    return {
      'cpu %': (100 * cpu) / (SLICE_MS / 1_000),
      'loop p99 ms': delays.p99Ms,
      'loop max ms': delays.maxMs,
      'heap B': perWaiter('heapUsed') + perWaiter('external'),
      'heap spare B': perWaiter('heapTotal') - perWaiter('heapUsed'),
      'rss B': perWaiter('rss'),
    }
  } finally {
    await proxy.stop()
    await upstream.stop()
  }
}

/** Whether each client has a begun answer, or none, as the kind of call says. */
async function begun(sockets: readonly Socket[], signs: boolean): Promise<void> {
  await pause(100)
  for (const socket of sockets) {
    const text = String(socket.read() ?? '')
    assert.equal(/^HTTP\/1\.1 200 /.test(text), signs, text.slice(0, 80))
    socket.destroy()
  }
}

const LINES = { target: TARGETS.stream, body: callBody(true) }
const EVENTS = { target: '/v1/chat/completions', body: callBody(true) }
const NONE = 'no signs'
const SPACES = 'spaces'
const COMMENTS = 'comments with a place'
const rounds = await alternate(
  `${WAITERS} waiters, a sign every ${EVERY_SECONDS} s`,
  [
    { name: NONE, measure: waiting({ ...LINES, signs: false }) },
    { name: SPACES, measure: waiting({ ...LINES, signs: true }) },
    { name: COMMENTS, measure: waiting({ ...EVENTS, signs: true }) },
  ],
  ROUNDS,
)

/** By how much a kind of call is above calls without signs, round by round. */
const above = (figure: string, kind: string) => {
  const without = values(rounds, NONE, figure)
  return spreadOf(values(rounds, kind, figure).map((value, round) => value - (without[round] ?? Number.NaN)))
}

publish('signs', quick, {
  rows: [SPACES, COMMENTS].flatMap((kind) => {
    const cpu = spread(rounds, kind, 'cpu %')
    const delay = spread(rounds, kind, 'loop p99 ms')
    const heap = above('heap B', kind)
    return [
      {
        what: `CPU of ${WAITERS}: ${kind}`,
        value: `${shown(cpu)} % of a core; without signs ${shown(spread(rounds, NONE, 'cpu %'))} %`,
        target: `under ${CPU_TARGET_PERCENT} %`,
        met: cpu.median < CPU_TARGET_PERCENT,
      },
      {
        what: `event loop p99: ${kind}`,
        value: `${shown(delay)} ms, longest ${shown(spread(rounds, kind, 'loop max ms'))} ms`,
        target: `under ${DELAY_TARGET_MS} ms`,
        met: delay.median < DELAY_TARGET_MS,
      },
      {
        what: `memory of a waiter above one without signs: ${kind}`,
        value: `${shown(heap)} B on the heap; RSS ${shown(above('rss B', kind))} B, of that V8’s spare heap ${shown(above('heap spare B', kind))} B`,
        target: `under ${MEMORY_TARGET_BYTES} B`,
        met: heap.median < MEMORY_TARGET_BYTES,
      },
    ]
  }),
  notes: ['CPU and event loop over two signs of each call, from two seconds after the first sign on'],
  raw: { rounds },
})
