import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { RotatingFile } from '../../../src/runtimes/process/rotating-file.ts'

function aFolder(t: { after(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'guard-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

async function written(path: string): Promise<string> {
  const file = new RotatingFile(path)
  await file.write(Buffer.from('line\n'), 0)
  file.close()
  return readFileSync(path, 'utf8')
}

it('makes every folder above the log file that is missing', async (t) => {
  const folder = aFolder(t)
  assert.equal(await written(join(folder, 'a', 'b', 'c', 'x.log')), 'line\n')
  mkdirSync(join(folder, 'there'))
  assert.equal(await written(join(folder, 'there', 'x.log')), 'line\n')
  assert.equal(await written(join(folder, 'x.log')), 'line\n')
})

it('says at once where no folder can be made', { skip: process.platform !== 'linux' }, () => {
  for (const path of ['/proc/nowhere/x.log', '/proc/1/no/where/x.log', '/proc/self/x.log'])
    assert.throws(() => new RotatingFile(path), /ENOENT|EACCES|EPERM/, path)
})

it('says at once that a file stands where a folder should', (t) => {
  const folder = aFolder(t)
  writeFileSync(join(folder, 'file'), '')
  for (const path of [join(folder, 'file', 'x.log'), join(folder, 'file', 'deep', 'x.log')])
    assert.throws(() => new RotatingFile(path), /EEXIST|ENOTDIR/, path)
})

it('does not wait for somebody to read a named pipe', { skip: process.platform === 'win32' }, (t) => {
  const path = join(aFolder(t), 'pipe')
  execFileSync('mkfifo', [path])
  assert.throws(() => new RotatingFile(path), /ENXIO/)
})
