import { Random } from '../../turns/support/random.ts'
import type { FairWorld } from './world.ts'

/** A call of a workload. */
interface Arrival {
  readonly atMs: number
  readonly by: string
  readonly serviceMs: number
}

/** Prompt and output, in tokens. */
type Size = readonly [number, number]

/** Four slots with these times serve 1.5625 calls of 256 and 256 tokens a second. */
const PROMPT_TOKEN_MS = 1
const OUTPUT_TOKEN_MS = 9
const MEDIUM: Size = [256, 256]
const MINUTE_MS = 60_000

/** A call of MEDIUM size, which is the longest but for `long-short`. */
export const MEDIUM_MS = serviceOf(MEDIUM)

export interface Workload {
  readonly arrivals: readonly Arrival[]
  readonly durationMs: number
}

function serviceOf([prompt, output]: Size): number {
  return prompt * PROMPT_TOKEN_MS + output * OUTPUT_TOKEN_MS
}

interface Stream {
  readonly by: string
  /** Calls a second. */
  readonly rate: number
  readonly size?: Size
  readonly fromMs?: number
  readonly untilMs: number
  /** Calls come in the first minute, and in each second one after that. */
  readonly onOff?: boolean
}

/** Calls that come at equal distances. */
function steady(random: Random, { by, rate, size = MEDIUM, fromMs = 0, untilMs, onOff }: Stream): Arrival[] {
  const stepMs = 1_000 / rate
  const arrivals: Arrival[] = []
  for (let atMs = fromMs + random.next() * stepMs; atMs < untilMs; atMs += stepMs)
    if (onOff !== true || Math.floor(atMs / MINUTE_MS) % 2 === 0)
      arrivals.push({ atMs, by, serviceMs: serviceOf(size) })
  return arrivals
}

/** Calls that come at random. */
function poisson(random: Random, { by, rate, size = MEDIUM, untilMs }: Stream): Arrival[] {
  const arrivals: Arrival[] = []
  const nextMs = () => (-Math.log(1 - random.next()) * 1_000) / rate
  for (let atMs = nextMs(); atMs < untilMs; atMs += nextMs())
    arrivals.push({ atMs, by, serviceMs: serviceOf(size) })
  return arrivals
}

/** Calls that come ever faster. */
function rising(by: string, fromRate: number, toRate: number, untilMs: number): Arrival[] {
  const arrivals: Arrival[] = []
  const rateAt = (atMs: number) => fromRate + ((toRate - fromRate) * atMs) / untilMs
  for (let atMs = 1_000 / fromRate; atMs < untilMs; atMs += 1_000 / rateAt(atMs))
    arrivals.push({ atMs, by, serviceMs: serviceOf(MEDIUM) })
  return arrivals
}

function merged(durationMs: number, ...streams: readonly (readonly Arrival[])[]): Workload {
  return { durationMs, arrivals: streams.flat().sort((one, other) => one.atMs - other.atMs) }
}

/**
 * The synthetic workloads of Sheng and others, "Fairness in Serving Large Language Models" (OSDI 2024, section 5.2), with
 * the rates and sizes of their artifact (fair_bench/exp_suite.py and trace.py). Their machine served calls in batches;
 * here each call has a slot for a time that its tokens give.
 */
export const WORKLOADS: Readonly<Record<string, () => Workload>> = {
  overload: () => {
    const random = new Random(1)
    const untilMs = 6 * MINUTE_MS
    const [one, two] = [
      steady(random, { by: 'one', rate: 1.5, untilMs }),
      steady(random, { by: 'two', rate: 3, untilMs }),
    ]
    return merged(untilMs, one, two)
  },
  proportional: () => {
    const random = new Random(2)
    const untilMs = 10 * MINUTE_MS
    const rates = { one: 0.25, two: 0.5, three: 1.5 }
    return merged(
      untilMs,
      ...Object.entries(rates).map(([by, rate]) => steady(random, { by, rate, untilMs })),
    )
  },
  'on-off-less': () => onOff(3, 0.5, 2),
  'on-off-overload': () => onOff(4, 2, 3),
  'poisson-short-long': () => shortLong(5, [64, 64], MEDIUM),
  'poisson-long-short': () => shortLong(6, [512, 32], [32, 512]),
  increase: () => {
    const untilMs = 10 * MINUTE_MS
    return merged(
      untilMs,
      steady(new Random(7), { by: 'one', rate: 0.5, untilMs }),
      rising('two', 0.2, 2, untilMs),
    )
  },
  'dist-shift': () => {
    const random = new Random(8)
    const thirds = [5, 10, 15].map((minutes) => minutes * MINUTE_MS)
    const [first = 0, second = 0, third = 0] = thirds
    return merged(
      third,
      steady(random, { by: 'one', rate: 0.5, untilMs: first, onOff: true }),
      steady(random, { by: 'two', rate: 2, untilMs: first }),
      steady(random, { by: 'one', rate: 1, fromMs: first, untilMs: second }),
      steady(random, { by: 'two', rate: 1, fromMs: first, untilMs: second }),
      steady(random, { by: 'one', rate: 0.5, fromMs: second, untilMs: third }),
      steady(random, { by: 'two', rate: 1.5, fromMs: second, untilMs: third }),
    )
  },
}

function onOff(seed: number, rate: number, otherRate: number): Workload {
  const random = new Random(seed)
  const untilMs = 10 * MINUTE_MS
  return merged(
    untilMs,
    steady(random, { by: 'one', rate, untilMs, onOff: true }),
    steady(random, { by: 'two', rate: otherRate, untilMs }),
  )
}

function shortLong(seed: number, size: Size, otherSize: Size): Workload {
  const random = new Random(seed)
  const untilMs = 10 * MINUTE_MS
  return merged(
    untilMs,
    poisson(random, { by: 'one', rate: 8, size, untilMs }),
    poisson(random, { by: 'two', rate: 1.5, size: otherSize, untilMs }),
  )
}

/** Lets the calls of a workload come in their time. `each` hears of each call. */
export function play(
  world: FairWorld,
  { arrivals, durationMs }: Workload,
  at: (atMs: number) => void = () => {},
): void {
  for (const { atMs, by, serviceMs } of arrivals) {
    world.clock.advance(atMs - world.now)
    at(atMs)
    world.ask({ by, serviceMs })
  }
  world.clock.advance(durationMs - world.now)
}
