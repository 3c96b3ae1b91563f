import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { aRecord } from '../../callers/support/usage-builders.ts'
import { until } from '../../support/until.ts'
import { NOON, readAll, TODAY, usageFolder } from './support/usage-folder.ts'

const record = (id: string, at = NOON) => aRecord({ id, at })
const ids = async (dir: string) => (await readAll(dir)).records.map(({ id }) => id)

describe('a usage file', () => {
  it('is written every second, not for every call', async (t) => {
    const { open, clock, dir, names, text } = usageFolder(t)
    const file = open()
    file.add(record('a'))
    clock.advance(999)
    file.add(record('b'))
    assert.deepEqual(names(), [])
    clock.advance(1)
    await until('the file is there', () => names().length > 0 && text().endsWith('\n'))
    assert.deepEqual(await ids(dir), ['a', 'b'])
    await file.close()
    assert.equal(clock.pending, 0, 'no timer without a line')
  })

  it('is written at the stop, also what comes while a write runs', async (t) => {
    const { open, clock, dir } = usageFolder(t)
    const file = open()
    file.add(record('a'))
    clock.advance(1_000)
    file.add(record('b'))
    await file.close()
    file.add(record('too late'))
    assert.deepEqual(await ids(dir), ['a', 'b'])
    assert.equal(clock.pending, 0)
  })

  it('can be read by its owner alone, and so can the folder', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const { open, dir } = usageFolder(t)
    const file = open()
    file.add(record('a'))
    await file.close()
    assert.equal(statSync(join(dir, TODAY)).mode & 0o777, 0o600)
    assert.equal(statSync(dir).mode & 0o777, 0o700)
    assert.equal(statSync(dirname(dir)).mode & 0o777, 0o700)
  })

  it('is the one of the day on which the call ended, also when the clock goes back', async (t) => {
    const { open, dir, names } = usageFolder(t)
    const midnight = new Date(2026, 10, 29).getTime()
    const file = open()
    for (const [id, at] of [
      ['a', midnight - 1],
      ['b', midnight],
      ['c', midnight - 2],
      ['d', midnight + 1],
    ] as const)
      file.add(record(id, at))
    await file.close()
    assert.deepEqual(names(), [TODAY, 'usage-2026-11-29.jsonl'])
    assert.deepEqual(await ids(dir), ['a', 'c', 'b', 'd'])
  })

  it('is continued by the next run, whose serials begin anew', async (t) => {
    const { open, dir } = usageFolder(t)
    for (const id of ['a', 'b']) {
      const file = open()
      file.add(record(id))
      await file.close()
    }
    assert.deepEqual(await ids(dir), ['a', 'b'])
  })
})

describe('a torn last line', () => {
  it('is skipped, reported, and spoils no later line', async (t) => {
    const { open, dir } = usageFolder(t)
    const first = open()
    first.add(record('a'))
    await first.close()
    appendFileSync(join(dir, TODAY), '{"at":"2026-11-28T12:00:00.0')
    assert.deepEqual((await readAll(dir)).unreadable, [{ file: TODAY, count: 1, lines: [2] }])
    const second = open()
    second.add(record('b'))
    await second.close()
    const { records, unreadable } = await readAll(dir)
    assert.deepEqual(
      records.map(({ id }) => id),
      ['a', 'b'],
    )
    assert.deepEqual(unreadable, [{ file: TODAY, count: 1, lines: [2] }])
  })

  it('that lacks only its newline counts once', async (t) => {
    const { open, dir, text } = usageFolder(t)
    const first = open()
    first.add(record('a'))
    await first.close()
    writeFileSync(join(dir, TODAY), text().trimEnd())
    assert.deepEqual(await ids(dir), ['a'])
    const second = open()
    second.add(record('b'))
    await second.close()
    assert.deepEqual(await readAll(dir).then(({ unreadable }) => unreadable), [])
    assert.deepEqual(await ids(dir), ['a', 'b'])
  })
})

describe('a folder that cannot be written', () => {
  it('is told once, and its lines are written when it can be written again', async (t) => {
    const { open, clock, dir, log } = usageFolder(t)
    mkdirSync(dirname(dir))
    writeFileSync(dir, 'a file where the folder should be')
    const file = open()
    assert.deepEqual(
      log.messages,
      ['usage_dir cannot be written, usage is kept in memory'],
      'told at the start',
    )
    for (const id of ['a', 'b', 'c']) {
      file.add(record(id))
      clock.advance(1_000)
      await until('the write is planned again', () => clock.pending > 0)
    }
    rmSync(dir)
    clock.advance(1_000)
    await until('the folder is there', () => existsSync(join(dir, TODAY)) && log.told.length > 1)
    assert.deepEqual(log.messages.slice(1), ['usage_dir can be written again, no usage line is lost'])
    await file.close()
    assert.deepEqual(await ids(dir), ['a', 'b', 'c'])
  })

  it('that was removed is made again, without a word', async (t) => {
    const { open, clock, dir, log, names, text } = usageFolder(t)
    const file = open()
    file.add(record('a'))
    clock.advance(1_000)
    await until('the first line is written', () => names().length > 0 && text() !== '')
    rmSync(dirname(dir), { recursive: true })
    file.add(record('b'))
    await file.close()
    assert.deepEqual(await ids(dir), ['b'])
    assert.deepEqual(log.told, [])
  })

  it('costs 4 MiB of memory: the oldest lines are dropped and counted', async (t) => {
    const { open, clock, dir, log } = usageFolder(t)
    mkdirSync(dirname(dir))
    writeFileSync(dir, '')
    const file = open()
    const calls = 30_000
    for (let call = 0; call < calls; call++) file.add(record(`${call}`))
    rmSync(dir)
    clock.advance(1_000)
    await until('the lines are written', () => log.told.length > 1)
    await file.close()
    const kept = await ids(dir)
    const bytes = statSync(join(dir, TODAY)).size
    assert.ok(bytes <= 4 * 2 ** 20 && bytes > 3.7 * 2 ** 20, `${bytes}`)
    assert.equal(kept.at(-1), `${calls - 1}`)
    assert.equal(kept[0], `${calls - kept.length}`)
    assert.deepEqual(log.told[1], {
      message: 'usage lines are lost, because usage_dir took none for too long',
      fields: { usage_dir: dir, lines: calls - kept.length },
    })
  })

  it('that is too slow costs no more, and the log says how many lines are lost', async (t) => {
    const { open, clock, dir, log } = usageFolder(t)
    const file = open()
    file.add(record('first'))
    clock.advance(1_000)
    // The write has begun and takes no line before this stretch of work is over.
    for (let call = 0; call < 30_000; call++) file.add(record(`${call}`))
    await file.close()
    const kept = await ids(dir)
    assert.equal(kept.at(-1), '29999')
    assert.deepEqual(log.told, [
      {
        message: 'usage lines are lost, because usage_dir took none for too long',
        fields: { usage_dir: dir, lines: 30_001 - kept.length },
      },
    ])
  })

  it('at the stop: the log says how many lines are lost', async (t) => {
    const { open, dir, log, clock } = usageFolder(t)
    mkdirSync(dirname(dir))
    writeFileSync(dir, '')
    const file = open()
    file.add(record('a'))
    file.add(record('b'))
    await file.close()
    assert.deepEqual(log.told.at(-1), {
      message: 'usage lines could not be written and are lost',
      fields: { usage_dir: dir, lines: 2 },
    })
    assert.equal(clock.pending, 0)
  })
})
