import type { Metrics, MetricsParts } from './prometheus.ts'

export interface MetricsPage {
  readonly contentType: string
  readonly text: string
}

/** The answer of GET /metrics. prom-client is loaded with the first request. */
export function metricsPage(parts: MetricsParts): () => Promise<MetricsPage> {
  let metrics: Promise<Metrics> | undefined
  return async () => {
    metrics ??= import('./prometheus.ts').then(({ createMetrics }) => createMetrics(parts))
    const { contentType, text } = await metrics
    return { contentType, text: await text() }
  }
}
