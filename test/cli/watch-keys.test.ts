import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { KeysWatch } from '../../src/cli/watch-keys.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

describe('KeysWatch', () => {
  let folder = ''
  let clock = new ManualClock()
  let changes = 0
  let named: string | undefined
  let broken = false
  let watch: KeysWatch

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guard-keys-watch-'))
    for (const name of ['one', 'two']) mkdirSync(join(folder, name))
    clock = new ManualClock()
    changes = 0
    named = undefined
    broken = false
    watch = new KeysWatch({
      clock,
      changed: () => changes++,
      failed: (path, error) => assert.fail(`${path}: ${error}`),
      keysFile: () => {
        if (broken) throw new Error('the configuration is wrong')
        return named
      },
    })
  })
  afterEach(() => {
    watch.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const at = (name: string) => join(folder, name, 'keys.yaml')
  /** Puts a new file in place, as the commands do. */
  const write = (path: string) => {
    writeFileSync(`${path}.tmp`, 'a')
    renameSync(`${path}.tmp`, path)
  }
  const noticed = async () => {
    await until('noticed', () => clock.pending > 0)
    clock.advance(250)
  }

  it('tells of the file that the configuration names, also when it is new', async () => {
    named = at('one')
    watch.follow()
    write(at('one'))
    await noticed()
    assert.equal(changes, 1)
  })

  it('watches another file instead when the configuration names one', async () => {
    named = at('one')
    watch.follow()
    named = at('two')
    watch.follow()
    write(at('one'))
    // Were the first file still watched, its event would come before this one.
    write(at('two'))
    await noticed()
    assert.equal(changes, 1)
    named = undefined
    watch.follow()
    assert.equal(clock.pending, 0)
  })

  it('keeps the watch while the configuration is wrong', async () => {
    named = at('one')
    watch.follow()
    broken = true
    watch.follow()
    write(at('one'))
    await noticed()
    assert.equal(changes, 1)
  })

  it('tells of a new file behind a link', async () => {
    write(at('two'))
    symlinkSync(join('..', 'two', 'keys.yaml'), at('one'))
    named = at('one')
    watch.follow()
    write(at('two'))
    await noticed()
    assert.equal(changes, 1)
  })

  it('watches nothing without a keys_file, and nothing once it is stopped', () => {
    watch.follow()
    named = at('one')
    watch.follow()
    watch.stop()
    write(at('one'))
    assert.equal(clock.pending, 0)
  })
})
