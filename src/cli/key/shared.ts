import type { PositionalArgDef, StringArgDef } from 'citty'
import { overlaps } from '../../callers/permissions.ts'
import { UnknownForm } from '../../config/key-edit.ts'
import { ConfigError } from '../../config/problem.ts'
import { withoutSecrets } from '../../config/secrets.ts'
import { EXIT_CONFIG, EXIT_FAILED } from '../exit-codes.ts'
import { configFlag } from '../flags.ts'
import { safeText } from '../top/safe-text.ts'
import type { ChangedKeys } from './change-keys.ts'
import { configuredKeys } from './configured.ts'
import { Locked } from './file-lock.ts'
import { DEFAULT_KEYS_FILE, findPlace, KeyRefused, type KeysPlace } from './place.ts'
import { overlapText } from './warnings.ts'

export const nameArg: { name: PositionalArgDef & { required: true } } = {
  name: { type: 'positional', required: true, description: 'Name of the key.' },
}

export const fileFlags: { file: StringArgDef; config: StringArgDef } = {
  file: {
    type: 'string',
    valueHint: 'file',
    description: `File with the keys, where the configuration has no keys_file (default ${DEFAULT_KEYS_FILE}).`,
  },
  ...configFlag,
}

/** Lines for a person, without secrets that stand at a wrong place. stdout has only what a script wants. */
export function say(lines: string): void {
  for (const line of lines.split('\n')) process.stderr.write(`${safeText(withoutSecrets(line))}\n`)
}

/** Runs a command over the place of the keys. Returns the exit code. */
export async function inPlace(
  { config, file }: { readonly config?: string | undefined; readonly file?: string | undefined },
  run: (place: KeysPlace) => Promise<void> | void,
): Promise<number> {
  try {
    await run(findPlace({ ...(config !== undefined && { config }), ...(file !== undefined && { file }) }))
    return 0
  } catch (error) {
    say(reasonOf(error))
    if (error instanceof ConfigError) return EXIT_CONFIG
    return error instanceof KeyRefused ? error.exitCode : EXIT_FAILED
  }
}

/** A defect keeps its stack. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EPERM')
    return `${error.message}: the file belongs to another user; run this command as that user`
  const known =
    [ConfigError, KeyRefused, Locked, UnknownForm].some((kind) => error instanceof kind) || 'syscall' in error
  return known ? error.message : (error.stack ?? error.message)
}

/** Tells what was written, and what to do so that a proxy reads it. */
export function reportChange(place: KeysPlace, changed: ChangedKeys, name: string): void {
  const { file, configured, configFile } = place
  say(`Wrote ${file}. Only its owner can read the file.`)
  if (changed.wasOpen)
    say(`warning: other users could read ${file} before, and cannot now: the proxy must run as its owner`)
  if (changed.isNew && process.getuid?.() === 0)
    say(
      `The file belongs to root. If the proxy runs as another user, give the file to that user: chown USER ${file}`,
    )
  for (const overlap of overlaps(configuredKeys(changed.loaded.config)))
    if (overlap.keys.includes(name)) say(`warning: ${overlapText(overlap)}`)
  if (configured) say('A running proxy reads the file by itself; SIGHUP or POST /admin/reload do the same.')
  else
    say(`No proxy reads the file yet. Add this line to ${configFile}:\n  keys_file: ${JSON.stringify(file)}`)
}
