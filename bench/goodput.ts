/**
 * How much of an overloaded model server's time goes to calls that somebody still waits for: open arrivals of a
 * recorded trace at 2, 5 and 10 times what the server can do, with the proxy and without it.
 *
 *     node --import tsx bench/goodput.ts [--quick]
 */
import { LOAD_CORE, pin } from './support/child.ts'
import { isQuick, publish, type Row } from './support/findings.ts'
import { runOverSockets } from './support/goodput-sockets.ts'
import { type Setting, simulate } from './support/goodput-virtual.ts'
import { round, say } from './support/rounds.ts'
import { atLoad, type Goodput, readTrace, type Server } from './support/trace.ts'

const quick = isQuick()
const LOADS = [2, 5, 10]
const DEADLINE_MS = 30_000
const SERVER: Server = { slots: 4, promptRate: 2_000, outputRate: 50 }

/** Over sockets everything runs this much faster: rates up, deadline down, the trace's own proportions kept. */
const COMPRESSION = 10
const WARM_UP_MS = quick ? 6_000 : 9_000
const WINDOW_MS = quick ? 3_000 : 30_000

interface Result extends Goodput {
  readonly load: number
  readonly where: string
  readonly setting: Setting
}

const trace = readTrace()
const results: Result[] = []

function keep(load: number, where: string, setting: Setting, figures: Goodput): void {
  results.push({ load, where, setting, ...figures })
  const { goodput, calls, inTime, refused, late, peak } = figures
  const name = `${load}x, ${where}, ${setting}`
  const shares = `in time ${inTime}, refused ${refused}, late ${late}`
  say(
    `  ${name.padEnd(40)} goodput ${goodput.toFixed(4)}  ${calls} calls: ${shares}; at once at most ${peak}`,
  )
}

say(`\ngoodput: ${SERVER.slots} slots, deadline ${DEADLINE_MS / 1_000} s`)
for (const load of LOADS) {
  const arrivals = atLoad(trace, SERVER, load)
  for (const setting of ['guarded', 'alone', 'alone, all stay'] as const) {
    keep(load, 'virtual time', setting, simulate(arrivals, SERVER, DEADLINE_MS, setting))
  }
}

pin(process.pid, LOAD_CORE)
const FAST: Server = {
  slots: SERVER.slots,
  promptRate: SERVER.promptRate * COMPRESSION,
  outputRate: SERVER.outputRate * COMPRESSION,
}
for (const load of quick ? [10] : LOADS) {
  const arrivals = atLoad(trace, FAST, load)
  for (const setting of ['guarded', 'alone'] as const) {
    const deadlineMs = DEADLINE_MS / COMPRESSION
    const guarded = setting === 'guarded'
    const run = { arrivals, server: FAST, deadlineMs, guarded, warmUpMs: WARM_UP_MS, windowMs: WINDOW_MS }
    keep(load, 'sockets', setting, await runOverSockets(run))
  }
}

const rows: Row[] = results.flatMap(({ load, where, setting, ...figures }) => {
  const what = `${load}× capacity, ${where}`
  const { goodput, inTime, refused, late, calls, peak } = figures
  const share = (count: number) => `${round((100 * count) / calls)} %`
  const ends = `answered ${share(inTime)}, refused at once ${share(refused)}, too late ${share(late)}`
  if (setting !== 'guarded')
    return [
      {
        what: `${what}: simulator ${setting}`,
        value: `${goodput.toFixed(3)}; ${ends}; ${peak} calls at once`,
      },
    ]
  const over = Math.max(0, peak - SERVER.slots)
  return [
    {
      what: `${what}: goodput`,
      value: `${goodput.toFixed(3)}; ${ends}`,
      target: '≥ 0.97',
      met: goodput >= 0.97,
    },
    {
      what: `${what}: calls over the limit at the simulator`,
      value: `${over}`,
      target: '0',
      met: over === 0,
    },
  ]
})

publish('goodput', quick, {
  rows,
  notes: [
    'goodput: slot time of calls whose first byte came within 30 s of their arrival, over all slot time while calls arrived',
    `over sockets the simulator and the deadline run ${COMPRESSION} times faster, ${WINDOW_MS / 1_000} s after a warm-up of ${WARM_UP_MS / 1_000} s`,
  ],
  raw: { server: SERVER, deadlineMs: DEADLINE_MS, results },
})
