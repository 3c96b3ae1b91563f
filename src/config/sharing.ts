import { z } from 'zod'
import { oneOf, parseMap, settings, weight } from './values.ts'

// The values of the options that say how calls share the slots, each with its default as a user writes it.

const NAMES = ['interactive', 'normal', 'batch'] as const

export const CLASSES = { interactive: 8, normal: 3, batch: 1 }

export const classes = settings(
  {
    interactive: weight().prefault(CLASSES.interactive),
    normal: weight().prefault(CLASSES.normal),
    batch: weight().prefault(CLASSES.batch),
  },
  'a map of interactive, normal and batch, with their weights',
)

export function callClass() {
  return oneOf(NAMES)
}

/** Open WebUI sends the second header where its connection is told to; a chat has no task. */
export const CLASS_FROM: { header: string; then?: (typeof NAMES)[number] }[] = [
  { header: 'X-Queue-Class' },
  // biome-ignore lint/suspicious/noThenProperty: the word of the option; a text is no function.
  { header: 'X-OpenWebUI-Task', then: 'batch' },
]

/** Each call is compared with all rules. */
const MOST_RULES = 16

const NAME_OF_HEADER = 'expected the name of a header, like X-Queue-Class'

const rule = z.strictObject(
  {
    // Two spellings of a name are one header.
    header: z
      .string({ error: NAME_OF_HEADER })
      .regex(/^[!#$%&'*+.^_`|~\w-]{1,100}$/, { error: NAME_OF_HEADER })
      .transform((name) => name.toLowerCase()),
    // biome-ignore lint/suspicious/noThenProperty: the word of the option; a text is no function.
    then: callClass().optional(),
  },
  { error: 'expected a map of header and then' },
)

/** Rules that tell the class of a call. The list may be empty: in YAML, a list without items is null. */
export function classRules() {
  const error = `expected a list of at most ${MOST_RULES} rules, like "- header: X-Queue-Class"`
  const each = z.unknown().transform((written, context) => parseMap(rule, written, context) ?? z.NEVER)
  return z
    .array(each, { error })
    .max(MOST_RULES, { error })
    .nullable()
    .transform((rules) => rules ?? [])
}
