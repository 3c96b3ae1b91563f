import type { LoadedConfig } from './load.ts'
import { type OptionKey, options } from './schema.ts'

/** What a running proxy takes over. All else was built into what it opened at its start. */
const CHANGEABLE: ReadonlySet<OptionKey> = new Set([
  'ollama_num_parallel',
  'ollama_max_queue',
  'models',
  'alerts',
  'log_level',
  'language',
])

/** What another reading of the configuration means to a running proxy. Keys come in the order of the schema. */
export interface Changes {
  /** Have another value now, and it can be put in force. */
  readonly applied: readonly OptionKey[]
  /** Have another value than the one the proxy runs with until its next start. */
  readonly needsRestart: readonly OptionKey[]
  /** What counts once `applied` is in force: of `needsRestart` the old value and its old source. */
  readonly effective: LoadedConfig
}

/** Compares effective values, so that what a flag or the environment fixes is no change, whatever the file says. */
export function changesBetween(inForce: LoadedConfig, read: LoadedConfig): Changes {
  const changed = options
    .map(({ key }) => key)
    .filter((key) => JSON.stringify(inForce.config[key]) !== JSON.stringify(read.config[key]))
  const needsRestart = changed.filter((key) => !CHANGEABLE.has(key))
  const kept = <T>(from: { readonly [K in OptionKey]?: T }) =>
    Object.fromEntries(needsRestart.map((key) => [key, from[key]]))
  return {
    applied: changed.filter((key) => CHANGEABLE.has(key)),
    needsRestart,
    effective: {
      config: { ...read.config, ...kept<unknown>(inForce.config) },
      sources: { ...read.sources, ...kept(inForce.sources) },
      configFile: read.configFile,
      warnings: read.warnings,
    },
  }
}
