import type { Clock } from '../../clock.ts'
import { duration } from '../top/figures.ts'
import type { Tally } from './tally.ts'

const ON_TERMINAL_MS = 1_000
/** A log has no line that could be written over. */
const IN_LOG_MS = 5_000

export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Says how a run goes: one line that is rewritten on a terminal, else a line every five seconds. */
export class Progress {
  readonly #output: ProgressOutput
  readonly #line: () => string
  readonly #clock: Clock
  #end: () => void = () => {}

  constructor(output: ProgressOutput, clock: Clock, line: () => string) {
    this.#output = output
    this.#clock = clock
    this.#line = line
    this.#wait()
  }

  #wait(): void {
    this.#end = this.#clock.after(this.#output.isTTY ? ON_TERMINAL_MS : IN_LOG_MS, () => {
      this.#tell()
      this.#wait()
    })
  }

  #tell(): void {
    const line = this.#line()
    if (!this.#output.isTTY) this.#output.write(`${line}\n`)
    // One cell less than there is: some terminals wrap after the last one.
    else this.#output.write(`\r${line.slice(0, (this.#output.columns || 80) - 1)}\x1b[K`)
  }

  /** Takes its line away from a terminal. */
  end(): void {
    this.#end()
    if (this.#output.isTTY) this.#output.write('\r\x1b[K')
  }
}

/** How a run stands after so many milliseconds. */
export function progressLine(tally: Tally, open: number, ms: number): string {
  const first = tally.firstByte.read()
  const parts = [duration(ms), `${tally.sent} sent`, `${open} open`, `${tally.answered} answered`]
  const { refused, timedOut, failed, notSent } = tally
  for (const [count, name] of [
    [refused, 'refused'],
    [timedOut, 'timed out'],
    [failed, 'failed'],
    [notSent, 'not sent'],
  ] as const) {
    if (count > 0) parts.push(`${count} ${name}`)
  }
  if (first) parts.push(`first byte p50 ${duration(first.p50)}, p95 ${duration(first.p95)}`)
  return parts.join('  ')
}
