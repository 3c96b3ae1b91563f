import type { z } from 'zod'
import { didYouMean } from './near-miss.ts'
import { type Problem, shown } from './problem.ts'
import type { Option } from './schema.ts'

/** Names the place of a path within an option's value, in the words of the source it came from. */
export type Place = (path: readonly PropertyKey[]) => Pick<Problem, 'where' | 'key'>

/** Adds one problem for each place in the value that is wrong. */
export function check(option: Option, value: unknown, problems: Problem[], place: Place): void {
  const seen = new Set<string>()
  for (const issue of option.schema.safeParse(value).error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const message = `unknown key${didYouMean(key, ['parallel_limit', 'queue_limit'])}`
        problems.push({ ...place([...issue.path, key]), message })
      }
      continue
    }
    // One value can break several rules that share one sentence.
    const path = issue.path.join('.')
    if (seen.has(path)) continue
    seen.add(path)
    problems.push({ ...place(issue.path), message: describe(issue, option, value) })
  }
}

function describe(issue: z.core.$ZodIssue, option: Option, value: unknown): string {
  // Other sentences than "expected ..." are about values that are better not repeated: credentials.
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

/** A value of the environment without the one pair of quotes that `docker --env-file` and the like leave around it. */
export function unquoted(text: string): string {
  const trimmed = text.trim()
  const [, quote, inner] = /^(["'])(.*)\1$/s.exec(trimmed) ?? []
  return quote === undefined || inner === undefined ? trimmed : inner.trim()
}

/** What the text of an environment variable means to an option, and what is to be said about it. */
export function fromEnvironment(option: Option, text: string): { value: unknown; warning?: string } {
  const { alsoInEnvironment: also, anyCase } = option
  if (also?.text === text) return { value: also.value, warning: also.warning }
  return { value: fromText(option, anyCase ? text.toLowerCase() : text) }
}

/** What the text of a flag or an environment variable means to an option; the text itself when it means nothing. */
export function fromText(option: Option, text: string): unknown {
  const trimmed = text.trim()
  const meanings: unknown[] = [trimmed]
  if (/^[+-]?\d+(\.\d+)?$/.test(trimmed)) meanings.push(Number(trimmed))
  const truth = TRUTH[trimmed.toLowerCase()]
  if (truth !== undefined) meanings.push(truth)
  return meanings.find((meaning) => option.schema.safeParse(meaning).success) ?? trimmed
}
