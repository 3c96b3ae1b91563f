import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec as Spec } from 'node:test/reporters'

/** Runs every test file below this folder, or those whose path contains one of the arguments. */
const wanted = process.argv.slice(2)
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .map((name) => join(import.meta.dirname, name))
  .sort()

const counts = { pass: 0, fail: 0, cancelled: 0 }
const tests = run({ files, concurrency: 2 })
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
