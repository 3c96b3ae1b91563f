import { closeSync, openSync, readSync } from 'node:fs'
import type { StringArgDef } from 'citty'
import { check } from '../../config/check.ts'
import type { WrittenKey } from '../../config/key-edit.ts'
import { formatProblem, type Problem } from '../../config/problem.ts'
import { options } from '../../config/schema.ts'
import { EXIT_USAGE } from '../exit-codes.ts'
import { KeyRefused } from './place.ts'

/** The flags that set a field of a key, and the paths of the fields. */
const FIELDS: Readonly<Record<string, readonly [field: string, inner?: string]>> = {
  models: ['models'],
  may: ['may'],
  parallel: ['parallel'],
  queue: ['queue'],
  class: ['class'],
  'max-class': ['max_class'],
  weight: ['weight'],
  'slot-seconds-day': ['slot_seconds', 'day'],
  'slot-seconds-month': ['slot_seconds', 'month'],
  'tokens-day': ['tokens', 'day'],
  'tokens-month': ['tokens', 'month'],
  users: ['users'],
  notify: ['notify'],
  ed25519: ['ed25519'],
  address: ['address'],
}

const LISTS: ReadonlySet<string> = new Set(['models', 'may', 'address'])

function flag(valueHint: string, description: string): StringArgDef {
  return { type: 'string', valueHint, description }
}

export const keyFlags: Record<string, StringArgDef> = {
  models: flag('llama3.2,qwen3*', 'Models that the key may use; ! in front excludes (default: all).'),
  may: flag('infer,view,manage', 'What the key may do (default: infer).'),
  parallel: flag('calls', 'Calls of this key that run at once, of all models together.'),
  queue: flag('calls', 'Calls of this key that wait at once.'),
  class: flag('interactive|normal|batch', 'The class of a call that asks for none (default: normal).'),
  'max-class': flag(
    'interactive|normal|batch',
    'The most urgent class that a call can ask for (default: normal, or the class of the key).',
  ),
  weight: flag('weight', 'The share of slot-time beside other callers of the same class (default: 1).'),
  'slot-seconds-day': flag('seconds', 'Budget from midnight to midnight: seconds times slots.'),
  'slot-seconds-month': flag('seconds', 'Budget of a month: seconds times slots.'),
  'tokens-day': flag('tokens', 'Budget from midnight to midnight: tokens in and out together.'),
  'tokens-month': flag('tokens', 'Budget of a month: tokens in and out together.'),
  users: flag('open-webui', 'The headers of Open WebUI tell the person behind this key.'),
  notify: flag('true|false', 'Whether calls of this key get signs of life while they wait (default: false).'),
  ed25519: flag(
    'file|text',
    'Public key of the ollama command, as in id_ed25519.pub. Such a key has no secret.',
  ),
  address: flag('address,…', 'Addresses and networks that are this caller. Such a key has no secret.'),
}

/** The fields of a new key that the flags set. @throws KeyRefused */
export function fieldsOf(args: Readonly<Record<string, unknown>>): WrittenKey {
  const key: Record<string, unknown> = {}
  for (const [name, [field, inner]] of Object.entries(FIELDS)) {
    const text = args[name]
    if (typeof text !== 'string') continue
    const value = writtenValue(field, text)
    key[field] = inner === undefined ? value : { ...Object(key[field]), [inner]: value }
  }
  return key
}

function writtenValue(field: string, text: string): unknown {
  if (field === 'ed25519') return publicKey(text.trim())
  if (LISTS.has(field)) return text.split(',').map((item) => item.trim())
  if (field === 'notify' && /^(?:true|false)$/.test(text)) return text === 'true'
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

/** A public key has some hundred bytes. */
const MOST_KEY_BYTES = 16_384

/** The public key itself, or the one in a file. No message repeats what is in the file. */
function publicKey(text: string): string {
  if (/^ssh-/.test(text)) return text
  const bytes = Buffer.alloc(MOST_KEY_BYTES)
  let length: number
  try {
    const file = openSync(text, 'r')
    try {
      length = readSync(file, bytes)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new KeyRefused(
      `flag --ed25519: neither a public key nor a file that can be read: ${why}`,
      EXIT_USAGE,
    )
  }
  return bytes.toString('utf8', 0, length).trim()
}

/** Whether these fields tell who calls, so that the key needs no secret. */
export function isKnownWithoutSecret(fields: WrittenKey): boolean {
  return 'ed25519' in fields || 'address' in fields
}

/** Stands for the hash of a secret that is not made yet. */
const ANY_HASH = `sha256:${'0'.repeat(64)}`

/**
 * Checks a new key as the configuration does, before its secret is made. Each problem names its flag.
 * @throws KeyRefused
 */
export function checkKey(name: string, fields: WrittenKey): void {
  const key = isKnownWithoutSecret(fields) ? fields : { hash: ANY_HASH, ...fields }
  const keys = options.find((option) => option.key === 'keys')
  const problems: Problem[] = []
  if (keys)
    check(keys, { [name]: key }, problems, ([, field, inner]) => ({
      where: whereOf(name, field, inner),
      key: null,
    }))
  if (problems.length > 0) throw new KeyRefused(problems.map(formatProblem).join('\n'), EXIT_USAGE)
}

function whereOf(name: string, field: PropertyKey | undefined, inner: PropertyKey | undefined): string {
  const flag = Object.entries(FIELDS).find(
    ([, path]) => path[0] === field && (path[1] === undefined || path[1] === inner),
  )
  return flag ? `flag --${flag[0]}` : `name ${JSON.stringify(name)}`
}
