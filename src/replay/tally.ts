import type { Percentiles } from '../admission/observer.ts'
import { CALL_CLASSES, type CallClass } from '../callers/caller.ts'
import { type RecordedCall, type Recording, ran } from './recording.ts'

/**
 * What came of a call. gave_up: its client left the line. cut_off: Ollama had the call, and there was no first byte in
 * time. The others but `ran` are refusals; `other` covers the refusals that only a log can have.
 */
const FATES = [
  'unknown',
  'ran',
  'cut_off',
  'gave_up',
  'queue_full',
  'timeout',
  'load_failed',
  'shutting_down',
  'other',
] as const
export type Fate = (typeof FATES)[number]

const REFUSALS: readonly Fate[] = ['queue_full', 'timeout', 'load_failed', 'shutting_down', 'other']

/** What came of some calls. Times in milliseconds. */
export interface GroupFigures {
  readonly calls: number
  /** Calls that got a slot. */
  readonly ran: number
  /** Of those, the calls that had no first byte in time. */
  readonly cutOff: number
  readonly gaveUp: number
  /** By reason; only reasons that occurred. */
  readonly refused: Readonly<Record<string, number>>
  /** Slot time, without loads. */
  readonly slotMs: number
  /** Of the calls that got a slot, or stood in line and left without a slot. Null: there was none. */
  readonly waitMs: Percentiles | null
}

export interface NamedFigures extends GroupFigures {
  readonly name: string
}

/** What came of all calls. */
export interface TallyFigures extends GroupFigures {
  readonly classes: readonly NamedFigures[]
  /** The callers with the most calls first. */
  readonly callers: readonly NamedFigures[]
  /** Callers that are not in `callers`. */
  readonly moreCallers: number
}

/** Callers whose figures are told. Without keys, each address is a caller. */
const MOST_CALLERS = 1_000

/** Keeps for each call of a recording what came of it. */
export class ReplayTally {
  readonly #recording: Recording
  readonly #fates: Uint8Array
  readonly #classes: Uint8Array
  /** NaN: the call came neither to a slot nor to the line. */
  readonly #waitMs: Float64Array
  readonly #slotMs: Float64Array

  constructor(recording: Recording) {
    const { length } = recording
    this.#recording = recording
    this.#fates = new Uint8Array(length)
    this.#classes = new Uint8Array(length)
    this.#waitMs = new Float64Array(length).fill(Number.NaN)
    this.#slotMs = new Float64Array(length)
  }

  arrived(index: number, className: CallClass): void {
    this.#classes[index] = CALL_CLASSES.indexOf(className)
  }

  /** The call has left the line, with a slot or without. */
  waited(index: number, ms: number): void {
    this.#waitMs[index] = ms
  }

  ended(index: number, fate: Fate, slotMs = 0): void {
    this.#fates[index] = FATES.indexOf(fate)
    this.#slotMs[index] = slotMs
  }

  figures(): TallyFigures {
    const { callers, length } = this.#recording
    const all = Uint32Array.from({ length }, (_, index) => index)
    const byCaller = this.#byCaller(all)
    const byClass = CALL_CLASSES.map((name, number) => ({
      name,
      indexes: all.filter((index) => this.#classes[index] === number),
    }))
    return {
      ...this.#of(all),
      classes: byClass
        .filter(({ indexes }) => indexes.length > 0)
        .map(({ name, indexes }) => ({ name, ...this.#of(indexes) })),
      callers: byCaller.slice(0, MOST_CALLERS).map((indexes) => ({
        name: callers[this.#recording.callerAt(indexes[0] ?? 0)] ?? '',
        ...this.#of(indexes),
      })),
      moreCallers: Math.max(0, byCaller.length - MOST_CALLERS),
    }
  }

  /** The numbers of each caller's calls. Callers with equally many calls stand in the order of their first calls. */
  #byCaller(all: Uint32Array): Uint32Array[] {
    const callerAt = (index: number) => this.#recording.callerAt(index)
    const sorted = all.toSorted((a, b) => callerAt(a) - callerAt(b) || a - b)
    const groups: Uint32Array[] = []
    let from = 0
    for (let to = 1; to <= sorted.length; to++) {
      if (to < sorted.length && callerAt(sorted[to] ?? 0) === callerAt(sorted[from] ?? 0)) continue
      groups.push(sorted.subarray(from, to))
      from = to
    }
    return groups.sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0))
  }

  #of(indexes: Uint32Array): GroupFigures {
    const counts = new Map<Fate, number>()
    const waits: number[] = []
    let slotMs = 0
    for (const index of indexes) {
      const fate = FATES[this.#fates[index] ?? 0] ?? 'unknown'
      counts.set(fate, (counts.get(fate) ?? 0) + 1)
      slotMs += this.#slotMs[index] ?? 0
      const waitMs = this.#waitMs[index] ?? Number.NaN
      if (!Number.isNaN(waitMs)) waits.push(waitMs)
    }
    const of = (fate: Fate) => counts.get(fate) ?? 0
    return {
      calls: indexes.length,
      ran: of('ran') + of('cut_off'),
      cutOff: of('cut_off'),
      gaveUp: of('gave_up'),
      refused: Object.fromEntries(REFUSALS.filter((each) => of(each) > 0).map((each) => [each, of(each)])),
      slotMs,
      waitMs: percentiles(Float64Array.from(waits).sort()),
    }
  }
}

/** What came of the calls when they were recorded. */
export function recordedFigures(recording: Recording): TallyFigures {
  const tally = new ReplayTally(recording)
  for (let index = 0; index < recording.length; index++) {
    const call = recording.at(index)
    tally.arrived(index, call.class)
    if (call.end !== 'refused') tally.waited(index, call.waitMs)
    tally.ended(index, recordedFate(call), call.heldMs)
  }
  return tally.figures()
}

function recordedFate(call: RecordedCall): Fate {
  if (ran(call)) return call.end === 'timed_out' ? 'cut_off' : 'ran'
  if (call.end === 'left') return 'gave_up'
  if (call.end === 'expired') return 'timeout'
  return REFUSALS.find((each) => each === call.refusal) ?? 'other'
}

/** The smallest value that is not below so many of a hundred. `sorted`: ascending. */
function percentiles(sorted: Float64Array): Percentiles | null {
  if (sorted.length === 0) return null
  const at = (percent: number) => sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
  return { p50: at(50), p95: at(95), p99: at(99) }
}
