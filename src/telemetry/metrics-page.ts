import type { Metrics, MetricsParts } from './prometheus.ts'

export interface MetricsPage {
  readonly contentType: string
  readonly text: string
}

/** What GET /metrics answers. prom-client is loaded when somebody asks for the first time. */
export function metricsPage(parts: MetricsParts): () => Promise<MetricsPage> {
  let metrics: Promise<Metrics> | undefined
  return async () => {
    metrics ??= import('./prometheus.ts').then(({ createMetrics }) => createMetrics(parts))
    const { contentType, text } = await metrics
    return { contentType, text: await text() }
  }
}
