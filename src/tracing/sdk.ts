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
import { ThrottledDiagLogger } from './diag-logger.ts'
import type { TracingParts } from './settings.ts'

const NAME = 'ollama-guard-proxy'

export interface Sdk {
  readonly tracer: Tracer
  /** Sends the remaining spans. Rejects when that fails, and waits as long as the SDK's own deadlines allow. */
  flush(): Promise<void>
  /** Ends the SDK's messages to the log, so that exports still under way log nothing. */
  silence(): void
}

/**
 * Opens OpenTelemetry's SDK. The SDK reads from the environment: address and way of sending, sampling, resource and
 * batch sizes. By default it holds 2 048 spans, drops further spans, and sends from timers of its own.
 */
export function openSdk({ version, clock, log }: Pick<TracingParts, 'version' | 'clock' | 'log'>): Sdk {
  // The logger is set first, so that it gets the SDK's messages about the environment.
  diag.setLogger(new ThrottledDiagLogger(clock, log), {
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
