import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { it } from 'node:test'
import { NODE_MAIN } from '../support/main-program.ts'

it('a reader that leaves early, as head does, is no error', async () => {
  const child = spawn(process.execPath, [...NODE_MAIN, 'check'], {
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
