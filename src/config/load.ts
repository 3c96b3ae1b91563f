import { check, fromEnvironment, fromText, unquoted } from './check.ts'
import { didYouMean } from './near-miss.ts'
import { pointsAtSelf } from './points-at-self.ts'
import { byLine, ConfigError, type Problem } from './problem.ts'
import { type Config, configSchema, type Option, type OptionKey, options } from './schema.ts'
import { readYaml } from './yaml-file.ts'

export const DEFAULT_FILE = 'config.yaml'

export type Source = 'default' | 'config.yaml' | 'environment' | 'flag'

export interface LoadedConfig {
  readonly config: Config
  /** Where each effective value comes from. */
  readonly sources: Readonly<Record<OptionKey, Source>>
  /** Path of the file that was read; null when there was no file. */
  readonly configFile: string | null
  /** Values that are allowed, but are probably a mistake. */
  readonly warnings: readonly Problem[]
}

export interface ConfigInput {
  /** Values of flags by name, without dashes: `{ port: '9000', config: 'other.yaml' }`. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Returns the text of a file; throws an error with code ENOENT when the file does not exist. */
  readonly readFile: (path: string) => string
  /** Addresses and host names of this machine, to find an ollama_url that is the proxy's own address. */
  readonly ownAddresses: readonly string[]
}

const KEYS = options.map((option) => option.key)

/**
 * Order of precedence: flag, environment, config.yaml, default.
 * @throws ConfigError with every problem of every source, including values that another source overrides.
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const loader = new ConfigLoader(input)
  const configFile = loader.file()
  loader.environment()
  loader.flags()
  return loader.result(configFile)
}

type Location = Pick<Problem, 'where' | 'key'>
type Written = { readonly value: unknown; readonly source: Source; readonly location: Location }

/** Collects the values and problems of all sources. Each source overrides the sources that were read before. */
class ConfigLoader {
  readonly #input: ConfigInput
  readonly #problems: Problem[] = []
  readonly #warnings: Problem[] = []
  readonly #written = new Map<OptionKey, Written>()

  constructor(input: ConfigInput) {
    this.#input = input
  }

  file(): string | null {
    const { flags, readFile } = this.#input
    const named = flags.config ?? this.#variable('CONFIG_FILE')
    const name = named ?? DEFAULT_FILE
    let text: string
    try {
      text = readFile(name)
    } catch (error) {
      if (named === undefined && codeOf(error) === 'ENOENT') return null
      const where =
        flags.config !== undefined ? 'flag --config' : named !== undefined ? 'environment CONFIG_FILE' : name
      this.#problems.push({ where, key: null, message: unreadable(name, error) })
      return null
    }
    const file = readYaml(name, text, this.#problems)
    for (const { key, value } of file.entries) {
      const option = options.find((candidate) => candidate.key === key)
      if (!option) {
        const message = `unknown key${didYouMean(key, KEYS)}`
        this.#problems.push({ where: file.where([key]), key, message })
        continue
      }
      // `log_file: null` means unset. `models:` is null when every line below it is commented out.
      if (value === null && (option.defaultWritten === undefined || key === 'models')) continue
      const locate = (path: readonly PropertyKey[]) => ({ where: file.where(path), key: path.join('.') })
      check(option, value, this.#problems, (path) => locate([key, ...path]))
      this.#written.set(option.key, { value, source: 'config.yaml', location: locate([key]) })
    }
    this.#problems.sort(byLine)
    return name
  }

  environment(): void {
    for (const option of options) {
      const text = this.#variable(option.env)
      const file = this.#variable(option.envFile)
      if (text !== undefined && file !== undefined) {
        const message = `${option.envFile} is set too; set only one of the two`
        this.#problems.push({ where: `environment ${option.env}`, key: null, message })
      } else if (text !== undefined) {
        const where = `environment ${option.env}`
        const { value, warning } = fromEnvironment(option, text)
        if (warning !== undefined) this.#warnings.push({ where, key: null, message: warning })
        this.#take(option, value, where, 'environment')
      } else if (file !== undefined) {
        this.#takeFrom(option, file)
      }
    }
  }

  flags(): void {
    for (const option of options) {
      const text = option.flag === undefined ? undefined : this.#input.flags[option.flag]
      if (text !== undefined) this.#take(option, fromText(option, text), `flag --${option.flag}`, 'flag')
    }
  }

  result(configFile: string | null): LoadedConfig {
    this.#checkLoop()
    if (this.#problems.length > 0) throw new ConfigError(this.#problems)
    const config = configSchema.parse(this.#values())
    const sources = mapKeys((key) => this.#written.get(key)?.source ?? 'default')
    this.#checkSizes(config)
    this.#checkTurns(config)
    return deepFreeze({ config, sources, configFile, warnings: this.#warnings })
  }

  /** An environment variable. An empty variable counts as unset. */
  #variable(name: string | undefined): string | undefined {
    return unquoted((name !== undefined && this.#input.env[name]) || '') || undefined
  }

  #take(option: Option, value: unknown, where: string, source: Source): void {
    const location = { where, key: null }
    check(option, value, this.#problems, () => location)
    this.#written.set(option.key, { value, source, location })
  }

  #values(): Partial<Record<OptionKey, unknown>> {
    return Object.fromEntries([...this.#written].map(([key, { value }]) => [key, value]))
  }

  #checkLoop(): void {
    const { ollama_url, proxy_port } = this.#values()
    const pair = configSchema
      .pick({ ollama_url: true, proxy_port: true })
      .safeParse({ ollama_url, proxy_port })
    if (!pair.success || !pointsAtSelf(pair.data, this.#input.ownAddresses)) return
    const changed = this.#written.get('ollama_url') ?? this.#written.get('proxy_port')
    const message = `ollama_url ${pair.data.ollama_url} is the address of this proxy itself; change one of the two ports`
    this.#problems.push({ ...(changed?.location ?? { where: 'default', key: null }), message })
  }

  #checkSizes({ max_body_size, max_queue_bytes }: Config): void {
    if (max_queue_bytes >= max_body_size) return
    const written = this.#written.get('max_queue_bytes') ?? this.#written.get('max_body_size')
    const message =
      `max_queue_bytes (${max_queue_bytes} bytes) is smaller than max_body_size (${max_body_size} bytes): ` +
      'a call with a body larger than max_queue_bytes is served only while no other call waits or is being read'
    this.#warnings.push({ ...(written?.location ?? { where: 'default', key: null }), message })
  }

  /** The default of max_wait is no mistake: most proxies have models that fit into memory together. */
  #checkTurns({ request_timeout, turn, turns }: Config): void {
    const written = this.#written.get('turn')
    if (written === undefined || turns === 'off' || turn.max_wait < request_timeout) return
    const message =
      `max_wait (${turn.max_wait} s) is not below request_timeout (${request_timeout} s): ` +
      'a call is refused before it has waited long enough to end the turn of another model'
    this.#warnings.push({ ...written.location, message })
  }

  /** Takes the value from a file, as containers provide secrets. */
  #takeFrom(option: Option, path: string): void {
    const where = `environment ${option.envFile}`
    try {
      const text = this.#input.readFile(path).trimEnd()
      this.#take(option, fromText(option, text), where, 'environment')
    } catch (error) {
      this.#problems.push({ where, key: null, message: unreadable(path, error) })
    }
  }
}

/** An object with every option key, in the order of the schema. */
export function mapKeys<T>(value: (key: OptionKey) => T): Record<OptionKey, T> {
  return Object.fromEntries(KEYS.map((key) => [key, value(key)])) as Record<OptionKey, T>
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a directory',
  EACCES: 'cannot be read: permission denied',
}

function unreadable(name: string, error: unknown): string {
  const other = error instanceof Error ? error.message : String(error)
  return `${name} ${REASONS[codeOf(error) ?? ''] ?? `cannot be read: ${other}`}`
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(Object.freeze(value))) deepFreeze(inner)
  return value
}
