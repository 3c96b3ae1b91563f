import type { CallerView } from '../admission/contract.ts'
import { CALL_CLASSES } from '../callers/caller.ts'
import type { CallerMeters, MetersOfCallers } from './caller-meters.ts'
import { OUTCOMES } from './labels.ts'
import type { Families, MetricSample } from './prometheus-families.ts'

type CallCounts = Pick<CallerView, 'id' | 'active' | 'queued'>

export interface CallerMetricsParts {
  readonly meters: { readonly callers: MetersOfCallers }
  readonly admission: { callers(): Iterable<CallCounts> }
  /** Requests that were refused because of who sent them, or would have been; by reason. */
  readonly accessRefused: () => Readonly<Record<string, number>>
}

/** The metrics of callers. All samples of a configured key are there from the start: a rate needs the first zero. */
export function describeCallers(
  families: Families,
  { accessRefused, admission, meters }: CallerMetricsParts,
): void {
  const { callers } = meters
  families.counter(
    {
      name: 'caller_requests_total',
      help: 'Calls that are over, by the key of the caller and how they ended.',
      labels: ['caller', 'outcome'],
    },
    function* () {
      for (const [caller, { requests }] of callers.callers())
        for (const [at, outcome] of OUTCOMES.entries()) yield [{ caller, outcome }, requests[at] ?? 0]
    },
  )
  families.counter(
    {
      name: 'slot_seconds_total',
      help: 'Time for which calls held slots, times the slots, by the key of the caller and the class.',
      labels: ['caller', 'class'],
    },
    function* () {
      for (const [caller, { slotMs }] of callers.callers())
        for (const [at, name] of CALL_CLASSES.entries())
          yield [{ caller, class: name }, (slotMs[at] ?? 0) / 1_000]
    },
  )
  families.counter(
    {
      name: 'caller_tokens_total',
      help: 'Tokens of prompts (in) and answers (out), by the key of the caller.',
      labels: ['caller', 'direction'],
    },
    () => tokens(callers.callers()),
  )
  const gauges = [
    ['caller_active', 'Calls that hold slots, by the key of the caller.', ({ active }) => active],
    ['caller_queued', 'Calls in line, by the key of the caller.', ({ queued }) => queued],
  ] as const satisfies readonly (readonly [string, string, (counts: CallCounts) => number])[]
  for (const [name, help, figure] of gauges)
    families.gauge({ name, help, labels: ['caller'] }, () => callsNow(callers, admission.callers(), figure))
  families.counter(
    {
      name: 'access_refused_total',
      help: 'Requests that were refused because of who sent them, by reason; with auth: observe those that would have been.',
      labels: ['reason'],
    },
    () => Object.entries(accessRefused()).map(([reason, count]) => [{ reason }, count] as const),
  )
}

function* tokens(
  callers: Iterable<readonly [string, CallerMeters]>,
): Iterable<MetricSample<'caller' | 'direction'>> {
  for (const [caller, { tokensIn, tokensOut }] of callers) {
    yield [{ caller, direction: 'in' }, tokensIn]
    yield [{ caller, direction: 'out' }, tokensOut]
  }
}

function callsNow(
  callers: MetersOfCallers,
  now: Iterable<CallCounts>,
  figure: (counts: CallCounts) => number,
): Iterable<MetricSample<'caller'>> {
  const sums = new Map(Array.from(callers.callers(), ([label]) => [label, 0]))
  for (const counts of now) {
    const label = callers.labelOf(counts.id)
    sums.set(label, (sums.get(label) ?? 0) + figure(counts))
  }
  return Array.from(sums, ([caller, sum]) => [{ caller }, sum] as const)
}
