import { spawn } from 'node:child_process'
import { relative } from 'node:path'
import { installed } from '../conformance/runtimes/install.ts'

/** Bun's own limit of 5 s is shorter than some tests take; node:test has none. */
const LONGEST_TEST_MS = 60_000

/** Like "Ran 18 tests across 2 files.", the last line of a run. */
const COUNT_LINE = /^Ran (\d+) tests? across (\d+) files?\./m

/**
 * Runs exactly these files under `bun test` and shows what it says. Resolves with its exit code; with 1 when it did
 * not run all of them, or no test at all.
 */
export async function bunTest(files: readonly string[]): Promise<number> {
  if (files.length === 0) throw new Error('no file to run under Bun')
  // What does not begin with "./" would be part of a name, and run whatever else has it.
  const paths = files.map((file) => `./${relative(process.cwd(), file)}`)
  const bun = spawn(installed('bun'), ['test', '--timeout', String(LONGEST_TEST_MS), ...paths], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  bun.stdout.pipe(process.stdout)
  bun.stderr.pipe(process.stderr)
  let said = ''
  bun.stderr.on('data', (part: Buffer) => {
    said = (said + part.toString('latin1')).slice(-1_000)
  })
  const code = await new Promise<number>((resolve, reject) => {
    bun.once('error', reject)
    // Without an exit code a signal ended it.
    bun.once('close', (exitCode) => resolve(exitCode ?? 1))
  })
  const [, tests = 0, ran = 0] = COUNT_LINE.exec(said) ?? []
  if (Number(tests) > 0 && Number(ran) === files.length) return code
  process.stderr.write(`bun ran ${tests} tests of ${ran} files; ${files.length} files were asked for\n`)
  return code || 1
}
