import { Counter, Gauge, type GaugeConfiguration, Histogram, type Registry } from 'prom-client'
import type { Buckets } from './buckets.ts'

const PREFIX = 'ollama_guard_'

export interface Family<L extends string> {
  /** With the unit, without our prefix. */
  readonly name: string
  readonly help: string
  readonly labels?: readonly L[]
}

type Labels<L extends string> = Readonly<Record<L, string>>
export type MetricSample<L extends string, V = number> = readonly [labels: Labels<L>, value: V]

/** Metric families whose samples are read at each scrape. Their figures are counted elsewhere. */
export class Families {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  counter<L extends string>(family: Family<L>, read: () => Iterable<MetricSample<L>>): void {
    new Counter<L>({
      ...this.#configuration(family),
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.inc(labels, value)
      },
    })
  }

  gauge<L extends string>(
    family: Family<L>,
    read: () => Iterable<MetricSample<L>> | Promise<Iterable<MetricSample<L>>>,
  ): void {
    new Gauge<L>({
      ...this.#configuration(family),
      async collect() {
        const samples = await read()
        this.reset()
        // Without labels a reset leaves a zero, which would be a sample.
        if (family.labels === undefined) this.remove()
        for (const [labels, value] of samples) this.set(labels, value)
      },
    })
  }

  /** A gauge without labels. It has no sample while its value is undefined. */
  value(name: string, help: string, read: () => number | undefined | Promise<number | undefined>): void {
    this.gauge({ name, help }, async () => {
      const value = await read()
      return value === undefined ? [] : [[{}, value]]
    })
  }

  histogram<L extends string>(family: Family<L>, read: () => Iterable<MetricSample<L, Buckets>>): void {
    new CountedHistogram(this.#configuration(family), read)
  }

  #configuration<L extends string>({ name, help, labels = [] }: Family<L>) {
    return { name: `${PREFIX}${name}`, help, labelNames: labels, registers: [this.#registry] }
  }
}

/**
 * A histogram whose buckets are counted elsewhere. prom-client's own histogram takes only single figures. But a registry
 * prints whatever a metric's `get` returns, so this is a gauge whose `get` returns the values of a histogram. Buckets
 * without a figure are left out.
 */
class CountedHistogram extends Gauge {
  readonly #name: string
  readonly #read: () => Iterable<MetricSample<string, Buckets>>
  readonly #template: Histogram

  constructor(
    configuration: GaugeConfiguration<string>,
    read: () => Iterable<MetricSample<string, Buckets>>,
  ) {
    super(configuration)
    const { name, help } = configuration
    this.#name = name
    this.#read = read
    this.#template = new Histogram({ name, help, registers: [] })
  }

  override async get() {
    const { type } = await this.#template.get()
    const values = []
    for (const [labels, buckets] of this.#read())
      if (buckets.total > 0) values.push(...this.#lines(labels, buckets))
    return { ...(await super.get()), type, values }
  }

  #lines(labels: Labels<string>, buckets: Buckets) {
    return [
      ...buckets.cumulative().map((value, at) => ({
        metricName: `${this.#name}_bucket`,
        labels: { ...labels, le: buckets.bounds[at] ?? '+Inf' },
        value,
      })),
      { metricName: `${this.#name}_sum`, labels, value: buckets.sum },
      { metricName: `${this.#name}_count`, labels, value: buckets.total },
    ]
  }
}
