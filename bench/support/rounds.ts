/** Figures of one variant in one round, by name. */
export type Figures = Readonly<Record<string, number>>

export interface Variant {
  readonly name: string
  /** One measurement. */
  readonly measure: () => Promise<Figures>
}

/** Figures by variant's name, one entry a round. */
export type Rounds = Readonly<Record<string, readonly Figures[]>>

/**
 * Measures every variant once a round, in an order that is reversed from round to round, so that what drifts on
 * the machine does not always favour the same one. Every figure is printed as it comes.
 */
export async function alternate(
  title: string,
  variants: readonly Variant[],
  rounds: number,
): Promise<Rounds> {
  const measured: Record<string, Figures[]> = {}
  say(`\n${title}: ${rounds} rounds of ${variants.map(({ name }) => name).join(', ')}`)
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? variants : [...variants].reverse()
    for (const { name, measure } of order) {
      const figures = await measure()
      measured[name] = [...(measured[name] ?? []), figures]
      say(`  round ${round + 1}  ${name.padEnd(14)} ${describe(figures)}`)
    }
  }
  return measured
}

export interface Spread {
  readonly low: number
  readonly median: number
  readonly high: number
}

/** One figure of one variant, a value a round. */
export function values(rounds: Rounds, variant: string, figure: string): number[] {
  return (rounds[variant] ?? []).map((figures) => figures[figure] ?? Number.NaN)
}

/** One figure of one variant over all rounds. */
export function spread(rounds: Rounds, variant: string, figure: string): Spread {
  return spreadOf(values(rounds, variant, figure))
}

/** The figure of one variant divided by that of another, round by round. */
export function ratio(rounds: Rounds, figure: string, over: string, under: string): number[] {
  const below = values(rounds, under, figure)
  return values(rounds, over, figure).map((value, round) => value / (below[round] ?? Number.NaN))
}

/** With the lowest and the highest, for a few long rounds. */
export function spreadOf(values: readonly number[]): Spread {
  return between(values, 0, 100)
}

/** With the quartiles, for many short slices. */
export function quartiles(values: readonly number[]): Spread {
  return between(values, 25, 75)
}

/** The median with the interval that holds the true one with 95 % of chance, whatever the distribution: by ranks. */
export function medianWithin(values: readonly number[]): Spread {
  const reach = (100 * 0.98) / Math.sqrt(values.length)
  return between(values, Math.max(0, 50 - reach), Math.min(100, 50 + reach))
}

function between(values: readonly number[], low: number, high: number): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const [from = Number.NaN, median = Number.NaN, to = Number.NaN] = [low, 50, high].map((percent) =>
    percentile(sorted, percent),
  )
  return { low: from, median, high: to }
}

/** Of values in ascending order, by linear interpolation; NaN when there are none. */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (sorted.length === 0) return Number.NaN
  const at = ((sorted.length - 1) * percent) / 100
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

function describe(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${round(value)}`)
    .join('  ')
}

/** Three or four digits that mean something, as text. */
export function round(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return String(value)
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value))
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3)
}

/** `median (low to high)`. */
export function shown({ low, median, high }: Spread): string {
  return `${round(median)} (${round(low)} to ${round(high)})`
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
