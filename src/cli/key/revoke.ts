import { defineCommand } from 'citty'
import { withoutKey } from '../../config/key-edit.ts'
import { changeKeys, existing } from './change-keys.ts'
import { fileFlags, inPlace, nameArg, reportChange, say } from './shared.ts'

export const revokeCommand = defineCommand({
  meta: { name: 'key revoke', description: 'Remove a key from keys_file. Its next call is refused.' },
  args: { ...nameArg, ...fileFlags },
  run: ({ args }) =>
    inPlace(args, async (place) => {
      const { name } = args
      let hash: unknown
      const changed = await changeKeys(place, (text, keys) => {
        hash = Object(existing(place, keys, name)).hash
        return withoutKey(text, name)
      })
      reportChange(place, changed, name)
      for (const [other, key] of Object.entries(changed.loaded.config.keys))
        if (key.hash !== undefined && key.hash === hash)
          say(`warning: the secret is still valid, because the key ${other} has the same one`)
    }),
})
