import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { usageLine } from '../../src/callers/usage-lines.ts'
import { dayOf } from '../../src/callers/windows.ts'
import { aRecord } from '../callers/support/usage-builders.ts'
import { ran } from './support/program.ts'

const HOUR = 3_600_000

/** A folder with a call of each caller, so many hours ago. */
function folderWith(t: TestContext, callers: Readonly<Record<string, number>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'guard-usage-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  for (const [index, [caller, hours]] of Object.entries(callers).entries()) {
    const at = Date.now() - hours * HOUR
    const line = usageLine(aRecord({ caller, at }), 'r', index + 1)
    writeFileSync(join(dir, `usage-${dayOf(at).id}.jsonl`), line, { flag: 'a' })
  }
  return dir
}

const callersIn = (stdout: string) => JSON.parse(stdout).rows.map(({ caller }: { caller: string }) => caller)

describe('usage', () => {
  it('prints a table of the callers', async (t) => {
    const { code, stdout, stderr } = await ran(t, ['usage', '--dir', folderWith(t, { alice: 1, bob: 100 })])
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^CALLER .*\nalice .*\nbob .*\ntotal +2 +2\.5 +20 +40\n$/)
  })

  it('counts the calls between --since and --until', async (t) => {
    const dir = folderWith(t, { now: 0.001, yesterday: 25, older: 24 * 8, oldest: 24 * 40 })
    const json = async (...flags: string[]) =>
      callersIn((await ran(t, ['usage', '--json', '--dir', dir, ...flags])).stdout)
    assert.deepEqual(await json('--since', '24h'), ['now'])
    assert.deepEqual(await json('--since=7d'), ['now', 'yesterday'])
    assert.deepEqual(await json('--since', '30d', '--until', '24h'), ['older', 'yesterday'])
    const day = dayOf(Date.now() - 24 * 8 * HOUR).id
    assert.deepEqual(await json('--since', day, '--until', day), ['older'])
  })

  it('names the lines that it does not count', async (t) => {
    const dir = folderWith(t, { alice: 1 })
    writeFileSync(join(dir, 'usage-2026-01-01.jsonl'), `torn\n${'x\n'.repeat(20)}`)
    const { code, stdout, stderr } = await ran(t, ['usage', '--json', '--dir', dir])
    assert.equal(code, 0)
    assert.equal(JSON.parse(stdout).unreadable_lines, 21)
    assert.equal(
      stderr,
      'usage-2026-01-01.jsonl: not counted, because they cannot be read: 21 lines, the first are 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n',
    )
  })

  it('says so where there are no files, and ends with 0', async (t) => {
    const dir = folderWith(t, {})
    const plain = await ran(t, ['usage', '--dir', dir])
    assert.deepEqual(plain, { code: 0, stdout: '', stderr: `There are no usage files in ${dir}.\n` })
    const json = await ran(t, ['usage', '--json', '--dir', join(dir, 'nowhere')])
    assert.deepEqual([json.code, JSON.parse(json.stdout).total.calls], [0, 0])
  })

  it('leaves pipes, devices and folders out, and names them', async (t) => {
    const dir = folderWith(t, { alice: 1 })
    execFileSync('mkfifo', [join(dir, 'usage-2026-01-01.jsonl')])
    symlinkSync('/dev/zero', join(dir, 'usage-2026-01-02.jsonl'))
    mkdirSync(join(dir, 'usage-2026-01-03.jsonl'))
    const { code, stdout, stderr } = await ran(t, ['usage', '--json', '--dir', dir])
    assert.equal(code, 0)
    assert.deepEqual(callersIn(stdout), ['alice'])
    const left = (day: number) =>
      `usage-2026-01-0${day}.jsonl: left out, because this is not a regular file\n`
    assert.equal(stderr, left(1) + left(2) + left(3))
  })

  it('ends with 1 where a file cannot be read', async (t) => {
    const dir = folderWith(t, {})
    symlinkSync('usage-2026-11-28.jsonl', join(dir, 'usage-2026-11-28.jsonl'))
    const { code, stdout, stderr } = await ran(t, ['usage', '--dir', dir])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^usage cannot be read: ELOOP.*\n$/)
  })

  for (const [flags, sentence] of [
    [['--by', 'address'], 'flag --by: "address" must be one of caller, user, model, day'],
    [
      ['--since', 'monday'],
      'flag --since: "monday" must be a time such as 24h or 7d, or a date such as 2026-11-01',
    ],
    [
      ['--until', '2026-02-30'],
      'flag --until: "2026-02-30" must be a time such as 24h or 7d, or a date such as 2026-11-01',
    ],
    [['--since', '1h', '--until', '2h'], '--since must be before --until'],
    [['--csv', '--json'], '--csv and --json exclude each other'],
    [[], 'usage_dir is not set; set usage_dir, or name the folder with --dir'],
  ] as const)
    it(`refuses ${flags.join(' ') || 'to guess the folder'}`, async (t) => {
      assert.deepEqual(await ran(t, ['usage', ...flags]), { code: 2, stdout: '', stderr: `${sentence}\n` })
    })
})
