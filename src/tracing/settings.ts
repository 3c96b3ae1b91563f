export interface Settings {
  /** Address of the collector, without what may be secret in it. */
  readonly endpoint: string
  /** Why nothing can be sent there. */
  readonly problem?: string
  /** The protocol that the environment asks for, where it is not the one that is spoken here. */
  readonly unspoken?: string
}

/** In the words of OTEL_EXPORTER_OTLP_PROTOCOL. */
export const SPOKEN = 'http/protobuf'

type Environment = Readonly<Record<string, string | undefined>>

/** Undefined: nobody asks for traces. An empty variable counts as unset, as everywhere in OpenTelemetry. */
export function readSettings(env: Environment): Settings | undefined {
  const name = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'].find((key) =>
    read(env, key),
  )
  if (name === undefined || read(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined
  if (read(env, 'OTEL_TRACES_EXPORTER') === 'none') return undefined

  const url = addressOf(read(env, name) ?? '')
  // The SDK would go on with a collector on localhost, which nobody asked for.
  if (!url) return { endpoint: '', problem: `${name} is no http:// or https:// URL` }
  const endpoint = url.origin + url.pathname
  const protocol = read(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read(env, 'OTEL_EXPORTER_OTLP_PROTOCOL')
  return protocol === undefined || protocol === SPOKEN ? { endpoint } : { endpoint, unspoken: protocol }
}

function read(env: Environment, key: string): string | undefined {
  return env[key]?.trim() || undefined
}

function addressOf(written: string): URL | undefined {
  if (!URL.canParse(written)) return undefined
  const url = new URL(written)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
}
