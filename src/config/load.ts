import { type Assignment, assignedTo, assignmentsIn, locationOf } from './assignment.ts'
import { check, fromEnvironment, fromText, unquoted } from './check.ts'
import { deepFreeze } from './freeze.ts'
import { didYouMean } from './near-miss.ts'
import { pointsAtSelf } from './points-at-self.ts'
import { byLine, ConfigError, type Problem } from './problem.ts'
import { type Config, configSchema, type Option, type OptionKey, options } from './schema.ts'
import { codeOf, unreadable } from './unreadable.ts'
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
  /** `key.path=value`, each above all other sources: what a --set of the command replay says. */
  readonly set?: readonly string[]
}

const KEYS = options.map((option) => option.key)

/**
 * Order of precedence: flag, environment, config.yaml, default.
 * @throws ConfigError with every problem of every source, including values that another source overrides.
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  return new ConfigLoader(input).load((loader) => loader.keysFile())
}

/** The same without the keys in keys_file: the commands below "key" make this file when it does not exist. */
export function loadWithoutKeysFile(input: ConfigInput): LoadedConfig {
  return new ConfigLoader(input).load(() => {})
}

type Location = Pick<Problem, 'where' | 'key'>
type Written = {
  /** As the source has the value. */
  readonly value: unknown
  /** The value as the option makes it; undefined where the value has problems. */
  readonly data: unknown
  readonly source: Source
  /** Asked for only where there is a problem: the place in a text that was read before takes another parse. */
  readonly location: () => Location
}

/** Collects the values and problems of all sources. Each source overrides the sources that were read before. */
class ConfigLoader {
  readonly #input: ConfigInput
  readonly #problems: Problem[] = []
  readonly #warnings: Problem[] = []
  readonly #written = new Map<OptionKey, Written>()
  #assignments: readonly Assignment[] | undefined

  constructor(input: ConfigInput) {
    this.#input = input
  }

  load(keysFile: (loader: ConfigLoader) => void): LoadedConfig {
    const configFile = this.file()
    this.environment()
    this.flags()
    this.assign((key) => key !== 'keys')
    keysFile(this)
    this.assign((key) => key === 'keys')
    return this.result(configFile)
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
      const data = check(option, value, this.#problems, (path) => locate([key, ...path]))
      this.#written.set(option.key, { value, data, source: 'config.yaml', location: () => locate([key]) })
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

  /** Takes the values of `set` for the options that `isNow` names. */
  assign(isNow: (key: OptionKey) => boolean): void {
    this.#assignments ??= assignmentsIn(this.#input.set ?? [], this.#problems)
    for (const assignment of this.#assignments.filter(({ option }) => isNow(option.key))) {
      const { option } = assignment
      const value = assignedTo(this.#written.get(option.key)?.value, assignment)
      const locate = (path: readonly PropertyKey[]) => locationOf(option, path)
      this.#written.delete(option.key)
      if (value === undefined) continue
      const data = check(option, value, this.#problems, locate)
      this.#written.set(option.key, { value, data, source: 'flag', location: () => locate([]) })
    }
  }

  /** Adds the keys of keys_file to those of the other sources. A file that is gone lets nobody in, so it is a problem. */
  keysFile(): void {
    const written = this.#written.get('keys_file')
    const keys = options.find(({ key }) => key === 'keys')
    if (typeof written?.value !== 'string' || keys === undefined) return
    const name = written.value
    let text: string
    try {
      text = this.#input.readFile(name)
    } catch (error) {
      const message = `${unreadable(name, error)}; "ollama-guard-proxy key add NAME" makes the file`
      this.#problems.push({ ...written.location(), message })
      return
    }
    const file = readYaml(name, text, this.#problems)
    const locate = (path: readonly PropertyKey[]) => ({ where: file.where(path), key: path.join('.') })
    const more = check(keys, file.values, this.#problems, locate)
    const before = this.#written.get('keys')
    const known = Object(before?.value)
    for (const key of Object.keys(known))
      if (Object.hasOwn(file.values, key))
        this.#problems.push({ ...locate([key]), message: 'this key stands under keys, too' })
    const value = { ...known, ...file.values }
    // Without other keys the map stays the object that was checked, so that a reload sees that nothing changed.
    const data = before === undefined ? more : { ...Object(before.data), ...Object(more) }
    this.#written.set('keys', { source: 'config.yaml', location: written.location, ...before, value, data })
  }

  result(configFile: string | null): LoadedConfig {
    this.#checkLoop()
    if (this.#problems.length > 0) throw new ConfigError(this.#problems)
    const read = Object.fromEntries([...this.#written].map(([key, { data }]) => [key, data]))
    const config = { ...configSchema.parse({}), ...read }
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
    const data = check(option, value, this.#problems, () => location)
    this.#written.set(option.key, { value, data, source, location: () => location })
  }

  #checkLoop(): void {
    const url = this.#written.get('ollama_url')
    const port = this.#written.get('proxy_port')
    const values = { ollama_url: url?.value, proxy_port: port?.value }
    const pair = configSchema.pick({ ollama_url: true, proxy_port: true }).safeParse(values)
    if (!pair.success || !pointsAtSelf(pair.data, this.#input.ownAddresses)) return
    const message = `ollama_url ${pair.data.ollama_url} is the address of this proxy itself; change one of the two ports`
    this.#problems.push({ ...((url ?? port)?.location() ?? { where: 'default', key: null }), message })
  }

  #checkSizes({ max_body_size, max_queue_bytes }: Config): void {
    if (max_queue_bytes >= max_body_size) return
    const written = this.#written.get('max_queue_bytes') ?? this.#written.get('max_body_size')
    const message =
      `max_queue_bytes (${max_queue_bytes} bytes) is smaller than max_body_size (${max_body_size} bytes): ` +
      'a call with a body larger than max_queue_bytes is served only while no other call waits or is being read'
    this.#warnings.push({ ...(written?.location() ?? { where: 'default', key: null }), message })
  }

  /** The default of max_wait is no mistake: most proxies have models that fit into memory together. */
  #checkTurns({ request_timeout, turn, turns }: Config): void {
    const written = this.#written.get('turn')
    if (written === undefined || turns === 'off' || turn.max_wait < request_timeout) return
    const message =
      `max_wait (${turn.max_wait} s) is not below request_timeout (${request_timeout} s): ` +
      'a call is refused before it has waited long enough to end the turn of another model'
    this.#warnings.push({ ...written.location(), message })
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
