import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import { run } from 'node:test'
import { spec as Spec } from 'node:test/reporters'
import { installRuntimes } from './conformance/runtimes/install.ts'
import { bunTest } from './support/bun-test.ts'

const CONFORMANCE = `conformance${sep}`

/** The conformance suite on platforms that have to be brought first. */
const RUNTIMES = ['bun', 'node24', 'workerd'].map((name) => join('conformance', 'runtimes', `${name}.ts`))

const NODE_SERVER = 'src/runtimes/node stands on undici and @hono/node-server, which Bun has other things for'

/** The test files that Bun does not run, and why. */
const NOT_ON_BUN: Readonly<Record<string, string>> = {
  [join('conformance', 'node.test.ts')]:
    'starts the proxy as a program on Node; on Bun the conformance suite of --runtimes does',
  [join('conformance', 'made-up-names.test.ts')]: 'starts the proxy on Node, with flags of Node',
  [join('runtimes', 'node', 'answers.test.ts')]: NODE_SERVER,
  [join('runtimes', 'node', 'begun-answer.test.ts')]: NODE_SERVER,
  [join('runtimes', 'node', 'departures.test.ts')]: NODE_SERVER,
  [join('runtimes', 'node', 'events.test.ts')]: NODE_SERVER,
  [join('runtimes', 'node', 'held-back.test.ts')]: NODE_SERVER,
  [join('runtimes', 'node', 'requests.test.ts')]: NODE_SERVER,
  [join('runtimes', 'node', 'upstream.test.ts')]: NODE_SERVER,
}

/** What only Bun can run. */
const BUN_FILE = '.bun.ts'

/** What needs a program that npm does not bring: a browser, nginx, HAProxy, promtool, python3. Fails where it is missing. */
const PROGRAM_FILE = '.program.ts'

const MODES = ['--bun', '--programs', '--runtimes'] as const

/** `--without=PART` leaves the test files out whose path contains PART. */
const WITHOUT = '--without='

/**
 * Runs every test file below this folder, or those whose path contains one of the arguments. `--bun`: under the
 * pinned `bun test`, with what only Bun can run. `--programs`: what needs other programs instead. `--runtimes`: the
 * conformance suite on the other platforms instead.
 */
const [mode, another] = MODES.filter((each) => process.argv.includes(each))
if (another) throw new Error(`${mode} and ${another} are two different runs`)
const parts = process.argv.slice(2).filter((argument) => argument !== mode)
const wanted = parts.filter((part) => !part.startsWith(WITHOUT))
const unwanted = parts.filter((part) => part.startsWith(WITHOUT)).map((part) => part.slice(WITHOUT.length))
if (mode === '--bun' || mode === '--runtimes') installRuntimes()
process.env.BUILT_MAIN ??= build()

const all = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
if (mode === '--bun')
  for (const [name, reason] of Object.entries(NOT_ON_BUN))
    if (!all.includes(name)) throw new Error(`there is no ${name} to leave out on Bun (${reason})`)
const files = all
  .filter((name) => {
    if (mode === '--runtimes') return RUNTIMES.includes(name)
    if (mode === '--programs') return name.endsWith(PROGRAM_FILE)
    if (mode === '--bun' && name.endsWith(BUN_FILE)) return true
    return name.endsWith('.test.ts') && !(mode === '--bun' && name in NOT_ON_BUN)
  })
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .filter((name) => !unwanted.some((part) => name.includes(part)))
  .sort((a, b) => Number(isLong(b)) - Number(isLong(a)) || (a < b ? -1 : 1))
  .map((name) => join(import.meta.dirname, name))

/** Builds the program. Returns the path of its entry. */
function build(): string {
  execFileSync('npm', ['run', 'build'], { stdio: 'ignore' })
  return join(import.meta.dirname, '..', 'dist', 'main.js')
}

/** The conformance suite takes the most time and mostly waits, so it begins first. */
function isLong(name: string): boolean {
  return name.startsWith(CONFORMANCE)
}

if (mode === '--bun') process.exitCode = await bunTest(files)
else runOnNode()

function runOnNode(): void {
  const counts = { pass: 0, fail: 0, cancelled: 0 }
  // The suites of the runtimes mostly wait, so all three run at once.
  const tests = run({ files, concurrency: mode === '--runtimes' ? 3 : 2 })
  tests.on('test:diagnostic', ({ message }) => {
    const [, what, count] = /^(pass|fail|cancelled) (\d+)$/.exec(message) ?? []
    if (what === 'pass' || what === 'fail' || what === 'cancelled') counts[what] = Number(count)
  })
  tests.on('end', () => {
    const failed = counts.fail + counts.cancelled
    process.exitCode = failed > 0 || counts.pass === 0 ? 1 : 0
    process.on('exit', () => process.stdout.write(`\n${counts.pass} passed, ${failed} failed\n`))
  })
  tests.pipe(new Spec()).pipe(process.stdout)
}
