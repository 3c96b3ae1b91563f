import { defineCommand } from 'citty'
import { hashOf, newSecret } from '../../callers/keys.ts'
import { withHash } from '../../config/key-edit.ts'
import { changeKeys, existing } from './change-keys.ts'
import { KeyRefused } from './place.ts'
import { fileFlags, inPlace, nameArg, reportChange, say } from './shared.ts'

export const rotateCommand = defineCommand({
  meta: {
    name: 'key rotate',
    description: 'Give a key a new secret, printed once on stdout. The old secret is refused from then on.',
  },
  args: { ...nameArg, ...fileFlags },
  run: ({ args }) =>
    inPlace(args, async (place) => {
      const { name } = args
      const secret = newSecret(name)
      const hash = `sha256:${await hashOf(secret)}`
      const changed = await changeKeys(place, (text, keys) => {
        if (!Object.hasOwn(existing(place, keys, name), 'hash'))
          throw new KeyRefused(`the key ${name} has no secret`)
        return withHash(text, name, hash)
      })
      process.stdout.write(`${secret}\n`)
      reportChange(place, changed, name)
      say('The old secret is valid no more. The new secret is shown only now.')
    }),
})
