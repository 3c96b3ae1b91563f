import { defineCommand } from 'citty'
import type { LoadedConfig } from '../config/load.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { compare } from '../replay/compare.ts'
import { TooManyCalls } from '../replay/recording.ts'
import { slotsPerModel } from '../runtimes/process/memory.ts'
import { EXIT_CONFIG, EXIT_FAILED } from './exit-codes.ts'
import { allOf, configFlag } from './flags.ts'
import { ownInput, readConfig } from './read-config.ts'
import { NotText } from './replay/lines.ts'
import { type BadLines, type ReadFiles, readFiles } from './replay/read-files.ts'
import { replayReport } from './replay/report.ts'
import { replayText } from './replay/report-text.ts'
import { safeJson, safeText } from './top/safe-text.ts'

export const replayCommand = defineCommand({
  meta: {
    name: 'replay',
    description:
      'Run the calls of the log through the same admission in virtual time, as configured and with --set, and compare waits and refusals. Exit codes: docs/quick-reference.md.',
  },
  args: {
    'file…': {
      type: 'positional',
      description:
        'Files of the log as JSON (log_format: json), or traces as CSV or JSON lines; several in any order.',
    },
    set: {
      type: 'string',
      valueHint: 'key=value',
      description:
        'A setting for a second run beside the configured one, as in ollama_num_parallel=6 or models.llama3.parallel_limit=2. May be given several times.',
    },
    json: { type: 'boolean', description: 'Print one JSON object.' },
    ...configFlag,
  },
  async run({ args, rawArgs }) {
    const set = allOf(rawArgs, 'set')
    const configured = readConfig({ config: args.config })
    const changed = configured && set.length > 0 ? configWith(set, args.config) : configured
    if (!configured || !changed) return EXIT_CONFIG
    const files = await read(args._)
    if (typeof files === 'string') return failed(files)
    const { recording, traced, bad } = files
    for (const each of bad) process.stderr.write(`${safeText(badLines(each))}\n`)
    if (recording.length === 0) return failed(noCalls(args._, bad))
    const comparison = compare({
      recording,
      configs: set.length > 0 ? [configured.config, changed.config] : [configured.config],
      memoryParallel: await slotsPerModel('auto'),
      isLog: traced === 0,
    })
    if (comparison === undefined) return failed('no call got a slot, so nothing tells how long calls take')
    const report = replayReport(args._, files, comparison, set)
    process.stdout.write(args.json === true ? `${safeJson(report)}\n` : replayText(report))
    return 0
  },
})

/** Undefined after every problem was printed, one a line. */
function configWith(set: readonly string[], config: string | undefined): LoadedConfig | undefined {
  try {
    return loadConfig({ ...ownInput({ config }), set })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return undefined
  }
}

/** A text is why the files cannot be read. */
async function read(paths: readonly string[]): Promise<ReadFiles | string> {
  try {
    return await readFiles(paths)
  } catch (error) {
    if (error instanceof NotText) return error.message
    if (error instanceof TooManyCalls) return `${error.message}: replay fewer files at once`
    if (error instanceof Error && 'syscall' in error) return `a file cannot be read: ${error.message}`
    throw error
  }
}

function badLines({ file, count, lines }: BadLines): string {
  const shown = lines.join(', ')
  const which = count === lines.length ? `lines ${shown}` : `${count} lines, the first are ${shown}`
  return `${file}: left out, because they are no calls: ${which}`
}

function noCalls(paths: readonly string[], bad: readonly BadLines[]): string {
  const none = `no calls in ${paths.join(', ')}`
  return bad.some(({ isText }) => isText)
    ? `${none}: this is the log as text, and replay reads the log as JSON; set log_format to json`
    : none
}

function failed(why: string): number {
  process.stderr.write(`${safeText(why)}\n`)
  return EXIT_FAILED
}
