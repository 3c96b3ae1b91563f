import { type LoadedConfig, mapKeys, type Source } from './load.ts'
import { type OptionKey, options } from './schema.ts'

/** Body of `GET /config` and output of `check`. Keys are in the order of the schema; an unset value is null. */
export interface DescribedConfig {
  readonly config_file: string | null
  readonly values: Readonly<Record<OptionKey, unknown>>
  readonly sources: Readonly<Record<OptionKey, Source>>
}

const SECRETS = new Set(options.filter((option) => option.secret).map((option) => option.key))

/** The effective configuration, with "***" for each secret. */
export function describeConfig({ config, sources, configFile }: LoadedConfig): DescribedConfig {
  const value = (key: OptionKey) => {
    const plain = config[key] ?? null
    return plain !== null && SECRETS.has(key) ? '***' : plain
  }
  return { config_file: configFile, values: mapKeys(value), sources }
}
