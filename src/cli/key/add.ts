import { defineCommand } from 'citty'
import { hashOf, newSecret } from '../../callers/keys.ts'
import { withKey } from '../../config/key-edit.ts'
import { changeKeys } from './change-keys.ts'
import { checkKey, fieldsOf, isKnownWithoutSecret, keyFlags } from './fields.ts'
import { KeyRefused } from './place.ts'
import { fileFlags, inPlace, nameArg, reportChange, say } from './shared.ts'

export const addCommand = defineCommand({
  meta: {
    name: 'key add',
    description:
      'Make a key. Prints its secret once on stdout and writes the hash of the secret into keys_file.',
  },
  args: { ...nameArg, ...keyFlags, ...fileFlags },
  run: ({ args }) =>
    inPlace(args, async (place) => {
      const { name } = args
      const fields = fieldsOf(args)
      checkKey(name, fields)
      const secret = isKnownWithoutSecret(fields) ? undefined : newSecret(name)
      const key = secret === undefined ? fields : { hash: `sha256:${await hashOf(secret)}`, ...fields }
      const changed = await changeKeys(place, (text, keys) => {
        if (keys.has(name)) throw new KeyRefused(taken(name, place.file))
        if (Object.hasOwn(place.without.config.keys, name))
          throw new KeyRefused(
            taken(name, place.without.sources.keys === 'environment' ? 'KEYS' : place.configFile),
          )
        return withKey(text, name, key)
      })
      if (secret !== undefined) process.stdout.write(`${secret}\n`)
      reportChange(place, changed, name)
      if (secret !== undefined)
        say('The secret is shown only now. Clients send it as their API key: Authorization: Bearer SECRET')
    }),
})

function taken(name: string, where: string): string {
  return `there is a key ${name} in ${where}; "key rotate ${name}" gives it a new secret`
}
