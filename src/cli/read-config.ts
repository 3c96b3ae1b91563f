import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'

type Flags = Readonly<Record<string, string | undefined>>

/** Loads the configuration from the flags, the environment and the file. @throws ConfigError with every problem. */
export function loadOwn(flags: Flags): LoadedConfig {
  const readFile = (path: string) => readFileSync(path, 'utf8')
  return loadConfig({ flags, env: process.env, readFile, ownAddresses: ownAddresses() })
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
