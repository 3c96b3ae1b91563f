import { collectDefaultMetrics, Registry } from 'prom-client'
import type { ModelView } from '../admission/contract.ts'
import { CALL_CLASSES } from '../callers/caller.ts'
import { LOAD_OPTIONS } from '../ollama/load-options.ts'
import type { Buckets } from './buckets.ts'
import { NONE, OTHER, OUTCOMES } from './labels.ts'
import { type Meters, type ModelMeters, REASONS } from './meters.ts'
import { type CallerMetricsParts, describeCallers } from './prometheus-callers.ts'
import { Families, type MetricSample } from './prometheus-families.ts'
import { describeShares, type ShareMetricsParts } from './prometheus-shares.ts'
import { describeTurns, type TurnMetricsParts } from './prometheus-turns.ts'
import type { Memory } from './snapshot.ts'

export interface MetricsParts extends TurnMetricsParts, CallerMetricsParts, ShareMetricsParts {
  readonly meters: Meters
  readonly admission: TurnMetricsParts['admission'] &
    CallerMetricsParts['admission'] & {
      models(): Iterable<ModelView>
      readonly waiting: { readonly bytes: number }
    }
  /** Refused attempts to administer, by reason. */
  readonly adminRefused: Readonly<Record<string, number>>
  readonly upstream: { status(): { readonly reachable: boolean; readonly version: string | null } }
  /** The memory of the host or the container; null where the system does not tell. */
  readonly memory: () => Promise<Memory>
  readonly draining: () => boolean
  readonly version: string
  readonly runtimeName: string
}

export interface Metrics {
  readonly contentType: string
  /** All metrics as they are now, in Prometheus' text format. */
  text(): Promise<string>
}

/** Gauges of prom-client with names of counters. Prometheus' own linter reports such names. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Starts to watch the event loop. All other metrics are read when `text` is called. */
export function createMetrics(parts: MetricsParts): Metrics {
  const registry = new Registry()
  const families = new Families(registry)
  describeCalls(families, parts.meters)
  describeCallers(families, parts)
  describeLanes(families, parts)
  describeShares(families, parts)
  describeTurns(families, parts)
  describeProxy(families, parts)
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return { contentType: registry.contentType, text: () => registry.metrics() }
}

function describeCalls(families: Families, meters: Meters): void {
  families.counter(
    {
      name: 'requests_total',
      help: 'Calls that are over, by model, route and how they ended.',
      labels: ['model', 'route', 'outcome'],
    },
    () => requests(meters),
  )
  families.counter(
    {
      name: 'refusals_total',
      help: 'Calls that were refused without having got a slot, by reason.',
      labels: ['model', 'reason'],
    },
    function* () {
      for (const [model, { refusals }] of meters.models())
        for (const [at, reason] of REASONS.entries()) yield [{ model, reason }, refusals[at] ?? 0]
    },
  )
  families.counter(
    {
      name: 'reloads_total',
      help: 'Loads of a model that was loaded, because a call had another value of this option.',
      labels: ['model', 'option'],
    },
    function* () {
      for (const [model, { reloads }] of meters.models())
        if (model !== NONE)
          for (const [at, option] of LOAD_OPTIONS.entries()) yield [{ model, option }, reloads[at] ?? 0]
    },
  )
  const sums = {
    signs_of_life_total: ['Calls whose answer began early, with signs of life.', (of) => of.signed],
    superseded_total: ['Calls that a newer call with the same X-Queue-Key ended.', (of) => of.superseded],
    retries_advised_total: ['Answers that told the client when to come back.', (of) => of.retriesAdvised],
    tokens_in_total: ['Tokens of prompts, as Ollama counts them.', (of) => of.tokensIn],
    tokens_out_total: ['Tokens of answers, as Ollama counts them.', (of) => of.tokensOut],
  } satisfies Record<string, readonly [string, (of: ModelMeters) => number]>
  for (const [name, [help, figure]] of Object.entries(sums)) {
    families.counter({ name, help, labels: ['model'] }, () => perModel(meters, figure))
  }
  families.histogram(
    {
      name: 'wait_seconds',
      help: 'Time in line, of calls that got a slot or left the line without a slot, by model and class.',
      labels: ['model', 'class'],
    },
    function* () {
      for (const [model, { waits }] of meters.models())
        for (const [at, buckets] of waits.entries()) yield [{ model, class: CALL_CLASSES[at] ?? '' }, buckets]
    },
  )
  const times = {
    first_byte_seconds: ["From arrival to the first byte of Ollama's answer.", (of) => of.firstByte],
    processing_seconds: ['Time outside the line, of calls that got a slot.', (of) => of.processing],
    output_token_seconds: ['Time for each output token after the first, of streams.', (of) => of.perToken],
    model_load_seconds: ['Time that Ollama took to get the model ready, for each answer.', (of) => of.load],
  } satisfies Record<string, readonly [string, (of: ModelMeters) => Buckets]>
  for (const [name, [help, buckets]] of Object.entries(times)) {
    families.histogram({ name, help, labels: ['model'] }, () => perModel(meters, buckets))
  }
}

function* perModel<V>(meters: Meters, figure: (of: ModelMeters) => V): Iterable<MetricSample<'model', V>> {
  for (const [model, of] of meters.models()) yield [{ model }, figure(of)]
}

/** All outcomes of each route with a call, zeros included: a rate needs the zero before the first failure. */
function* requests(meters: Meters): Iterable<MetricSample<'model' | 'route' | 'outcome'>> {
  for (const [model, { requests }] of meters.models()) {
    for (const [at, route] of meters.routes.entries()) {
      const counts = requests.subarray(at * OUTCOMES.length, (at + 1) * OUTCOMES.length)
      if (counts.every((count) => count === 0)) continue
      for (const [index, outcome] of OUTCOMES.entries()) yield [{ model, route, outcome }, counts[index] ?? 0]
    }
  }
}

function describeLanes(families: Families, { meters, admission }: MetricsParts): void {
  const sums = (figure: (view: ModelView) => number) => () => sumsByLabel(meters, admission, figure)
  /** Without `other`: a sum over many models would hide a full line among empty lines. */
  const named = (figure: (view: ModelView) => number) =>
    function* (): Iterable<MetricSample<'model'>> {
      for (const view of admission.models())
        if (meters.labelOf(view.model) !== OTHER) yield [{ model: view.model }, figure(view)]
    }
  const gauges = [
    ['active_requests', 'Calls that hold a slot.', sums((view) => view.active)],
    ['queued_requests', 'Calls in line.', sums((view) => view.queued)],
    ['parallel_limit', 'Slots, as configured.', named(({ lane }) => lane.limits.parallel)],
    [
      'effective_limit',
      'Slots in force: fewer where Ollama runs fewer calls at once.',
      named(({ lane }) => lane.effective.parallel),
    ],
    ['queue_limit', 'Places in line.', named(({ lane }) => lane.limits.queue)],
    ['paused', 'Whether an operator has paused the model: 1 or 0.', sums(({ lane }) => Number(lane.paused))],
    [
      'model_stuck',
      'Whether Ollama does not work on the calls of the model: 1 or 0.',
      sums(({ lane }) => Number(lane.stuck)),
    ],
  ] as const
  for (const [name, help, read] of gauges) families.gauge({ name, help, labels: ['model'] }, read)
  families.gauge(
    {
      name: 'model_info',
      help: 'Always 1; the runner that the model shares with all names of the same weights.',
      labels: ['model', 'runner'],
    },
    function* () {
      for (const { model, lane } of admission.models())
        if (meters.labelOf(model) !== OTHER) yield [{ model, runner: lane.runner }, 1]
    },
  )
  const waitingHelp = 'Bodies of calls that wait or are still being read, all models together.'
  families.value('waiting_bytes', waitingHelp, () => admission.waiting.bytes)
}

function sumsByLabel(
  meters: Meters,
  admission: MetricsParts['admission'],
  figure: (view: ModelView) => number,
): Iterable<MetricSample<'model'>> {
  const sums = new Map<string, number>()
  for (const view of admission.models()) {
    const label = meters.labelOf(view.model)
    sums.set(label, (sums.get(label) ?? 0) + figure(view))
  }
  return Array.from(sums, ([model, sum]) => [{ model }, sum] as const)
}

function describeProxy(families: Families, parts: MetricsParts): void {
  const { adminRefused, upstream, memory, version, runtimeName } = parts
  families.counter(
    { name: 'admin_refused_total', help: 'Refused attempts to administer, by reason.', labels: ['reason'] },
    () => Object.entries(adminRefused).map(([reason, count]) => [{ reason }, count] as const),
  )
  families.value('upstream_up', 'Whether Ollama answers: 1 or 0.', () => Number(upstream.status().reachable))
  families.gauge(
    { name: 'upstream_info', help: 'Always 1; the version that Ollama gave last.', labels: ['version'] },
    () => [[{ version: upstream.status().version ?? 'unknown' }, 1]],
  )
  const memoryHelp = "The host's memory, or the container's."
  const availableHelp = 'The part of memory_bytes that programs can still get.'
  families.value('memory_bytes', memoryHelp, async () => (await memory())?.totalBytes)
  families.value('memory_available_bytes', availableHelp, async () => (await memory())?.availableBytes)
  families.value('draining', 'Whether the proxy is shutting down: 1 or 0.', () => Number(parts.draining()))
  families.gauge(
    {
      name: 'build_info',
      help: 'Always 1; the version of the proxy and its runtime.',
      labels: ['version', 'runtime'],
    },
    () => [[{ version, runtime: runtimeName }, 1]],
  )
}
