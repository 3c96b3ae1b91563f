import { DiagLogLevel, diag, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'
import { Complaints } from './complaints.ts'
import type { TracingParts } from './tracing.ts'

const NAME = 'ollama-guard-proxy'

export interface Sdk {
  readonly tracer: Tracer
  /** Sends what is left. Rejects when that fails, and takes as long as its own deadlines allow. */
  flush(): Promise<void>
  /** Complaints of what is still under way go nowhere from here on. */
  silence(): void
}

/**
 * OpenTelemetry's SDK with what it reads from the environment: where and how to send, sampling, resource, the sizes
 * of batches. It holds 2 048 spans unless told otherwise, drops what comes on top, and sends from timers of its own.
 */
export function openSdk({ version, clock, log }: Pick<TracingParts, 'version' | 'clock' | 'log'>): Sdk {
  // First, so that it hears what the SDK thinks of the environment.
  diag.setLogger(new Complaints(clock, log), {
    logLevel: DiagLogLevel.WARN,
    suppressOverrideMessage: true,
  })
  const ours = resourceFromAttributes({ [ATTR_SERVICE_NAME]: NAME, [ATTR_SERVICE_VERSION]: version })
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(ours)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  return {
    tracer: provider.getTracer(NAME, version),
    flush: () => provider.shutdown(),
    silence: () => diag.disable(),
  }
}
