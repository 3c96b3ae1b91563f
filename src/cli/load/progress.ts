import type { Cancel, Clock } from '../../clock.ts'
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

/**
 * Shows the progress of a run: on a terminal one line that is rewritten, else a new line every five seconds. Returns a
 * function that stops this, and clears the line on a terminal.
 */
export function showProgress(output: ProgressOutput, clock: Clock, line: () => string): () => void {
  const { isTTY } = output
  const print = () => {
    if (!isTTY) output.write(`${line()}\n`)
    // One column stays free: some terminals wrap after the last column.
    else output.write(`\r${line().slice(0, (output.columns || 80) - 1)}\x1b[K`)
  }
  let cancel: Cancel
  const wait = () => {
    cancel = clock.after(isTTY ? ON_TERMINAL_MS : IN_LOG_MS, () => {
      print()
      wait()
    })
  }
  wait()
  return () => {
    cancel()
    if (isTTY) output.write('\r\x1b[K')
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
