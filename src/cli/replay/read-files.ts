import { type RecordedCall, Recording } from '../../replay/recording.ts'
import type { Arrival } from '../load/arrivals.ts'
import { arrivalIn, isTitle } from '../load/trace.ts'
import { linesOf } from './lines.ts'
import { LONGEST_MS, readLogLine } from './log-line.ts'

/**
 * One slot, tokens a second: a model of eight billion parameters on a graphics card of a few thousand euros. The benches
 * use the same rates.
 */
export const TRACE_RATES = { prompt: 1_000, output: 45 } as const
/** A trace tells neither model nor caller. */
const TRACE_MODEL = 'trace'
const TRACE_CALLER = 'everybody'

/** Bad lines that are named. */
const MOST_NAMED = 10

const TEXT_LINE = /^\d{4}-\d\d-\d\dT[\d:.]+Z (?:debug|info|warn|error) /

/** Lines that cannot be read. */
export interface BadLines {
  readonly file: string
  readonly count: number
  /** The numbers of the first few of them, from 1. */
  readonly lines: readonly number[]
  /** They look like the text format of the log. */
  readonly isText: boolean
}

/** What the files hold. */
export interface ReadFiles {
  readonly recording: Recording
  /** Lines of the log that are no calls. */
  readonly notes: number
  /** Calls that took no slot, or were refused before they came to a line. */
  readonly apart: number
  readonly bad: readonly BadLines[]
  /** Calls of traces: their times come from TRACE_RATES. */
  readonly traced: number
}

/** Reads logs and traces. @throws NotText, TooManyCalls, or Error of the file system. */
export async function readFiles(paths: readonly string[]): Promise<ReadFiles> {
  const reader = new Reader()
  for (const path of paths) {
    reader.begin(path)
    for await (const lines of linesOf(path)) for (const line of lines) reader.line(line)
  }
  return reader
}

class Reader implements ReadFiles {
  readonly recording = new Recording()
  notes = 0
  apart = 0
  traced = 0
  readonly bad: { file: string; count: number; lines: number[]; isText: boolean }[] = []
  #file = ''
  #number = 0

  begin(file: string): void {
    this.#file = file
    this.#number = 0
  }

  line(raw: string): void {
    this.#number++
    const line = raw.trim()
    if (line === '' || (this.#number === 1 && isTitle(line))) return
    const read = line.startsWith('{') ? this.#json(line) : this.#traced(line)
    if (read === undefined || read === 'unreadable') this.#isBad(line)
    else if (read === 'note') this.notes++
    else if (read === 'apart') this.apart++
    else this.recording.add(read)
  }

  #json(line: string) {
    let fields: unknown
    try {
      fields = JSON.parse(line)
    } catch {
      return undefined
    }
    if (typeof fields !== 'object' || fields === null) return undefined
    return 'event' in fields ? readLogLine(fields) : this.#traced(line)
  }

  #traced(line: string): RecordedCall | undefined {
    const arrival = arrivalIn(line)
    const heldMs = arrival === undefined ? Number.POSITIVE_INFINITY : heldBy(arrival)
    if (arrival === undefined || heldMs > LONGEST_MS || !Number.isFinite(arrival.atMs)) return undefined
    this.traced++
    return {
      ...{ arrivedAt: arrival.atMs, model: arrival.model ?? TRACE_MODEL, caller: TRACE_CALLER, heldMs },
      ...{
        user: undefined,
        class: 'normal',
        end: 'done',
        served: true,
        missing: false,
        waitMs: 0,
        loadMs: 0,
      },
      firstByteMs: (1_000 * arrival.promptTokens) / TRACE_RATES.prompt,
      patienceMs: Number.POSITIVE_INFINITY,
      ...{ bytes: 0, numCtx: undefined, embeds: false },
    }
  }

  #isBad(line: string): void {
    let bad = this.bad.at(-1)
    if (bad?.file !== this.#file) {
      bad = { file: this.#file, count: 0, lines: [], isText: false }
      this.bad.push(bad)
    }
    bad.count++
    bad.isText ||= TEXT_LINE.test(line)
    if (bad.lines.length < MOST_NAMED) bad.lines.push(this.#number)
  }
}

/** Milliseconds in a slot. */
function heldBy({ promptTokens, outputTokens }: Arrival): number {
  return (1_000 * promptTokens) / TRACE_RATES.prompt + (1_000 * outputTokens) / TRACE_RATES.output
}
