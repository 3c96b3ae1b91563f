import { writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform } from 'node:os'

interface Row {
  readonly name: string
  readonly unit: string
  /** Every round, in the order measured. */
  readonly rounds: readonly number[]
  readonly median: number
  /** What the median is held against, as in `<= 100`. */
  readonly target?: string
  readonly met?: boolean
}

interface Target {
  readonly most?: number
  readonly least?: number
}

/** Prints figures as they come, each with all its rounds, and keeps them for a JSON file. */
export class Report {
  readonly #rows: Row[] = []
  readonly #machine = {
    node: process.version,
    platform: `${platform()} ${arch()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    pinned: false,
    /** Other work on the machine shows here: figures of a busy machine are not worth quoting. */
    loadAverage: loadavg()[0] ?? 0,
  }

  constructor(title: string) {
    const { node, platform: os, cpu, cores, loadAverage } = this.#machine
    print(`${title}: ${node}, ${os}, ${cpu}, ${cores} cores, not pinned, load ${loadAverage.toFixed(2)}`)
  }

  /** True when no figure so far missed its target. */
  get met(): boolean {
    return this.#rows.every((row) => row.met !== false)
  }

  row(name: string, unit: string, rounds: readonly number[], { most, least }: Target = {}): void {
    const median = percentile(rounds, 50)
    const bounds = [
      least === undefined ? [] : [`>= ${least}`],
      most === undefined ? [] : [`<= ${most}`],
    ].flat()
    const target = bounds.length > 0 ? bounds.join(', ') : undefined
    const met = (most === undefined || median <= most) && (least === undefined || median >= least)
    this.#rows.push({ name, unit, rounds, median, ...(target === undefined ? {} : { target, met }) })
    const verdict = target === undefined ? '' : `  (${target}: ${met ? 'met' : 'MISSED'})`
    print(`${name}: ${figure(median)} ${unit}${verdict}`)
    if (rounds.length > 1) print(`    rounds: ${rounds.map(figure).join(' ')}`)
  }

  save(file: string): void {
    writeFileSync(file, `${JSON.stringify({ ...this.#machine, rows: this.#rows }, null, 2)}\n`)
  }
}

/** Nearest rank, `share` in percent; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const rank = Math.max(1, Math.ceil((share / 100) * sorted.length))
  return sorted[rank - 1] ?? Number.NaN
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)))
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
