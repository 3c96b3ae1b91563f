import { randomBytes } from 'node:crypto'
import { closeSync, fchmodSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { defineCommand } from 'citty'
import { DEFAULT_FILE, loadConfig } from '../config/load.ts'
import { recommendParallel, recommendQueueBytes } from '../config/recommend.ts'
import { RECOMMENDED_LOG_FILE, renderConfigFile } from '../config/template.ts'
import { readMemory } from '../runtimes/process/memory.ts'
import { EXIT_FAILED } from './exit-codes.ts'
import { configFlag } from './flags.ts'

const TOKEN_BYTES = 32
/** The file holds the admin token, so only its owner may read it. */
const OWNER_ONLY = 0o600

/** Writes a config.yaml with recommended values. Asks no questions, so that scripts and images can run it. */
export const setupCommand = defineCommand({
  meta: {
    name: 'setup',
    description:
      'Measure the memory and write a commented config.yaml with recommended values and an admin token.',
  },
  args: {
    config: { ...configFlag.config, description: `File to write (default ${DEFAULT_FILE}).` },
    force: { type: 'boolean', description: 'Replace the file if it exists. Its admin token is kept.' },
  },
  async run({ args }) {
    const path = typeof args.config === 'string' ? args.config : DEFAULT_FILE
    const memory = await readMemory()
    const available = memory?.availableBytes ?? null
    const set = {
      ollama_num_parallel: recommendParallel(available),
      max_queue_bytes: `${recommendQueueBytes(available) / 2 ** 20}MiB`,
      log_file: RECOMMENDED_LOG_FILE,
    }
    const measured = memory
      ? `Memory: ${gigabytes(memory.availableBytes)} available of ${gigabytes(memory.totalBytes)}.`
      : 'Memory: could not be measured. The recommended values are cautious.'
    process.stdout.write(`${measured}\n`)
    for (const [key, value] of Object.entries(set)) process.stdout.write(`  ${key}: ${value}\n`)

    const kept = args.force === true ? tokenIn(path) : undefined
    const admin_token = kept ?? randomBytes(TOKEN_BYTES).toString('base64url')
    const text = renderConfigFile({ ...set, admin_token }, [
      '',
      `Written by \`ollama-guard-proxy setup\`. ${measured}`,
      'This file holds a secret, the admin token: keep the file out of version control.',
    ])
    try {
      writePrivately(path, text, args.force === true ? 'w' : 'wx')
    } catch (error) {
      process.stderr.write(`${refusal(path, error)}\n`)
      return EXIT_FAILED
    }
    const check = `ollama-guard-proxy check${args.config === undefined ? '' : ` --config ${path}`}`
    process.stdout.write(
      `  admin_token: ${kept === undefined ? 'a new token' : 'the token of the old file'}; only the file shows it\n`,
    )
    process.stdout.write(`Wrote ${path}. Only you can read it. \`${check}\` prints the values in force.\n`)
    return 0
  },
})

/** The admin token in a configuration file; undefined when the file sets none or does not load. */
function tokenIn(path: string): string | undefined {
  const readFile = () => readFileSync(path, 'utf8')
  try {
    return loadConfig({ flags: { config: path }, env: {}, ownAddresses: [], readFile }).config.admin_token
  } catch {
    return undefined
  }
}

/** Only the owner can read the file at any moment, even if the old file had wider rights. */
function writePrivately(path: string, text: string, flag: 'w' | 'wx'): void {
  const file = openSync(path, flag, OWNER_ONLY)
  try {
    fchmodSync(file, OWNER_ONLY)
    writeFileSync(file, text)
  } finally {
    closeSync(file)
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}

function refusal(path: string, error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
    return `${path} exists and was not changed; --force replaces it, --config names another file`
  }
  return `${path} cannot be written: ${error instanceof Error ? error.message : error}`
}
