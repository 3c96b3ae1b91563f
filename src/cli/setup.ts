import { writeFileSync } from 'node:fs'
import { defineCommand } from 'citty'
import { DEFAULT_FILE } from '../config/load.ts'
import { recommendParallel, recommendQueueBytes } from '../config/recommend.ts'
import { RECOMMENDED_LOG_FILE, renderConfigFile } from '../config/template.ts'
import { readMemory } from '../runtimes/node/memory.ts'
import { EXIT_FAILED } from './exit-codes.ts'
import { configFlag } from './flags.ts'

/** Measures, recommends, writes; asks nothing, so that it works in scripts and images too. */
export const setupCommand = defineCommand({
  meta: {
    name: 'setup',
    description: 'Measure the memory and write a commented config.yaml with fitting figures.',
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

    const text = renderConfigFile(set, ['', `Written by \`ollama-guard-proxy setup\`. ${measured}`])
    try {
      writeFileSync(path, text, { flag: args.force === true ? 'w' : 'wx' })
    } catch (error) {
      process.stderr.write(`${refusal(path, error)}\n`)
      return EXIT_FAILED
    }
    const check = `ollama-guard-proxy check${args.config === undefined ? '' : ` --config ${path}`}`
    process.stdout.write(`Wrote ${path}; \`${check}\` shows what counts.\n`)
    return 0
  },
})

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}

function refusal(path: string, error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
    return `${path} exists and was left as it is; --force replaces it, --config names another file`
  }
  return `${path} cannot be written: ${error instanceof Error ? error.message : error}`
}
