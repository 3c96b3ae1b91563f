import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Budgets } from '../../../src/callers/budgets.ts'
import { systemClock } from '../../../src/clock.ts'
import { restoreBudgets } from '../../../src/runtimes/process/usage-restore.ts'
import { aKey } from '../../callers/support/usage-builders.ts'
import { readAll, ToldLog, usageFolder } from './support/usage-folder.ts'

const WRITER = fileURLToPath(import.meta.resolve('./support/usage-writer.ts'))
const TSX = process.versions.bun === undefined ? ['--import', 'tsx'] : []

/** A process that charges calls, in a shell that can set limits. `onLine` hears each line of its stdout. */
function start(
  t: TestContext,
  args: readonly string[],
  onLine: (line: string) => void,
  limit = '',
): ChildProcess {
  const command = [process.execPath, ...TSX, WRITER, ...args]
  const child = spawn('/bin/sh', ['-c', `${limit} exec "$@"`, 'sh', ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  if (child.stdout) createInterface(child.stdout).on('line', onLine)
  return child
}

const notOnWindows = { skip: process.platform === 'win32' }

it('kill -9 loses at most the last second, and counts no call twice', notOnWindows, async (t) => {
  const { dir, open } = usageFolder(t)
  /** When each call was charged, on our clock: a little late. */
  const charged: number[] = []
  const child = start(t, [dir, '1000', '4'], (line) => {
    charged.push(performance.now())
    if (line === 'call 600') child.kill('SIGKILL')
  })
  const [code, signal] = await once(child, 'exit')
  const killedAt = performance.now()
  assert.deepEqual([code, signal], [null, 'SIGKILL'])

  const { records } = await readAll(dir)
  const calls = records.map(({ id }) => Number(id.split(' ')[1]))
  assert.deepEqual(
    calls,
    Array.from(calls, (_, index) => index + 1),
    'no call is missing before the last, none is there twice',
  )
  // A second, and what a busy machine takes to write.
  const old = charged.filter((at) => at < killedAt - 1_500).length
  assert.ok(old > 0, 'the calls went on for more than a second')
  assert.ok(calls.length >= old, `${calls.length} of ${old} lines`)
  assert.ok(calls.length < 1_000)

  const budgets = new Budgets()
  const log = new ToldLog()
  await restoreBudgets(budgets, { dir, clock: systemClock, log })
  const { month } = budgets.used(aKey(), Date.now())
  // A sum of fractions is not exact.
  assert.equal(
    Math.round(month.slotSeconds * 8_000),
    calls.reduce((sum, call) => sum + call, 0),
  )
  assert.equal(
    month.tokens,
    calls.reduce((sum, call) => sum + call + 1, 0),
  )

  const next = open()
  await next.close()
  assert.equal((await readAll(dir)).records.length, calls.length)
})

it('two processes share a folder: every line is whole', notOnWindows, async (t) => {
  const { dir } = usageFolder(t)
  const run = async () => {
    const child = start(t, [dir, '1500', '1'], (line) => line === 'call 1500' && child.stdin?.end())
    assert.deepEqual(await once(child, 'exit'), [0, null])
  }
  await Promise.all([run(), run()])
  const { records, unreadable } = await readAll(dir)
  assert.deepEqual(unreadable, [])
  assert.equal(records.length, 3_000)
  assert.equal(new Set(records.map(({ id }) => id)).size, 3_000)
})

it(
  'a disk that is full in the middle of a line loses no call and counts none twice',
  notOnWindows,
  async (t) => {
    const { dir, names, text } = usageFolder(t)
    let before = ''
    let torn = ''
    const told: string[] = []
    // A file may have 10 blocks of 512 bytes, which are some 25 lines.
    const child = start(t, [dir, '40', '1'], onLine, 'ulimit -f 10 &&')
    function onLine(line: string): void {
      if (!line.startsWith('call ')) told.push(line)
      if (line === 'usage_dir can be written again, no usage line is lost') child.stdin?.end()
      if (line !== 'usage_dir cannot be written, usage is kept in memory') return
      // Room is made: the whole lines go, and the torn line stays.
      const [name = ''] = names()
      const end = text(name).lastIndexOf('\n') + 1
      before = text(name).slice(0, end)
      torn = text(name).slice(end)
      writeFileSync(join(dir, name), torn)
    }
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.equal(told.length, 2)
    assert.ok(before !== '' && torn !== '', 'a line was torn')

    const after = await readAll(dir)
    assert.deepEqual(
      after.unreadable.map(({ lines }) => lines),
      [[1]],
      'the torn line',
    )
    const [name = ''] = names()
    writeFileSync(join(dir, name), before + text(name))
    const { records } = await readAll(dir)
    const calls = records.map(({ id }) => Number(id.split(' ')[1]))
    assert.deepEqual(
      calls,
      Array.from({ length: 40 }, (_, index) => index + 1),
    )
  },
)
