import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import type { FinishedCall } from '../relay/contract.ts'
import {
  callAttributes,
  errorTypeOf,
  serverAttributes,
  spanName,
  upstreamAttributes,
  upstreamErrorTypeOf,
} from './attributes.ts'
import { openSdk, type Sdk } from './sdk.ts'
import type { Tracing, TracingParts } from './settings.ts'
import { type CallStage, stagesOf } from './stages.ts'
import { parseTraceparent } from './traceparent.ts'

const FLUSH_MS = 2_000

/** Makes the spans of a call after its end, from the times in its record. */
export class Spans implements Tracing {
  readonly #parts: Pick<TracingParts, 'clock' | 'log'>
  readonly #sdk: Sdk
  readonly #upstream: Attributes
  #stopped: Promise<void> | undefined

  constructor(parts: TracingParts) {
    this.#parts = parts
    this.#upstream = serverAttributes(parts.upstreamUrl)
    this.#sdk = openSdk(parts)
  }

  call(call: FinishedCall): void {
    const parent = parentOf(call.traceparent)
    const options = { kind: SpanKind.SERVER, startTime: call.startedAt }
    const span = this.#sdk.tracer.startSpan(spanName(call), options, parent)
    if (!span.isRecording()) return
    span.setAttributes(callAttributes(call))
    setStatus(span, errorTypeOf(call))
    this.#stages(call, trace.setSpan(parent, span))
    span.end(call.startedAt + call.totalMs)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Makes the child spans, which show where the time of the call went. */
  #stages(call: FinishedCall, inside: Context): void {
    const { queue, upstream } = stagesOf(call)
    if (queue) this.#begin('queue', SpanKind.INTERNAL, call, queue, inside).end(call.startedAt + queue.to)
    if (!upstream) return
    const span = this.#begin('upstream', SpanKind.CLIENT, call, upstream, inside)
    span.setAttributes(upstreamAttributes(call, this.#upstream))
    setStatus(span, upstreamErrorTypeOf(call))
    if (call.firstByteMs !== null) span.addEvent('first_byte', call.startedAt + call.firstByteMs)
    span.end(call.startedAt + upstream.to)
  }

  #begin(name: string, kind: SpanKind, call: FinishedCall, stage: CallStage, inside: Context): Span {
    return this.#sdk.tracer.startSpan(name, { kind, startTime: call.startedAt + stage.from }, inside)
  }

  async #stop(): Promise<void> {
    const { clock, log } = this.#parts
    let cancel = () => {}
    const late = new Promise<string>((resolve) => {
      cancel = clock.after(FLUSH_MS, () => resolve(`the collector did not accept them within ${FLUSH_MS} ms`))
    })
    const flushed = this.#sdk.flush().then(
      () => undefined,
      (error: unknown) => String(error),
    )
    const problem = await Promise.race([flushed, late])
    cancel()
    this.#sdk.silence()
    if (problem !== undefined) log.warn('the last traces were not exported', { problem })
  }
}

/** The client's span if its header is valid, else the root. */
function parentOf(traceparent: string | null): Context {
  const parent = traceparent === null ? undefined : parseTraceparent(traceparent)
  if (!parent) return ROOT_CONTEXT
  const { traceId, spanId, sampled } = parent
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function setStatus(span: Span, errorType: string | undefined): void {
  if (errorType !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
}
