import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { it } from 'node:test'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

it('a reader that leaves early, as head does, is no error', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'check'], {
    env: { PATH: process.env.PATH },
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  child.stdout.destroy()
  const [code] = await once(child, 'exit')
  assert.equal(stderr, '')
  assert.equal(code, 0)
})
