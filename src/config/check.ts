import type { z } from 'zod'
import { didYouMean } from './near-miss.ts'
import { type Problem, shown } from './problem.ts'
import type { Option } from './schema.ts'

/** Translates a path within an option's value to a place in the file, the environment or the flags. */
export type Locate = (path: readonly PropertyKey[]) => Pick<Problem, 'where' | 'key'>

/** Values without a mistake by the object that was checked: a reload brings most objects again, as they were. */
const checked = new WeakMap<object, { readonly option: Option; readonly data: unknown }>()

/**
 * The value as the option makes it; undefined where the value has problems. Adds at most one problem for each path
 * within the value. Nobody may change an object that was checked.
 */
export function check(option: Option, value: unknown, problems: Problem[], locate: Locate): unknown {
  const known = typeof value === 'object' && value !== null ? checked.get(value) : undefined
  if (known?.option === option) return known.data
  const seen = new Set<string>()
  const { data, error } = option.schema.safeParse(value)
  for (const issue of error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const message = `unknown key${didYouMean(key, option.innerKeys ?? [])}`
        problems.push({ ...locate([...issue.path, key]), message })
      }
      continue
    }
    // One value can break several rules with the same sentence.
    const path = issue.path.join('.')
    if (seen.has(path)) continue
    seen.add(path)
    problems.push({ ...locate(issue.path), message: describe(issue, option, value) })
  }
  if (error === undefined && typeof value === 'object' && value !== null) checked.set(value, { option, data })
  return data
}

function describe(issue: z.core.$ZodIssue, option: Option, value: unknown): string {
  // A sentence that does not begin with "expected" is about credentials, which no message may repeat.
  if (option.secret || !issue.message.startsWith('expected')) return issue.message
  const got = issue.path.reduce<unknown>((inner, part) => Object(inner)[part], value)
  const [expected, hint] = issue.message.split('; ')
  return `${expected}, got ${shown(got)}${hint ? `; ${hint}` : ''}`
}

const TRUTH: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
}

/** Removes one pair of quotes: `docker --env-file` and similar tools pass the quotes on. */
export function unquoted(text: string): string {
  const trimmed = text.trim()
  const [, quote, inner] = /^(["'])(.*)\1$/s.exec(trimmed) ?? []
  return quote === undefined || inner === undefined ? trimmed : inner.trim()
}

/** The value that the text of an environment variable stands for, and a warning to log. */
export function fromEnvironment(option: Option, text: string): { value: unknown; warning?: string } {
  const { alsoInEnvironment: also, anyCase } = option
  if (also?.text === text) return { value: also.value, warning: also.warning }
  if (option.json) return { value: parsed(text) }
  if (option.list) return { value: text.split(',').map((item) => item.trim()) }
  return { value: fromText(option, anyCase ? text.toLowerCase() : text) }
}

/** A text that is no JSON stays text, and the option refuses the text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The value that a text stands for: the first of text, number and boolean that the option accepts, else the text. */
export function fromText(option: Option, text: string): unknown {
  const trimmed = text.trim()
  const candidates: unknown[] = [trimmed]
  if (/^[+-]?\d+(\.\d+)?$/.test(trimmed)) candidates.push(Number(trimmed))
  const truth = TRUTH[trimmed.toLowerCase()]
  if (truth !== undefined) candidates.push(truth)
  return candidates.find((candidate) => option.schema.safeParse(candidate).success) ?? trimmed
}
