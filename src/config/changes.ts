import type { LoadedConfig } from './load.ts'
import type { Problem } from './problem.ts'
import { type OptionKey, options } from './schema.ts'

/** Options that a running proxy can change. Every other option takes effect only at the start. */
const CHANGEABLE: ReadonlySet<OptionKey> = new Set([
  'ollama_num_parallel',
  'ollama_max_queue',
  'models',
  'turns',
  'turn',
  'fairness',
  'classes',
  'reserve',
  'class_from',
  'waiting',
  'alerts',
  'auth',
  'keys',
  'keys_file',
  'manage',
  'trusted_proxies',
  'open_webui_jwt_secret',
  'forward_identity',
  'log_level',
  'language',
])

/** Difference between the running configuration and one that was read again. Keys are in the order of the schema. */
export interface Changes {
  /** Changed keys whose new value the running proxy takes over. */
  readonly applied: readonly OptionKey[]
  /** Changed keys whose old value stays in force until the next start. */
  readonly needsRestart: readonly OptionKey[]
  /** The configuration after the change: keys in `needsRestart` keep their old value and source. */
  readonly effective: LoadedConfig
}

/** The outcome of a reading of the configuration while the proxy runs. Keys are those of config.yaml. */
export type ReloadResult =
  | {
      readonly status: 'reloaded'
      readonly applied: readonly string[]
      readonly needsRestart: readonly string[]
    }
  /** Nothing changed. */
  | { readonly status: 'invalid'; readonly problems: readonly Problem[] }
  /** The file was not read, because the proxy is about to end. */
  | { readonly status: 'draining' }

/** A value whose text did not change is the same object: no key of thousands is looked at. */
function isEqual(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}

/** Compares effective values: a change in the file does not count for a key that a flag or the environment sets. */
export function changesBetween(inForce: LoadedConfig, read: LoadedConfig): Changes {
  const changed = options
    .map(({ key }) => key)
    .filter((key) => !isEqual(inForce.config[key], read.config[key]))
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
