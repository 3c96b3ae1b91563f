import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type ConfigInput,
  DEFAULT_FILE,
  type LoadedConfig,
  loadConfig,
  loadWithoutKeysFile,
} from '../../config/load.ts'
import { EXIT_FAILED, EXIT_USAGE } from '../exit-codes.ts'
import { ownInput } from '../read-config.ts'

export const DEFAULT_KEYS_FILE = 'keys.yaml'

/** The command cannot do what was asked for. Each line of the message tells a reason. */
export class KeyRefused extends Error {
  override readonly name = 'KeyRefused'
  readonly exitCode: number

  constructor(message: string, exitCode = EXIT_FAILED) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Where the keys are, for a command that changes them. */
export interface KeysPlace {
  /** Path of the file that the command writes. */
  readonly file: string
  /** Whether the configuration names this file, so that a proxy reads it. */
  readonly configured: boolean
  /** The file in which keys_file stands, or would stand. */
  readonly configFile: string
  /** The configuration without the keys in `file`. */
  readonly without: LoadedConfig
  /** The configuration that a proxy has with this text in `file`. @throws ConfigError with every problem */
  readonly with: (text: string) => LoadedConfig
}

/**
 * The keys_file of the configuration, else the file of --file, else keys.yaml. The file need not exist.
 * @throws ConfigError where the rest of the configuration is wrong
 */
export function findPlace(flags: { readonly config?: string; readonly file?: string }): KeysPlace {
  const input = ownInput({ config: flags.config })
  const without = loadWithoutKeysFile(input)
  const named = without.config.keys_file
  if (named !== undefined && flags.file !== undefined && resolve(named) !== resolve(flags.file))
    throw new KeyRefused(
      `keys_file is ${named}: leave --file out, or change keys_file to ${flags.file}`,
      EXIT_USAGE,
    )
  const file = named ?? flags.file ?? DEFAULT_KEYS_FILE
  const configFile = without.configFile ?? flags.config ?? DEFAULT_FILE
  if (resolve(file) === resolve(configFile))
    throw new KeyRefused(`${file} is the configuration itself: keys need a file of their own`, EXIT_USAGE)
  return {
    file,
    configured: named !== undefined,
    configFile,
    without,
    with: (text) => loadConfig(withText(input, file, text)),
  }
}

/** Like `input`, but keys_file is `file` and has this text. */
function withText(input: ConfigInput, file: string, text: string): ConfigInput {
  const path = resolve(file)
  return {
    ...input,
    env: { ...input.env, KEYS_FILE: file },
    readFile: (name) => (resolve(name) === path ? text : input.readFile(name)),
  }
}

/** The text of the file. A file that does not exist has no keys. */
export function textOf({ file }: Pick<KeysPlace, 'file'>): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
