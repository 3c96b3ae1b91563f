import { mkdirSync, writeFileSync } from 'node:fs'
import { type Machine, readMachine } from './machine.ts'
import { say } from './rounds.ts'

/** One line of the published table. */
export interface Row {
  readonly what: string
  readonly value: string
  readonly target?: string
  /** Absent where there is no target. */
  readonly met?: boolean
}

export interface Report {
  readonly bench: string
  /** How the bench was run: quick figures are never published. */
  readonly quick: boolean
  readonly date: string
  readonly machine: Machine
  readonly rows: readonly Row[]
  readonly notes: readonly string[]
  /** Everything that was measured, for those who want to compute it again. */
  readonly raw: unknown
}

export const OUT = new URL('../out/', import.meta.url)
/** The picture of the bench fairness, in OUT and, once published, beside bench/README.md. */
export const CURVES = 'fairness.svg'

export interface Findings {
  readonly rows: readonly Row[]
  readonly notes?: readonly string[]
  readonly raw: unknown
}

/** Prints the findings and leaves them in bench/out/<bench>.json. */
export function publish(bench: string, quick: boolean, { rows, notes = [], raw }: Findings): void {
  say('')
  for (const { what, value, target, met } of rows) {
    const verdict = met === undefined ? '' : met ? '  met' : '  MISSED'
    say(`  ${what}: ${value}${target === undefined ? '' : `  (target ${target})`}${verdict}`)
  }
  for (const note of notes) say(`  note: ${note}`)
  const report: Report = { bench, quick, date: today(), machine: readMachine(), rows, notes, raw }
  mkdirSync(OUT, { recursive: true })
  writeFileSync(new URL(`${bench}.json`, OUT), `${JSON.stringify(report, null, 2)}\n`)
}

/** `--quick` on the command line: seconds instead of minutes, to see that the bench still works. */
export function isQuick(): boolean {
  return process.argv.includes('--quick')
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
