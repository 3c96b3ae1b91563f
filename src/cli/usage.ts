import { basename } from 'node:path'
import { defineCommand } from 'citty'
import { z } from 'zod'
import { dayOf } from '../callers/windows.ts'
import { usageDirOf } from '../config/usage-dir.ts'
import {
  NotRegularFile,
  readUsageFile,
  type UnreadableLines,
  usageFiles,
} from '../runtimes/process/usage-reading.ts'
import { EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts'
import { readFlags } from './flag-values.ts'
import { configFlag } from './flags.ts'
import { readConfig } from './read-config.ts'
import { safeText } from './top/safe-text.ts'
import { MOMENT_HINT, momentOf } from './usage/moment.ts'
import { type UsageReport, usageCsv, usageJson, usageTable } from './usage/output.ts'
import { GROUPS, type UsageGroup, UsageTally } from './usage/tally.ts'

const DAY_MS = 86_400_000

export const usageCommand = defineCommand({
  meta: {
    name: 'usage',
    description:
      'Show who has used what: calls, slot-seconds and tokens, from the files of usage_dir. The proxy need not run.',
  },
  args: {
    by: {
      type: 'string',
      default: 'caller',
      valueHint: GROUPS.join('|'),
      description: 'A row for each of these.',
    },
    since: {
      type: 'string',
      valueHint: '7d|24h|date',
      description: 'Only calls that ended in this time, or since this day (default: all).',
    },
    until: {
      type: 'string',
      valueHint: '7d|24h|date',
      description: 'Only calls that ended before this time, or up to the end of this day.',
    },
    csv: { type: 'boolean', description: 'Print CSV, without the row of the sum.' },
    json: { type: 'boolean', description: 'Print one JSON object.' },
    dir: { type: 'string', valueHint: 'folder', description: 'Folder with the files (default: usage_dir).' },
    ...configFlag,
  },
  async run({ args }) {
    const values = readFlags(flagsAt(Date.now()), args)
    if (!values) return EXIT_USAGE
    const { by, since, until } = values
    if (since >= until) return misused('--since must be before --until')
    if (args.csv && args.json) return misused('--csv and --json exclude each other')
    const dir = args.dir ?? configuredDir(args.config)
    if (typeof dir === 'number') return dir
    if (dir === undefined)
      return misused('usage_dir is not set; set usage_dir, or name the folder with --dir')
    try {
      const report = await readReport({ dir, by, since, until })
      if (report.files === 0) process.stderr.write(`There are no usage files in ${safeText(dir)}.\n`)
      if (args.csv) process.stdout.write(usageCsv(report))
      else if (args.json) process.stdout.write(usageJson(report))
      else if (report.files > 0) process.stdout.write(usageTable(report))
      return 0
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error
      process.stderr.write(`usage cannot be read: ${error.message}\n`)
      return EXIT_FAILED
    }
  },
})

interface UsageQuestion {
  readonly dir: string
  readonly by: UsageGroup
  /** Milliseconds since 1970; infinite without an edge. */
  readonly since: number
  readonly until: number
}

async function readReport({ dir, by, since, until }: UsageQuestion): Promise<UsageReport> {
  const tally = new UsageTally(by)
  // A day more on either side, because the files could have been written in another zone.
  const days = [dayAt(since - DAY_MS), dayAt(until + DAY_MS)] as const
  const files = (await usageFiles(dir)).filter(({ day }) => !(day < days[0]) && !(day > days[1]))
  let unreadable = 0
  let leftOut = 0
  for (const { path } of files) {
    const records = readUsageFile(path, (found) => {
      unreadable += found.count
      warn(found)
    })
    try {
      for await (const some of records)
        for (const record of some) if (record.at >= since && record.at < until) tally.add(record)
    } catch (error) {
      if (!(error instanceof NotRegularFile)) throw error
      leftOut++
      process.stderr.write(`${basename(path)}: left out, because this is not a regular file\n`)
    }
  }
  return {
    by,
    since,
    until,
    files: files.length - leftOut,
    rows: tally.rows(),
    total: tally.total,
    unreadable,
  }
}

/** The id of a day. */
function dayAt(at: number): string {
  if (Number.isFinite(at)) return dayOf(at).id
  return at < 0 ? '' : '~'
}

function warn({ file, count, lines }: UnreadableLines): void {
  const shown = lines.join(', ')
  const which = count === lines.length ? `lines ${shown}` : `${count} lines, the first are ${shown}`
  process.stderr.write(`${file}: not counted, because they cannot be read: ${which}\n`)
}

/** The folder that the proxy itself writes; a number is an exit code. */
function configuredDir(config: string | undefined): string | number | undefined {
  const loaded = readConfig({ config })
  if (!loaded) return EXIT_CONFIG
  return usageDirOf(loaded.config)
}

function flagsAt(now: number) {
  const edge = (which: 'start' | 'end', without: number) =>
    z
      .string()
      .optional()
      .transform((text, context) => {
        const at = text === undefined ? without : momentOf(text, which, now)
        if (at !== undefined) return at
        context.addIssue({ code: 'custom', message: MOMENT_HINT })
        return z.NEVER
      })
  return z.object({
    by: z.enum(GROUPS, `must be one of ${GROUPS.join(', ')}`),
    since: edge('start', Number.NEGATIVE_INFINITY),
    until: edge('end', Number.POSITIVE_INFINITY),
  })
}

function misused(message: string): number {
  process.stderr.write(`${message}\n`)
  return EXIT_USAGE
}
