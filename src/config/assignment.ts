import { parse } from 'yaml'
import { fromText } from './check.ts'
import { didYouMean } from './near-miss.ts'
import type { Problem } from './problem.ts'
import { type Option, options } from './schema.ts'

/** One `key.path=value`. */
export interface Assignment {
  readonly option: Option
  /** Keys within the value of the option; empty: the whole value. */
  readonly path: readonly string[]
  readonly text: string
}

const WHERE = 'flag --set'

/** The place of a problem with an assignment. */
export function locationOf(option: Option, path: readonly PropertyKey[]): Pick<Problem, 'where' | 'key'> {
  return { where: WHERE, key: [option.key, ...path].join('.') }
}

/** Adds texts that name no option, or no value, to `problems`. */
export function assignmentsIn(texts: readonly string[], problems: Problem[]): Assignment[] {
  return texts.flatMap((written) => {
    const [, key, text] = /^\s*([^=]*?)\s*=(.*)$/s.exec(written) ?? []
    if (!key || text === undefined) {
      problems.push({
        where: WHERE,
        key: null,
        message: 'expected a key and a value, as in turn.max_wait=60',
      })
      return []
    }
    const [name = '', ...path] = key.split('.')
    const option = options.find((candidate) => candidate.key === name)
    if (option !== undefined) return [{ option, path: pathIn(option, path, text), text }]
    const keys = options.map((candidate) => candidate.key)
    problems.push({ where: WHERE, key, message: `unknown key${didYouMean(name, keys)}` })
    return []
  })
}

/** Names of models have dots, too: `models.llama3.2.parallel_limit`. A value that is a map is the whole of a model. */
function pathIn({ innerKeys }: Option, parts: readonly string[], text: string): readonly string[] {
  if (innerKeys === undefined || parts.length < 2) return parts
  if (isMap(yamlOf(text))) return [parts.join('.')]
  return [parts.slice(0, -1).join('.'), parts.at(-1) ?? '']
}

/**
 * The value of the option after the assignment; what the path does not name stays. Undefined: the option is unset, as
 * with `log_file: null` in config.yaml.
 */
export function assignedTo(before: unknown, { option, path, text }: Assignment): unknown {
  if (path.length > 0) return assigned(before, path, yamlOf(text))
  const plain = fromText(option, text)
  const value = option.schema.safeParse(plain).success ? plain : yamlOf(text)
  return value === null ? undefined : value
}

/** A value of null removes the key. */
function assigned(before: unknown, [key = '', ...rest]: readonly string[], value: unknown): unknown {
  const map = isMap(before) ? before : {}
  const others = Object.entries(map).filter(([name]) => name !== key)
  if (rest.length === 0 && value === null) return Object.fromEntries(others)
  const inner = rest.length === 0 ? value : assigned(Object(map)[key], rest, value)
  return Object.fromEntries([...others, [key, inner]])
}

/** A text that is no YAML stays text, and the option refuses the text. */
function yamlOf(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return text
  }
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
