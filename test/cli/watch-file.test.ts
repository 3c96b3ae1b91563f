import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { afterQuiet, watchFile } from '../../src/cli/watch-file.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

describe('afterQuiet', () => {
  it('runs once, a quarter of a second after the last of many touches', () => {
    const clock = new ManualClock()
    let runs = 0
    const { touch } = afterQuiet(clock, () => runs++)
    for (let i = 0; i < 10; i++) {
      touch()
      clock.advance(249)
    }
    assert.equal(runs, 0)
    clock.advance(1)
    assert.equal(runs, 1)
    clock.advance(10_000)
    assert.equal(runs, 1)
    touch()
    clock.advance(250)
    assert.equal(runs, 2)
  })

  it('runs no more once it is cancelled', () => {
    const clock = new ManualClock()
    const { touch, cancel } = afterQuiet(clock, () => assert.fail())
    touch()
    cancel()
    assert.equal(clock.pending, 0)
  })
})

describe('watchFile', () => {
  let folder = ''
  let path = ''
  let clock = new ManualClock()
  let changes = 0
  let stop = () => {}
  const failures: unknown[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guard-watch-'))
    path = join(folder, 'config.yaml')
    clock = new ManualClock()
    changes = 0
    failures.length = 0
  })
  afterEach(async () => {
    stop()
    await rm(folder, { recursive: true, force: true })
  })
  const watch = () => {
    stop = watchFile({
      path,
      clock,
      changed: () => changes++,
      failed: (error) => failures.push(error),
    })
  }
  /** What was done to the folder has been noticed: the clock stands, so it waits to be told. */
  const noticed = () => until('noticed', () => clock.pending > 0)
  const settle = () => clock.advance(250)

  for (const [how, save] of [
    ['written in place', () => writeFile(path, 'b')],
    [
      'emptied and then written',
      async () => {
        await truncate(path)
        await writeFile(path, 'b')
      },
    ],
    [
      'replaced by another',
      async () => {
        await writeFile(`${path}.tmp`, 'b')
        await rename(`${path}.tmp`, path)
      },
    ],
    [
      'moved away and made anew',
      async () => {
        await rename(path, `${path}~`)
        await writeFile(path, 'b')
      },
    ],
    ['taken away', () => unlink(path)],
  ] as const) {
    it(`tells once of a file that is ${how}, and not before it rests`, async () => {
      await writeFile(path, 'a')
      watch()
      await save()
      await noticed()
      clock.advance(249)
      assert.equal(changes, 0)
      // Whatever of it comes late begins the wait again.
      await until('told', () => {
        settle()
        return changes > 0
      })
      assert.equal(changes, 1)
    })
  }

  it('tells of a file that was not there', async () => {
    watch()
    await writeFile(path, 'a')
    await noticed()
    settle()
    assert.equal(changes, 1)
  })

  it('tells of a folder whose files are swapped by a link, as Kubernetes does', async () => {
    for (const version of ['..1', '..2']) {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'config.yaml'), version)
    }
    await symlink('..1', join(folder, '..data'))
    await symlink('..data/config.yaml', path)
    watch()
    await symlink('..2', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await noticed()
    settle()
    assert.equal(changes, 1)
  })

  it('says nothing of other files beside it', async () => {
    await writeFile(path, 'a')
    watch()
    await writeFile(join(folder, 'proxy.log'), 'line')
    await writeFile(join(folder, 'config.yaml.bak'), 'a')
    // Events come in order: once this one is there, the two before would be too.
    await writeFile(path, 'b')
    await noticed()
    assert.equal(clock.pending, 1)
    settle()
    assert.equal(changes, 1)
  })

  it('says what is wrong when there is no such folder', () => {
    path = join(folder, 'nowhere', 'config.yaml')
    watch()
    assert.match(String(failures[0]), /ENOENT/)
  })
})
