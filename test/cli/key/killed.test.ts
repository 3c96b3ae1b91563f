import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { loadConfig } from '../../../src/config/load.ts'
import { program, ran } from '../support/program.ts'

const TRIES = 16

it('a key add that is killed at any moment leaves the old file or the new one, and blocks no later command', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'guard-killed-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const config = join(folder, 'config.yaml')
  const file = join(folder, 'keys.yaml')
  writeFileSync(config, `keys_file: ${file}\n`)
  const readFile = (path: string) => readFileSync(path, 'utf8')
  const names = () =>
    Object.keys(loadConfig({ flags: { config }, env: {}, ownAddresses: [], readFile }).config.keys)
  const add = (name: string) => ['key', 'add', name, '--config', config]
  assert.equal((await ran(t, add('first'))).code, 0)

  let known = ['first']
  let killedLate = 0
  for (let n = 0; n < TRIES; n++) {
    const child = program(t, add(`k${n}`))
    // The work begins with the lock. The kills fall on different steps behind it.
    await seen(join(folder, '.keys.yaml.lock'), child.ended)
    for (let spin = 0; spin < n % 8; spin++) await new Promise((resolve) => setImmediate(resolve))
    child.process.kill('SIGKILL')
    await child.ended
    if (existsSync(join(folder, '.keys.yaml.lock'))) killedLate++
    const now = names()
    const added = now.filter((name) => !known.includes(name))
    assert.deepEqual(now.slice(0, known.length), known)
    assert.ok(added.length === 0 || (added.length === 1 && added[0] === `k${n}`))
    assert.equal(statSync(file).mode & 0o777, 0o600)
    known = now
  }
  assert.ok(killedLate > 0, 'no kill fell into the work')
  assert.equal((await ran(t, add('last'))).code, 0)
  assert.deepEqual(names(), [...known, 'last'])
  assert.deepEqual(readdirSync(folder).sort(), ['config.yaml', 'keys.yaml'])
})

/** Waits without a timer: the work takes some milliseconds. */
async function seen(path: string, ended: Promise<unknown>): Promise<void> {
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  while (!isOver && !existsSync(path)) await new Promise((resolve) => setImmediate(resolve))
}
