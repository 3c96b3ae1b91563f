import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { CURVES, OUT, type Report } from './findings.ts'
import { machineLine } from './machine.ts'
import { percentile, round, say } from './rounds.ts'

const README = new URL('../README.md', import.meta.url)
const BEGIN = '<!-- table: written by `npm run bench -- --write` -->'
const END = '<!-- end of table -->'

/** The benches of whole processes, which leave a Report. */
const REPORTS = ['overhead', 'runtimes', 'streams', 'goodput', 'waiters', 'turns', 'fairness', 'owed']

/** A line of the two benches of parts. */
interface PartRow {
  readonly name?: string
  readonly what?: string
  readonly unit?: string
  readonly bytes?: number
  readonly rounds: readonly number[]
  readonly target?: string
  readonly met?: boolean
}

/**
 * Replaces the table of bench/README.md and its picture by the results in bench/out. Throws when one is missing or was a
 * quick one.
 */
export function writeTable(): void {
  const reports = REPORTS.map(
    (name): Report => JSON.parse(readFileSync(new URL(`${name}.json`, OUT), 'utf8')),
  )
  const quick = reports.filter((report) => report.quick).map(({ bench }) => bench)
  if (quick.length > 0) throw new Error(`quick figures are not published: ${quick.join(', ')}`)
  const [first] = reports
  if (!first) return
  const sections = reports.map(({ bench, date, machine, rows, notes }) => {
    const table = rows.map(({ what, value, target, met }) => [what, value, target ?? '', verdict(met)])
    return [
      `### ${bench}`,
      '',
      tableOf(['what', 'measured', 'target', ''], table),
      '',
      // One bench may have been run again by itself, on a later build.
      ...[
        `${date}, commit ${machine.commit}, load average before it ${machine.load.toFixed(2)}`,
        ...notes,
      ].map((note) => `- ${note}`),
    ]
  })
  const text = [
    BEGIN,
    '',
    '`npm run bench -- --write`; median of the rounds; in brackets their lowest and highest, or where a note says so their',
    'quartiles.',
    '',
    ...machineLine(first.machine)
      .split('\n')
      .map((line) => `- ${line}`),
    '',
    ...[
      ...sections,
      partSection('admission'),
      partSection('limits'),
      partSection('body'),
      partSection('identity'),
    ].flatMap((lines) => [...lines, '']),
    END,
  ].join('\n')
  const readme = readFileSync(README, 'utf8')
  const from = readme.indexOf(BEGIN)
  const to = readme.indexOf(END)
  if (from < 0 || to < from) throw new Error(`bench/README.md has no place for the table: ${BEGIN} … ${END}`)
  writeFileSync(README, `${readme.slice(0, from)}${text}${readme.slice(to + END.length)}`)
  copyFileSync(new URL(CURVES, OUT), new URL(CURVES, README))
  say('\nbench/README.md has the new table')
}

/** Where some lines have a target, those that have none stay in the file. */
function partSection(bench: string): string[] {
  const file = new URL(`${bench}.json`, OUT)
  if (!existsSync(file)) return []
  const { rows }: { rows: readonly PartRow[] } = JSON.parse(readFileSync(file, 'utf8'))
  const judged = rows.some(({ target }) => target !== undefined)
  const lines = rows
    .filter(({ target }) => !judged || target !== undefined)
    .map(({ name, what, unit = 'ms', rounds, target, met }) => {
      const sorted = [...rounds].sort((a, b) => a - b)
      const [low, middle, high] = [0, 50, 100].map((percent) => round(percentile(sorted, percent)))
      return [name ?? what ?? '', `${middle} (${low} to ${high}) ${unit}`, target ?? '', verdict(met)]
    })
  return [`### ${bench}`, '', tableOf(['what', 'measured', 'target', ''], lines)]
}

function verdict(met: boolean | undefined): string {
  if (met === undefined) return ''
  return met ? 'met' : '**missed**'
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
