import type { Random } from './random.ts'

/** One call to send. */
export interface Arrival {
  /** When the call is due, in milliseconds after the start. */
  readonly atMs: number
  readonly promptTokens: number
  readonly outputTokens: number
  /** Undefined: the mix of models decides. */
  readonly model?: string | undefined
}

export interface PoissonLoad {
  /** Average number of arrivals per second. */
  readonly rate: number
  readonly durationMs: number
  readonly promptTokens: number
  readonly outputTokens: number
}

/** A Poisson process, as independent clients produce: the time between two arrivals is exponentially distributed. */
export function* poissonArrivals(load: PoissonLoad, random: Random): Generator<Arrival> {
  const { rate, durationMs, promptTokens, outputTokens } = load
  for (let atMs = gapMs(rate, random); atMs < durationMs; atMs += gapMs(rate, random)) {
    yield { atMs, promptTokens, outputTokens }
  }
}

/** `1 - random()` is never 0. The logarithm of 0 would be infinite, and no arrival would follow. */
function gapMs(rate: number, random: Random): number {
  return (-Math.log(1 - random()) / rate) * 1_000
}

/** A trace, `speed` times as fast, without the arrivals from `durationMs` on. */
export function* replayed(
  trace: readonly Arrival[],
  speed: number,
  durationMs = Number.POSITIVE_INFINITY,
): Generator<Arrival> {
  for (const arrival of trace) {
    const atMs = arrival.atMs / speed
    if (atMs >= durationMs) return
    yield { ...arrival, atMs }
  }
}
