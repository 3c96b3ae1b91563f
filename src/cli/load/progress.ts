import type { Clock } from '../../clock.ts'
import { duration } from '../top/figures.ts'
import type { Tally } from './tally.ts'

const ON_TERMINAL_MS = 1_000
/** Longer, since every line stays in a log. */
const IN_LOG_MS = 5_000

export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Shows the progress of a run: on a terminal one line that is rewritten, else a new line every five seconds. */
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
      this.#print()
      this.#wait()
    })
  }

  #print(): void {
    const line = this.#line()
    if (!this.#output.isTTY) this.#output.write(`${line}\n`)
    // One column stays free: some terminals wrap after the last column.
    else this.#output.write(`\r${line.slice(0, (this.#output.columns || 80) - 1)}\x1b[K`)
  }

  /** Stops, and clears the line on a terminal. */
  end(): void {
    this.#end()
    if (this.#output.isTTY) this.#output.write('\r\x1b[K')
  }
}

/** The state of a run, `ms` milliseconds after its start. */
export function progressLine(tally: Tally, open: number, ms: number): string {
  const first = tally.firstByte.read()
  const { answered, refused, timed_out, failed } = tally.count
  const parts = [duration(ms), `${tally.sent} sent`, `${open} open`, `${answered} answered`]
  const others = { refused, 'timed out': timed_out, failed, 'not sent': tally.notSent }
  for (const [name, count] of Object.entries(others)) if (count > 0) parts.push(`${count} ${name}`)
  if (first) parts.push(`first byte p50 ${duration(first.p50)}, p95 ${duration(first.p95)}`)
  return parts.join('  ')
}
