import type { CallClass } from '../../src/callers/caller.ts'
import { exponential, seeded } from '../support/admission-random.ts'
import { atLoad, readTrace } from '../support/trace.ts'
import { SLOT } from '../turns/workload.ts'
import type { Lengths, Sender, SharedSlots, SharingWorkload } from './workload.ts'

/** A slot that does not care what runs beside it. Calls of the trace take 5.9 s on average. */
const EVEN = { promptRate: SLOT.promptRate, outputRate: SLOT.outputRate, slowdown: 0 }
/** The simulator of `--demo` (src/cli/demo.ts). */
const DEMO: SharedSlots = { slots: 4, promptRate: 1_000, outputRate: 50, slowdown: 0.1 }
/** What the simulator answers where nobody sets a length: 16 to 63 tokens (src/simulator/answer.ts). */
const demoLengths: Lengths = (random) => ({ promptTokens: 20, outputTokens: 16 + Math.floor(48 * random()) })

const HOUR_MS = 3_600_000

const trace = readTrace()

/** Prompt and answer of a request of the trace, drawn by chance. */
const traceLengths: Lengths = (random) => {
  const { promptTokens, outputTokens } = trace[Math.floor(random() * trace.length)] ?? {
    promptTokens: 0,
    outputTokens: 1,
  }
  return { promptTokens, outputTokens }
}

/** Answers of so many seconds, each as long as the other. */
function steady(seconds: number): Lengths {
  return () => ({ promptTokens: 0, outputTokens: Math.round(EVEN.outputRate * seconds) })
}

/** Answers of so many seconds on average. */
function varying(seconds: number): Lengths {
  return (random) => ({
    promptTokens: 0,
    outputTokens: Math.max(1, Math.round(EVEN.outputRate * seconds * exponential(random))),
  })
}

/** The caller who sends so much that everybody else would wait. */
export const FLOODER = 'flooder'
export const QUIET = 'quiet'
const FLOOD = 40

const flooder: Sender = { name: FLOODER, pace: { inFlight: FLOOD, lengths: demoLengths } }

/** A script with forty calls under way, and a colleague. `hours`: of the run. */
export function floods(hours: number): SharingWorkload[] {
  const between = (what: string, pace: Sender['pace']): SharingWorkload => ({
    name: `${FLOOD} in flight against ${what}`,
    machine: DEMO,
    reserve: 0,
    senders: [flooder, { name: QUIET, pace }],
    runMs: hours * HOUR_MS,
  })
  return [
    between('a call now and then', { everyMs: 30_000, lengths: demoLengths }),
    { ...between('one call at a time', { inFlight: 1, lengths: demoLengths }), drawnMs: 90_000 },
  ]
}

/** Calls under way of each caller: more than there are slots, so that some of them always wait. */
const BACKLOG = 16

/** All callers have calls in line throughout. */
export function backlogs(hours: number): SharingWorkload[] {
  const backlogged = (name: string, lengths: Lengths, weight = 1): Sender => ({
    name,
    weight,
    pace: { inFlight: BACKLOG, lengths },
  })
  const weighted = [1, 2, 8].map((weight) => backlogged(`weight ${weight}`, traceLengths, weight))
  const unlike = [backlogged('1 s calls', steady(1)), backlogged('60 s calls', steady(60))]
  const everything = [
    backlogged('1 s, weight 8', varying(1), 8),
    backlogged('8 s, weight 1', varying(8)),
    backlogged('60 s, weight 4', varying(60), 4),
    backlogged('60 s, weight 1', varying(60)),
  ]
  return [
    { ...backlogOf('weights 1:2:8, calls of the trace', 4, weighted, hours), drawnMs: 480_000 },
    backlogOf('calls of 1 s against calls of 60 s', 1, unlike, hours),
    { ...backlogOf('calls of 1 s against calls of 60 s', 4, unlike, hours), drawnMs: 2_400_000 },
    backlogOf('calls of 1 s against calls of 60 s', 8, unlike, hours),
    backlogOf('weights 1 to 8, calls of 1 to 60 s by chance', 4, everything, hours),
  ]
}

function backlogOf(what: string, slots: number, senders: readonly Sender[], hours: number): SharingWorkload {
  return {
    name: `${what}, ${named(slots)}`,
    machine: { ...EVEN, slots },
    reserve: 0,
    senders,
    runMs: hours * HOUR_MS,
  }
}

function named(slots: number): string {
  return `${slots} ${slots === 1 ? 'slot' : 'slots'}`
}

/** Callers of the batch class, each with calls under way. */
const BATCH_CALLERS = 6
const BATCH_FLOOD = 20
const BATCH_SECONDS = 30
/** Work that arrives over the work that fits. */
const INTERACTIVE_LOAD = 0.2
const NORMAL_LOAD = 0.1
/** Of calls of the trace on a slot. */
const MEAN_SECONDS = 5.9

/** Batch work for every slot there is, and people and programs beside it. */
export function classes(hours: number): SharingWorkload[] {
  const arriving = (name: string, kind: CallClass, load: number, slots: number): Sender => ({
    name,
    class: kind,
    pace: { everyMs: (1_000 * MEAN_SECONDS) / (slots * load), lengths: traceLengths },
  })
  const batch = Array.from({ length: BATCH_CALLERS }, (_, index): Sender => {
    const lengths = varying(BATCH_SECONDS)
    return { name: `batch ${index + 1}`, class: 'batch', pace: { inFlight: BATCH_FLOOD, lengths } }
  })
  return [1, 4].flatMap((slots) =>
    [0, 1].map((reserve) => ({
      name: `batch flood, ${named(slots)}, reserve ${reserve}`,
      machine: { ...EVEN, slots },
      reserve,
      senders: [
        arriving('interactive 1', 'interactive', INTERACTIVE_LOAD / 2, slots),
        arriving('interactive 2', 'interactive', INTERACTIVE_LOAD / 2, slots),
        arriving('normal', 'normal', NORMAL_LOAD, slots),
        ...batch,
      ],
      runMs: hours * HOUR_MS,
    })),
  )
}

const TRACE_CALLERS = 20
const TRACE_SLOTS = 4
/** Who sends half of all calls. */
export const HEAVY = 'heavy'

/** The trace as recorded, at a pace that nearly fills the slots. Half of its calls are one caller's, by chance. */
export function traces(): SharingWorkload[] {
  return [0.95, 1.1].map((load) => {
    const random = seeded(1_299_709)
    const arrivals = atLoad(trace, { ...SLOT, slots: TRACE_SLOTS }, load)
    const names = [HEAVY, ...Array.from({ length: TRACE_CALLERS - 1 }, (_, index) => `light ${index + 1}`)]
    const bySender = new Map(names.map((name) => [name, [] as typeof arrivals]))
    for (const arrival of arrivals) {
      const index = random() < 0.5 ? 0 : 1 + Math.floor((TRACE_CALLERS - 1) * random())
      bySender.get(names[index] ?? HEAVY)?.push(arrival)
    }
    return {
      name: `the trace at load ${load}, half of it one caller's, ${TRACE_CALLERS} callers, ${named(TRACE_SLOTS)}`,
      machine: { ...EVEN, slots: TRACE_SLOTS },
      reserve: 0,
      senders: names.map((name) => ({ name, pace: { arrivals: bySender.get(name) ?? [] } })),
      runMs: arrivals.at(-1)?.atMs ?? 0,
    }
  })
}
