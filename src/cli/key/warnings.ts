import { isMoreUrgent } from '../../callers/call-class.ts'
import type { Key } from '../../callers/caller.ts'
import { globsThatMatchNothing, type KeyOverlap, overlaps } from '../../callers/permissions.ts'
import type { Config } from '../../config/schema.ts'
import { withoutSecrets } from '../../config/secrets.ts'
import { authInForce, configuredKeys } from './configured.ts'
import { isOpenToOthers } from './private-file.ts'

/** The models of Ollama by their keys, or why they are not known. */
export type ModelNames = { readonly keys: readonly string[] } | { readonly why: string }

/** What is wrong with the keys by themselves. The start tells it, too. */
export function keyWarnings(config: Config): string[] {
  const { keys_file } = config
  const open =
    keys_file !== undefined && isOpenToOthers(keys_file)
      ? [`${keys_file} can be read by other users of this machine: chmod 600 ${keys_file}`]
      : []
  return [...overlaps(configuredKeys(config)).map(overlapText), ...open]
}

/** Two keys with one credential. A hash is not shown. */
export function overlapText({ what, keys: [first = '', ...others], value }: KeyOverlap): string {
  const credential = {
    hash: 'the same secret',
    ed25519: 'the same ed25519 key',
    address: `the same address ${value}`,
  }
  return `the keys ${[first, ...others].join(', ')} have ${credential[what]}: all these calls count as calls of ${first}`
}

/** What `check` tells: also what is allowed, but hardly meant or good to know. */
export function checkWarnings(config: Config, models: ModelNames | undefined): string[] {
  const keys = configuredKeys(config)
  return [
    ...keyWarnings(config),
    ...unusedKeys(config, keys),
    ...closedManagement(config, keys),
    ...keys.flatMap((key) => aboutKey(key, config)),
    ...(models === undefined ? [] : unknownModels(keys, models)),
  ]
}

function unusedKeys(config: Config, { length }: readonly Key[]): string[] {
  if (length === 0 || authInForce(config) !== 'off') return []
  return ['auth is off: the keys are not used, and everybody who reaches the proxy may call']
}

function closedManagement(config: Config, keys: readonly Key[]): string[] {
  if (config.manage !== 'keys') return []
  if (authInForce(config) === 'off')
    return ['manage is keys and auth is off: no key is read, so nobody may pull, create or delete']
  if (keys.some(({ may }) => may.has('manage'))) return []
  return [
    'manage is keys and no key may manage, so nobody may pull, create or delete; give a key "may: [infer, manage]"',
  ]
}

function aboutKey(key: Key, config: Config): string[] {
  const { name, users, slotSeconds, tokens } = key
  const found = aboutShare(key, config)
  if (users === 'open-webui' && config.open_webui_jwt_secret === undefined)
    found.push(
      `keys.${name}.users: without open_webui_jwt_secret the proxy believes the plain header ` +
        'X-OpenWebUI-User-Id of every call with this key; keep the key secret',
    )
  const amounts = [slotSeconds.day, slotSeconds.month, tokens.day, tokens.month]
  if (config.usage_dir === undefined && amounts.some((amount) => amount !== undefined))
    found.push(`keys.${name} has a budget and usage_dir is not set: use is written to ./usage`)
  return found
}

/** What a key says of its share, and what has no effect. */
function aboutShare({ name, class: own, maxClass, limits }: Key, { fairness }: Config): string[] {
  const found: string[] = []
  if (isMoreUrgent(own, maxClass))
    found.push(`keys.${name}.class ${own} is above its max_class ${maxClass}: its calls are ${maxClass}`)
  if (fairness === 'off' && limits.weight !== undefined)
    found.push(`keys.${name}.weight has no effect: fairness is off`)
  return found
}

/** Whether a list of models would tell anything about these keys. */
export function namesModels({ keys }: Pick<Config, 'keys'>): boolean {
  return Object.values(keys).some(({ models }) => models !== undefined && models.length > 0)
}

function unknownModels(keys: readonly Key[], models: ModelNames): string[] {
  if ('why' in models) return [`the models of the keys were not checked: ${models.why}`]
  return keys.flatMap((key) =>
    globsThatMatchNothing(key, models.keys).map(
      (glob) => `keys.${key.name}.models: ${JSON.stringify(withoutSecrets(glob))} matches no model of Ollama`,
    ),
  )
}
