import { defineCommand } from 'citty'

export const keyCommand = defineCommand({
  meta: { name: 'key', description: 'Make, list, revoke and rotate the keys of callers (docs/keys.md).' },
  subCommands: {
    add: async () => (await import('./key/add.ts')).addCommand,
    list: async () => (await import('./key/list.ts')).listCommand,
    revoke: async () => (await import('./key/revoke.ts')).revokeCommand,
    rotate: async () => (await import('./key/rotate.ts')).rotateCommand,
  },
})
