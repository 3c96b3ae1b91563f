import { withoutSecrets } from './secrets.ts'

/** One mistake in the configuration, or one warning. */
export interface Problem {
  /** `config.yaml:12`, `environment OLLAMA_URL` or `flag --port`. */
  readonly where: string
  /** Path of the key in the file; null where `where` already names the option, or the problem is about the whole file. */
  readonly key: string | null
  readonly message: string
}

/** One line without secrets: a line break in a value of the file becomes a space. */
export function formatProblem({ where, key, message }: Problem): string {
  const line = key === null ? `${where}: ${message}` : `${where}: ${key}: ${message}`
  return withoutSecrets(line.replace(/[\p{Cc}\u2028\u2029]+/gu, ' '))
}

/** Carries every problem at once, so that five mistakes take one start to find, not five. Repeats no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems.map(({ where, key, message }) => ({
      where: withoutSecrets(where),
      key: key === null ? null : withoutSecrets(key),
      message: withoutSecrets(message),
    }))
  }
}

/** The value for an error message: short, on one line, never a whole document. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object') return 'a map'
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)
}

/** Sorts the problems of one file by line. */
export function byLine(a: Problem, b: Problem): number {
  const line = ({ where }: Problem) => Number(/:(\d+)$/.exec(where)?.[1] ?? 0)
  return line(a) - line(b)
}
