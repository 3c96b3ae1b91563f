/**
 * All benches, one after another.
 *
 *     npm run bench                    all of them, every round printed, results in bench/out/
 *     npm run bench -- overhead        one or some of them
 *     npm run bench -- --quick         seconds instead of minutes: whether they still work, not what they measure
 *     npm run bench -- --write         and the table of bench/README.md anew; only after a full run
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { OUT } from './support/findings.ts'
import { machineLine, readMachine } from './support/machine.ts'
import { say } from './support/rounds.ts'
import { writeTable } from './support/table.ts'

/** The arguments of each; what --quick does not change takes seconds anyway. */
const BENCHES: Readonly<Record<string, (quick: boolean) => readonly string[]>> = {
  overhead: withQuick,
  runtimes: withQuick,
  streams: withQuick,
  goodput: withQuick,
  waiters: withQuick,
  signs: withQuick,
  turns: withQuick,
  fairness: withQuick,
  owed: withQuick,
  admission: (quick) => ['--json', jsonFile('admission'), '--steps', quick ? '20000' : '1000000'],
  limits: () => ['--json', jsonFile('limits')],
  body: () => ['--json', jsonFile('body')],
  identity: () => ['--json', jsonFile('identity')],
}

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !(name in BENCHES))
if (unknown.length > 0) {
  throw new Error(`no bench called ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`)
}
if (values.write && (values.quick || positionals.length > 0)) {
  throw new Error('--write publishes figures: it takes a full run, without --quick and without names')
}

say(machineLine(readMachine()))
mkdirSync(OUT, { recursive: true })
const failed: string[] = []
for (const [name, args] of Object.entries(BENCHES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  say(`\n== ${name}`)
  // A bench that breaks must not leave an older result to be published.
  rmSync(jsonFile(name), { force: true })
  if (!(await succeeds(name, args(values.quick)))) failed.push(name)
}
if (failed.length > 0) say(`\nended with an error or a missed target: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 ? 1 : 0
if (values.write) writeTable()

async function succeeds(name: string, args: readonly string[]): Promise<boolean> {
  const file = new URL(`${name}.ts`, import.meta.url).pathname
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--import', import.meta.resolve('tsx'), file, ...args],
    {
      stdio: 'inherit',
    },
  )
  const [code] = await once(child, 'exit')
  return code === 0
}

function withQuick(quick: boolean): readonly string[] {
  return quick ? ['--quick'] : []
}

function jsonFile(name: string): string {
  return new URL(`${name}.json`, OUT).pathname
}
