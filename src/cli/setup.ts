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
/** For its owner alone: the file holds the admin token. */
const OWNER_ONLY = 0o600

/** Measures, recommends, writes; asks nothing, so that it works in scripts and images too. */
export const setupCommand = defineCommand({
  meta: {
    name: 'setup',
    description:
      'Measure the memory and write a commented config.yaml with fitting figures and an admin token.',
  },
  args: {
    config: { ...configFlag.config, description: `File to write (default ${DEFAULT_FILE}).` },
    force: { type: 'boolean', description: 'Replace the file when it exists.' },
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
      : 'Memory: could not be measured, the figures are cautious.'
    process.stdout.write(`${measured}\n`)
    for (const [key, value] of Object.entries(set)) process.stdout.write(`  ${key}: ${value}\n`)

    const kept = args.force === true ? tokenIn(path) : undefined
    const admin_token = kept ?? randomBytes(TOKEN_BYTES).toString('base64url')
    const text = renderConfigFile({ ...set, admin_token }, [
      '',
      `Written by \`ollama-guard-proxy setup\`. ${measured}`,
      'It holds a secret, the admin token: keep it out of version control.',
    ])
    try {
      writePrivately(path, text, args.force === true ? 'w' : 'wx')
    } catch (error) {
      process.stderr.write(`${refusal(path, error)}\n`)
      return EXIT_FAILED
    }
    const check = `ollama-guard-proxy check${args.config === undefined ? '' : ` --config ${path}`}`
    process.stdout.write(
      `  admin_token: ${kept === undefined ? 'a new one' : 'the one that was there'}, in the file alone\n`,
    )
    process.stdout.write(`Wrote ${path}, which only you can read; \`${check}\` shows what counts.\n`)
    return 0
  },
})

/** The admin token that a configuration file sets by itself; undefined when there is none, or no file that loads. */
function tokenIn(path: string): string | undefined {
  const readFile = () => readFileSync(path, 'utf8')
  try {
    return loadConfig({ flags: { config: path }, env: {}, ownAddresses: [], readFile }).config.admin_token
  } catch {
    return undefined
  }
}

/** Nobody else can read the file at any moment, also when it was there with wider rights. */
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
    return `${path} exists and was left as it is; --force replaces it, --config names another file`
  }
  return `${path} cannot be written: ${error instanceof Error ? error.message : error}`
}
