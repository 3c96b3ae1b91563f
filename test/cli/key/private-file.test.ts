import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { changeFile, isOpenToOthers } from '../../../src/cli/key/private-file.ts'
import { foregroundClock } from '../../../src/clock.ts'
import { ManualClock } from '../../support/manual-clock.ts'

let folder = ''
let path = ''
let lock = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-private-'))
  path = join(folder, 'keys.yaml')
  lock = join(folder, '.keys.yaml.lock')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const append = (line: string) => (text: string | undefined) => Promise.resolve(`${text ?? ''}${line}\n`)
const change = (line: string) => changeFile(path, foregroundClock, append(line))
const modeOf = (file: string) => statSync(file).mode & 0o777

/** The number of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

describe('changeFile', () => {
  it('makes a file for its owner alone, and leaves nothing else', async () => {
    const written = await change('a')
    assert.deepEqual([written.isNew, written.wasOpen], [true, false])
    assert.equal(readFileSync(path, 'utf8'), 'a\n')
    assert.equal(modeOf(path), 0o600)
    assert.deepEqual(readdirSync(folder), ['keys.yaml'])
  })

  it('takes the rights of others away, and tells so', async () => {
    writeFileSync(path, 'a\n')
    chmodSync(path, 0o640)
    assert.ok(isOpenToOthers(path))
    const written = await change('b')
    assert.deepEqual([written.isNew, written.wasOpen], [false, true])
    assert.equal(readFileSync(path, 'utf8'), 'a\nb\n')
    assert.equal(modeOf(path), 0o600)
    assert.ok(!isOpenToOthers(path))
  })

  it('keeps the owner', { skip: process.getuid?.() !== 0 && 'only root can give a file away' }, async () => {
    writeFileSync(path, 'a\n')
    const { chownSync } = await import('node:fs')
    chownSync(path, 12_345, 12_346)
    await change('b')
    assert.deepEqual([statSync(path).uid, statSync(path).gid], [12_345, 12_346])
  })

  it('changes the file behind links, also one that is not there yet, and keeps the links', async () => {
    mkdirSync(join(folder, 'real'))
    symlinkSync(join('real', 'one.yaml'), join(folder, 'two.yaml'))
    symlinkSync('two.yaml', path)
    await change('a')
    await change('b')
    assert.equal(readFileSync(join(folder, 'real', 'one.yaml'), 'utf8'), 'a\nb\n')
    assert.equal(readlinkSync(path), 'two.yaml')
  })

  it('leaves the file and its folder as they are when the change is refused', async () => {
    writeFileSync(path, 'a\n')
    chmodSync(path, 0o644)
    await assert.rejects(
      changeFile(path, foregroundClock, () => Promise.reject(new Error('no'))),
      /no/,
    )
    assert.equal(readFileSync(path, 'utf8'), 'a\n')
    assert.equal(modeOf(path), 0o644)
    assert.deepEqual(readdirSync(folder), ['keys.yaml'])
  })

  it('refuses bytes that are no UTF-8, and keeps a byte order mark', async () => {
    writeFileSync(path, Buffer.from([0x23, 0xff, 0x0a]))
    await assert.rejects(change('b'), /not UTF-8/)
    assert.deepEqual(readFileSync(path), Buffer.from([0x23, 0xff, 0x0a]))
    writeFileSync(path, '\ufeff# a\n')
    await change('b')
    assert.equal(readFileSync(path, 'utf8'), '\ufeff# a\nb\n')
  })

  it('loses no change of many at the same moment', async () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`)
    await Promise.all(lines.map(change))
    assert.deepEqual(readFileSync(path, 'utf8').trimEnd().split('\n').sort(), lines.sort())
  })

  it('takes over the lock of a process that is gone, and removes what that process left', async () => {
    const dead = `${deadPid()} ${hostname()}\n`
    writeFileSync(lock, dead)
    writeFileSync(join(folder, '.keys.yaml.0123456789ab.tmp'), 'half of a fi')
    // A command that was killed while it removed a lock.
    const { ino, mtimeNs } = statSync(lock, { bigint: true })
    writeFileSync(`${lock}.${ino}-${mtimeNs}`, dead)
    await Promise.all(['a', 'b', 'c'].map(change))
    assert.deepEqual(readFileSync(path, 'utf8').trimEnd().split('\n').sort(), ['a', 'b', 'c'])
    assert.deepEqual(readdirSync(folder), ['keys.yaml'])
  })

  it('takes over a lock of another machine after half a minute', async () => {
    writeFileSync(lock, '1 another-machine\n')
    const old = new Date(Date.now() - 31_000)
    utimesSync(lock, old, old)
    await change('a')
    assert.ok(!existsSync(lock))
  })

  it('takes over an empty lock after a second: its holder was killed before it wrote its name', async () => {
    writeFileSync(lock, '')
    const old = new Date(Date.now() - 2_000)
    utimesSync(lock, old, old)
    await change('a')
    assert.ok(!existsSync(lock))
  })

  it('gives up after ten seconds when the holder lives, and leaves the lock', async () => {
    writeFileSync(lock, `${process.pid} ${hostname()}\n`)
    const clock = new ManualClock()
    const refused = assert.rejects(changeFile(path, clock, append('a')), /\.keys\.yaml\.lock exists/)
    for (let waited = 0; waited <= 10_000; waited += 20) {
      clock.advance(20)
      await Promise.resolve()
    }
    await refused
    assert.ok(existsSync(lock))
    assert.ok(!existsSync(path))
  })

  it('puts nothing in place when the lock was lost meanwhile', async () => {
    writeFileSync(path, 'a\n')
    const late = changeFile(path, foregroundClock, async (text) => {
      rmSync(lock)
      writeFileSync(lock, `${process.pid} ${hostname()}\n`)
      return `${text}b\n`
    })
    await assert.rejects(late, /was taken over/)
    assert.equal(readFileSync(path, 'utf8'), 'a\n')
    // The lock of the other command stays.
    assert.deepEqual(readdirSync(folder).sort(), ['.keys.yaml.lock', 'keys.yaml'])
  })
})
