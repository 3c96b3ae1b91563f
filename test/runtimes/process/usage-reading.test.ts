import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Budgets } from '../../../src/callers/budgets.ts'
import { type UsageRecord, usageLine } from '../../../src/callers/usage-lines.ts'
import { filesForBudgets } from '../../../src/runtimes/process/usage-reading.ts'
import { restoreBudgets } from '../../../src/runtimes/process/usage-restore.ts'
import { aKey, aRecord } from '../../callers/support/usage-builders.ts'
import { NOON, readAll, TODAY, usageFolder } from './support/usage-folder.ts'

const line = (serial: number, over: Partial<UsageRecord> = {}) =>
  usageLine(aRecord({ at: NOON, ...over }), 'r', serial)

function folderWith(t: { after(fn: () => void): void }, files: Readonly<Record<string, string>>) {
  const folder = usageFolder(t)
  mkdirSync(folder.dir, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.dir, name), text)
  return folder
}

describe('reading usage', () => {
  it('finds every line wherever a chunk ends, also within a letter', async (t) => {
    const { dir } = folderWith(t, { [TODAY]: '' })
    // Lines of many lengths, together four chunks of 256 KiB.
    const users = Array.from({ length: 3_000 }, (_, index) => 'ü€😀'.repeat(index % 60))
    appendFileSync(join(dir, TODAY), users.map((user, index) => line(index + 1, { user })).join(''))
    const { records, unreadable } = await readAll(dir)
    assert.deepEqual(unreadable, [])
    assert.deepEqual(
      records.map(({ user }) => user),
      users,
    )
  })

  it('skips lines that are not of our making, and names the first ten', async (t) => {
    const strange = ['', '{}', 'PK\u0003\u0004', `${'\u0000'.repeat(4_096)}${line(1).trim()}`, '[]'].join(
      '\n',
    )
    const { dir } = folderWith(t, {
      [TODAY]: `${line(2)}${strange}\n${line(3)}${'x\n'.repeat(50)}${line(4)}`,
    })
    const { records, unreadable } = await readAll(dir)
    assert.equal(records.length, 3)
    assert.deepEqual(unreadable, [{ file: TODAY, count: 54, lines: [3, 4, 5, 6, 8, 9, 10, 11, 12, 13] }])
  })

  it('counts a file of many megabytes without a newline as one line, and goes on', async (t) => {
    const { dir } = folderWith(t, { [TODAY]: `${line(1)}${'{"a":'.repeat(2_000_000)}\n${line(2)}` })
    const { records, unreadable } = await readAll(dir)
    assert.equal(records.length, 2)
    assert.deepEqual(unreadable, [{ file: TODAY, count: 1, lines: [2] }])
  })

  it('counts a line once that stands in a file twice', async (t) => {
    const { dir } = folderWith(t, { [TODAY]: line(1) + line(2) + line(3) + line(2) + line(3) + line(4) })
    assert.equal((await readAll(dir)).records.length, 4)
  })

  it('reads nothing but the files of days', async (t) => {
    const names = [
      'usage-2026-11-28.jsonl.gz',
      'usage-2026-11.jsonl',
      'usage.jsonl',
      'xusage-2026-11-28.jsonl',
    ]
    const { dir } = folderWith(t, Object.fromEntries(names.map((name) => [name, line(1)])))
    assert.deepEqual(await readAll(dir), { records: [], unreadable: [] })
    assert.deepEqual(await readAll(join(dir, 'nowhere')), { records: [], unreadable: [] })
  })
})

describe('the files for budgets', () => {
  const daysFor = async (dir: string, at: Date) =>
    (await filesForBudgets(dir, at.getTime())).map(({ day }) => day.slice(5))
  const files = ['2026-09-30', '2026-10-05', '2026-10-31', '2026-11-01', '2026-11-28', '2026-12-02']
  const named = (days: readonly string[]) => Object.fromEntries(days.map((day) => [`usage-${day}.jsonl`, '']))

  it('are those of the month with their neighbours', async (t) => {
    const { dir } = folderWith(t, named(files.slice(0, 5)))
    assert.deepEqual(await daysFor(dir, new Date(2026, 10, 28)), ['10-31', '11-01', '11-28'])
  })

  it('are also those of the newest month, for a clock that starts in 1970', async (t) => {
    const { dir } = folderWith(t, named(files))
    assert.deepEqual(await daysFor(dir, new Date(1970, 0, 2)), ['11-28', '12-02'])
    assert.deepEqual(await daysFor(dir, new Date(2026, 9, 5)), [
      '09-30',
      '10-05',
      '10-31',
      '11-01',
      '11-28',
      '12-02',
    ])
  })
})

describe('restoring budgets', () => {
  it('tells the lines and the files that cannot be read, and takes all others', async (t) => {
    const { dir, log, options } = folderWith(t, {
      'usage-2026-11-01.jsonl': line(1, { at: new Date(2026, 10, 1).getTime() }),
      [TODAY]: `${line(1)}torn`,
    })
    mkdirSync(join(dir, 'usage-2026-11-27.jsonl'))
    const budgets = new Budgets()
    await restoreBudgets(budgets, options)
    const { day, month } = budgets.used(aKey(), NOON)
    assert.deepEqual([day.tokens, month.tokens], [30, 60])
    assert.deepEqual(log.messages, [
      'a usage file cannot be read, budgets lack its calls',
      'a usage file has lines that cannot be read, they are not counted',
    ])
    assert.deepEqual(log.told[1]?.fields, { file: join(dir, TODAY), count: 1, lines: [2] })
  })

  it('waits for no pipe, device or socket, and names each of them', async (t) => {
    const { dir, log, options } = folderWith(t, { [TODAY]: line(1) })
    const strange = [1, 2, 3].map((day) => join(dir, `usage-2026-11-0${day}.jsonl`))
    const [pipe = '', device = '', socket = ''] = strange
    execFileSync('mkfifo', [pipe])
    symlinkSync('/dev/zero', device)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    t.after(() => server.close())
    const budgets = new Budgets()
    await restoreBudgets(budgets, options)
    assert.equal(budgets.used(aKey(), NOON).day.tokens, 30)
    assert.deepEqual(
      log.told.map(({ fields }) => fields),
      strange.map((file) => ({ file, why: 'not a regular file' })),
    )
  })

  it('begins at zero without a folder, and says so where the folder is a file', async (t) => {
    const { log, options } = folderWith(t, { [TODAY]: '' })
    await restoreBudgets(new Budgets(), { ...options, dir: join(options.dir, 'nowhere') })
    assert.deepEqual(log.told, [])
    await restoreBudgets(new Budgets(), { ...options, dir: join(options.dir, TODAY) })
    assert.deepEqual(log.messages, ['usage_dir cannot be read, budgets begin at zero'])
  })
})
