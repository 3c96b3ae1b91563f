/**
 * What 5 000 waiting calls cost in memory, and what that memory is: measured against as many idle connections.
 *
 *     node --import tsx bench/waiters.ts [--quick]
 */
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LocalAdmission } from '../src/admission/local-admission.ts'
import { EVERYBODY } from '../src/callers/caller.ts'
import { systemClock } from '../src/clock.ts'
import { Stats } from '../src/telemetry/stats.ts'
import { callBody, MODEL, TARGETS, WHOLE_ANSWER } from './support/answers.ts'
import { answerOn, openConnections, requestText } from './support/connection.ts'
import { isQuick, publish } from './support/findings.ts'
import { type Memory, PROBED, readMemory } from './support/memory.ts'
import { startUpstream } from './support/programs.ts'
import { builtOn, numberAt, type StartedProxy, startProxy } from './support/proxy.ts'
import { alternate, type Figures, type Rounds, shown, spread } from './support/rounds.ts'

const quick = isQuick()
const WAITERS = quick ? 500 : 5_000
const ROUNDS = quick ? 1 : 3
const TICKETS = 100_000
const LONG_PROMPT_BYTES = 8_192

const LONG_CALL = JSON.stringify({ model: MODEL, prompt: 'x'.repeat(LONG_PROMPT_BYTES), stream: false })

/** Kilobytes for each of the waiters. */
function perWaiter(before: Memory, after: Memory): Figures {
  const of = (figure: keyof Memory) => (after[figure] - before[figure]) / WAITERS / 1024
  const heap = of('heapUsed')
  const spare = of('heapTotal') - heap
  return {
    'rss kB': of('rss'),
    'heap kB': heap,
    'external kB': of('external'),
    'heap spare kB': spare,
    'native kB': of('rss') - heap - spare - of('external'),
    'socket buffers kB': of('socketBuffers'),
    'kernel objects kB': of('kernelObjects'),
  }
}

async function onFreshProxy(
  measure: (proxy: StartedProxy, upstream: string) => Promise<Figures>,
): Promise<Figures> {
  const upstream = await startUpstream()
  const proxy = await startProxy({
    upstream,
    parallel: 1,
    maxQueue: 2 * WAITERS,
    program: builtOn(process.execPath, ...PROBED),
    ipc: true,
  })
  try {
    // What every proxy has after its first calls is not the waiters'.
    const warmUp = requestText(proxy.url, 'POST', TARGETS.whole, callBody(false))
    for (const socket of await openConnections(proxy.url, 200, warmUp)) {
      await answerOn(socket)
      socket.destroy()
    }
    return await measure(proxy, upstream.url)
  } finally {
    await proxy.stop()
    await upstream.stop()
  }
}

const idleConnections = (): Promise<Figures> =>
  onFreshProxy(async (proxy) => {
    const before = await readMemory(proxy.process)
    const sockets = await openConnections(proxy.url, WAITERS, requestText(proxy.url, 'GET', '/health/live'))
    for (const answer of await Promise.all(sockets.map(answerOn))) assert.match(answer, /^HTTP\/1.1 200 /)
    const figures = perWaiter(before, await readMemory(proxy.process))
    for (const socket of sockets) socket.destroy()
    return figures
  })

const waiting = (body: string) => (): Promise<Figures> =>
  onFreshProxy(async (proxy, upstream) => {
    const post = (target: string) => requestText(proxy.url, 'POST', target, body)
    const [running] = await openConnections(proxy.url, 1, post(TARGETS.stalled))
    assert.ok(running)
    const before = await readMemory(proxy.process)
    const sockets = await openConnections(proxy.url, WAITERS, post(TARGETS.whole))
    const stats = async (figure: string) =>
      numberAt(await proxy.page('/queue/stats'), 'models', MODEL, figure)
    while ((await stats('queued_requests')) < WAITERS) await new Promise((resolve) => setTimeout(resolve, 50))
    const figures = perWaiter(before, await readMemory(proxy.process))
    // And none of them is lost: the slot goes from one to the next until all are answered.
    const answers = Promise.all([running, ...sockets].map(answerOn))
    await fetch(`${upstream}${TARGETS.release}`, { method: 'POST' })
    for (const answer of await answers) assert.ok(answer.endsWith(WHOLE_ANSWER))
    assert.equal(await stats('active_requests'), 0)
    for (const socket of [running, ...sockets]) socket.destroy()
    return figures
  })

/** Bytes of a ticket in its line, without connection, request or body. */
function ticketBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const admission = new LocalAdmission({
    clock: systemClock,
    observer: new Stats(systemClock),
    upstream: { name: 'ollama' },
    defaults: { parallel: 1, queue: TICKETS },
    maxWaitingBytes: Number.POSITIVE_INFINITY,
  })
  const deadline = systemClock.now() + 300_000
  const call = { model: MODEL, caller: EVERYBODY, deadline, bytes: 200, slots: 1 }
  admission.acquire(call)
  const kept: unknown[] = new Array(TICKETS)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let index = 0; index < TICKETS; index++) kept[index] = admission.acquire(call)
  collect()
  const bytes = (process.memoryUsage().heapUsed - before) / TICKETS
  assert.equal(admission.model(MODEL)?.lane.queued, kept.length)
  admission.close()
  return bytes
}

const SMALL = 'waiting'
const LONG = 'waiting, 8 KiB'
const IDLE = 'idle connections'
const rounds: Rounds = await alternate(
  `${WAITERS} waiters, kilobytes each`,
  [
    { name: IDLE, measure: idleConnections },
    { name: SMALL, measure: waiting(callBody(false)) },
    { name: LONG, measure: waiting(LONG_CALL) },
  ],
  ROUNDS,
)
const ticket = ticketBytes()

const made = (variant: string) => {
  const part = (figure: string) => `${spread(rounds, variant, `${figure} kB`).median.toFixed(1)} kB`
  return (
    `heap ${part('heap')}, V8’s spare heap ${part('heap spare')}, buffers ${part('external')}, ` +
    `native ${part('native')}; in the kernel, both ends: buffers ${part('socket buffers')}, objects ${part('kernel objects')}`
  )
}

publish('waiters', quick, {
  rows: [
    ...[SMALL, LONG, IDLE].map((variant) => ({
      what: `RSS for each of ${WAITERS}: ${variant}`,
      value: `${shown(spread(rounds, variant, 'rss kB'))} kB`,
    })),
    ...[SMALL, LONG, IDLE].map((variant) => ({ what: `made of: ${variant}`, value: made(variant) })),
    { what: 'a ticket in line alone', value: `${Math.round(ticket)} B` },
  ],
  notes: [
    'RSS from /proc/PID/status after two forced collections; native is what is left of it: handles, parsers, allocator',
    'the kernel’s part is not in RSS and is counted for both ends of each connection, since both are on this machine',
  ],
  raw: { rounds, ticketBytes: ticket },
})
