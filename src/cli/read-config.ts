import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { type ConfigInput, type LoadedConfig, loadConfig, loadWithoutKeysFile } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'

type Flags = Readonly<Record<string, string | undefined>>

/** Loads the configuration from the flags, the environment and the file. @throws ConfigError with every problem. */
export function loadOwn(flags: Flags): LoadedConfig {
  return loadConfig(ownInput(flags))
}

/** What the configuration of this process is read from. */
export function ownInput(flags: Flags): ConfigInput {
  const readFile = (path: string) => readFileSync(path, 'utf8')
  return { flags, env: process.env, readFile, ownAddresses: ownAddresses() }
}

/** The path of keys_file, also while that file is missing or wrong. @throws ConfigError */
export function ownKeysFile(flags: Flags): string | undefined {
  return loadWithoutKeysFile(ownInput(flags)).config.keys_file
}

/** Like loadOwn, but prints the problems to stderr, one per line, and then returns undefined. */
export function readConfig(flags: Flags): LoadedConfig | undefined {
  try {
    return loadOwn(flags)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return undefined
  }
}

function ownAddresses(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return [hostname(), ...addresses.map(({ address }) => address)]
}
