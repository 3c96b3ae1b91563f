import { defineCommand } from 'citty'
import { configuredKeys } from './configured.ts'
import { keysJson, keyTable, type ListedKey } from './key-table.ts'
import { type KeysPlace, textOf } from './place.ts'
import { fileFlags, inPlace, say } from './shared.ts'

export const listCommand = defineCommand({
  meta: { name: 'key list', description: 'Show all keys, without their hashes.' },
  args: { json: { type: 'boolean', description: 'Print one JSON object.' }, ...fileFlags },
  run: ({ args }) =>
    inPlace(args, (place) => {
      const keys = listedKeys(place)
      if (args.json) process.stdout.write(keysJson(keys))
      else if (keys.length > 0) process.stdout.write(keyTable(keys))
      else say(`There is no key in ${place.configFile} and ${place.file}. "key add NAME" makes one.`)
    }),
})

function listedKeys(place: KeysPlace): ListedKey[] {
  const { config, sources } = place.without
  const where = sources.keys === 'environment' ? 'KEYS' : place.configFile
  return configuredKeys(place.with(textOf(place)).config).map((key) => ({
    key,
    where: Object.hasOwn(config.keys, key.name) ? where : place.file,
  }))
}
