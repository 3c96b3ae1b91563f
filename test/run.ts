import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec as Spec } from 'node:test/reporters'
import { installRuntimes } from './conformance/runtimes/install.ts'

/** The conformance suite on platforms that have to be brought first. */
const RUNTIMES = ['bun', 'node24', 'workerd'].map((name) => join('conformance', 'runtimes', `${name}.ts`))

/**
 * Runs every test file below this folder, or those whose path contains one of the arguments. `--runtimes`: those of
 * the other platforms instead.
 */
const onRuntimes = process.argv.includes('--runtimes')
const wanted = process.argv.slice(2).filter((argument) => argument !== '--runtimes')
if (onRuntimes) installRuntimes()
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((name) => (onRuntimes ? RUNTIMES.includes(name) : name.endsWith('.test.ts')))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .map((name) => join(import.meta.dirname, name))
  .sort()

const counts = { pass: 0, fail: 0, cancelled: 0 }
const tests = run({ files, concurrency: onRuntimes ? 1 : 2 })
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
