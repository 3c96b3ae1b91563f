import type { Clock } from '../clock.ts'
import type { FinishedCall } from '../relay/contract.ts'
import type { Log } from '../telemetry/call-log.ts'

export interface TracingParts {
  /** The environment of the process. The SDK itself reads further OTEL_* variables from the process. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Ollama's address, for the attributes of the spans `upstream`. */
  readonly upstreamUrl: string
}

/** Makes spans of calls. */
export interface Tracing {
  /** Takes a finished call. Never throws and waits for nothing. */
  call(finished: FinishedCall): void
  /** Sends the remaining spans, for 2 s at most. Never rejects. */
  stop(): Promise<void>
}

export interface Settings {
  /** Address of the collector, without user name, password and query: these may be secret. */
  readonly endpoint: string
  /** Why nothing can be sent to that address. */
  readonly problem?: string
  /** The protocol that the environment asks for, if it is not PROTOCOL. */
  readonly unsupportedProtocol?: string
}

/** The only protocol that this proxy uses, as a value of OTEL_EXPORTER_OTLP_PROTOCOL. */
export const PROTOCOL = 'http/protobuf'

type Environment = Readonly<Record<string, string | undefined>>

/** Undefined: the environment asks for no traces. An empty variable counts as unset, as everywhere in OpenTelemetry. */
export function readSettings(env: Environment): Settings | undefined {
  const name = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].find((key) =>
    read(env, key),
  )
  if (name === undefined || read(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined
  if (read(env, 'OTEL_TRACES_EXPORTER') === 'none') return undefined

  const url = addressOf(read(env, name) ?? '')
  // With a wrong address, the SDK would send to a collector on localhost.
  if (!url) return { endpoint: '', problem: `${name} is not an http:// or https:// URL` }
  const endpoint = url.origin + url.pathname
  const protocol = read(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read(env, 'OTEL_EXPORTER_OTLP_PROTOCOL')
  return protocol === undefined || protocol === PROTOCOL
    ? { endpoint }
    : { endpoint, unsupportedProtocol: protocol }
}

function read(env: Environment, key: string): string | undefined {
  return env[key]?.trim() || undefined
}

function addressOf(written: string): URL | undefined {
  if (!URL.canParse(written)) return undefined
  const url = new URL(written)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
}
