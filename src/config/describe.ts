import { type LoadedConfig, mapKeys, type Source } from './load.ts'
import { type OptionKey, options } from './schema.ts'
import { valueWithoutSecrets } from './secrets.ts'

/** Body of `GET /config` and output of `check`. Keys are in the order of the schema; an unset value is null. */
export interface DescribedConfig {
  readonly config_file: string | null
  readonly values: Readonly<Record<OptionKey, unknown>>
  readonly sources: Readonly<Record<OptionKey, Source>>
}

const SECRETS = new Set(options.filter((option) => option.secret).map((option) => option.key))

/** The effective configuration, with "***" for each secret, also for a secret at a wrong place. Of a map of secrets the names are shown. */
export function describeConfig({ config, sources, configFile }: LoadedConfig): DescribedConfig {
  const value = (key: OptionKey) => {
    const plain = config[key] ?? null
    return plain !== null && SECRETS.has(key) ? hidden(plain) : valueWithoutSecrets(plain)
  }
  return { config_file: configFile, values: mapKeys(value), sources }
}

function hidden(secret: unknown): unknown {
  if (typeof secret !== 'object' || secret === null) return '***'
  return Object.fromEntries(Object.keys(secret).map((name) => [name, '***']))
}
