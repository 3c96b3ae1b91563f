import { foregroundClock } from '../../clock.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { ConfigError, type Problem } from '../../config/problem.ts'
import { readYaml } from '../../config/yaml-file.ts'
import { KeyRefused, type KeysPlace } from './place.ts'
import { changeFile, type WrittenFile } from './private-file.ts'

const HEADER =
  '# Who may call: docs/keys.md. "ollama-guard-proxy key" adds, revokes and rotates the keys in this file.\n\n'

/** What a change of the keys did. */
export interface ChangedKeys extends WrittenFile {
  /** The configuration with the new keys. */
  readonly loaded: LoadedConfig
}

/**
 * Changes the file of the keys. A file that is no YAML, and a change after which the proxy would refuse the
 * configuration, leave the file as it is.
 * @param edit gets the text of the file and the keys in it, and returns the new text
 * @throws KeyRefused, ConfigError, Locked, or the error of the system
 */
export async function changeKeys(
  place: KeysPlace,
  edit: (text: string, keys: ReadonlyMap<string, unknown>) => string,
): Promise<ChangedKeys> {
  let loaded: LoadedConfig | undefined
  const written = await changeFile(place.file, foregroundClock, async (before) => {
    const text = before ?? HEADER
    const problems: Problem[] = []
    const file = readYaml(place.file, text, problems)
    if (problems.length > 0) throw new ConfigError(problems)
    const changed = edit(text, new Map(file.entries.map(({ key, value }) => [key, value])))
    loaded = place.with(changed)
    return changed
  })
  if (loaded === undefined) throw new Error('the keys were written and not read')
  return { ...written, loaded }
}

/** The fields of a key in the file. @throws KeyRefused where the file has no such key */
export function existing(place: KeysPlace, keys: ReadonlyMap<string, unknown>, name: string): object {
  if (keys.has(name)) return Object(keys.get(name))
  const { config, sources } = place.without
  if (!Object.hasOwn(config.keys, name)) throw new KeyRefused(`there is no key ${name} in ${place.file}`)
  const where = sources.keys === 'environment' ? 'the environment variable KEYS' : place.configFile
  throw new KeyRefused(`the key ${name} stands in ${where}, and this command changes only ${place.file}`)
}
