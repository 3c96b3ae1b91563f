import { z } from 'zod'
import { didYouMean } from './near-miss.ts'
import { callClass } from './sharing.ts'
import {
  boolean,
  integer,
  listOf,
  MOST_PARALLEL,
  MOST_QUEUED,
  networks,
  numberFrom,
  oneOf,
  text,
  weight,
} from './values.ts'

/** More than anybody needs in a day, and exact as a number. */
const LARGEST_BUDGET = 1e15

const NAME = /^[a-z][\w-]{0,63}$/i

/**
 * `unknown` and `everybody` are the ids of callers without a key. `none` and `other` are common labels of metrics for
 * the absence of a caller, and for the rest of the callers.
 */
const TAKEN: ReadonlySet<string> = new Set(['unknown', 'everybody', 'none', 'other'])

/** The characters of a model name with host, namespace and tag, and the wildcards. */
const GLOB = /^\s*!?\s*[\w.*?-][\w.*?:/-]*\s*$/

function budget(unit: string) {
  const amount = numberFrom(unit, 0, LARGEST_BUDGET).optional()
  return z.strictObject(
    { day: amount, month: amount },
    { error: `expected a map of day and month, in ${unit}` },
  )
}

/** One key. No message repeats a value: somebody may have written a secret in place of its hash. */
const fields = z.strictObject(
  {
    hash: text(
      'sha256: and 64 hexadecimal digits, as "key add" writes them',
      /^sha256:[\da-f]{64}$/i,
    ).optional(),
    ed25519: text(
      'the line of an id_ed25519.pub: ssh-ed25519 and its base64',
      /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[\w+/]{43}(?: .*)?$/,
    ).optional(),
    address: networks('an address or a network, or a list of them').optional(),
    models: listOf(
      text('a model name, with * and ? as wildcards and ! in front to exclude', GLOB),
      'a list of model names',
    ).optional(),
    may: listOf(oneOf(['infer', 'view', 'manage']), 'a list of infer, view and manage').optional(),
    class: callClass().optional(),
    max_class: callClass().optional(),
    weight: weight().optional(),
    parallel: integer(1, MOST_PARALLEL).optional(),
    queue: integer(0, MOST_QUEUED).optional(),
    slot_seconds: budget('slot-seconds').optional(),
    tokens: budget('tokens').optional(),
    users: oneOf(['open-webui']).optional(),
    notify: boolean().optional(),
  },
  { error: 'expected a map with hash, ed25519 or address' },
)

/** For the hint about an unknown field. */
const KEY_FIELDS = [...Object.keys(fields.shape), 'day', 'month']

const key = fields.refine(
  ({ hash, ed25519, address }) => hash !== undefined || ed25519 !== undefined || address !== undefined,
  {
    error: 'expected hash, ed25519 or address: nobody can be known by this key',
  },
)

const BAD_NAME =
  'expected a name of letters, digits, - and _ that begins with a letter, at most 64 characters'

/** Why a key cannot have this name. A name begins with a letter, so that no name looks like an address. */
function problemOfName(name: string): string | undefined {
  if (!NAME.test(name)) return BAD_NAME
  if (/^sk-/i.test(name)) return 'expected a name that does not begin with sk-, as secrets do'
  // Every object of JavaScript has the names of Object.prototype, such as constructor.
  if (TAKEN.has(name.toLowerCase()) || name in Object.prototype)
    return 'expected another name: this word has a meaning of its own'
  return undefined
}

/**
 * Keys by name. The names are checked here, because a zod record leaves out `__proto__` without a problem. The
 * problems of names and of fields are told together.
 */
export function keyMap() {
  const map = z.record(z.string(), key, { error: 'expected a map of names and keys' })
  return z.unknown().transform((written, context) => {
    const { data, error } = map.safeParse(written)
    for (const issue of error?.issues ?? []) {
      const report = (message: string, path: PropertyKey[]) =>
        context.addIssue({ code: 'custom', message, path })
      if (issue.code !== 'unrecognized_keys') report(issue.message, issue.path)
      else
        for (const field of issue.keys)
          report(`unknown key${didYouMean(field, KEY_FIELDS)}`, [...issue.path, field])
    }
    for (const name of isMap(written) ? Object.keys(written) : []) {
      const message = problemOfName(name)
      if (message !== undefined) context.addIssue({ code: 'custom', message, path: [name] })
    }
    return data ?? z.NEVER
  })
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
