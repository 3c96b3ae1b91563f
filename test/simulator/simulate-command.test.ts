import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { it, type TestContext } from 'node:test'

const SCRIPT = `
import { runCommand } from 'citty'
import { simulateCommand } from './src/cli/simulate.ts'
const { result } = await runCommand(simulateCommand, { rawArgs: process.argv.slice(1) })
process.exitCode = result
`

function simulate(t: TestContext, ...flags: string[]) {
  const child = spawn(process.execPath, [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    SCRIPT,
    '--',
    ...flags,
  ])
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function allOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

it('prints where it listens, answers there and stops at a signal', async (t) => {
  const child = simulate(t, '--port', '0', '--any-model', '--load-time', '0.01', '--token-rate', '1000')
  const [line] = await once(child.stdout, 'data')
  const url = String(line).trim()
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const response = await fetch(`${url}/api/generate`, {
    method: 'POST',
    body: JSON.stringify({ model: 'whatever', prompt: 'x', stream: false, options: { num_predict: 2 } }),
  })
  assert.equal((await response.json()).eval_count, 2)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

it('says everything that is wrong with its flags and ends with 2', async (t) => {
  const child = simulate(t, '--port', '70000', '--parallel', '0', '--token-rate', 'fast', '--models', 'a b')
  const [text, [code]] = await Promise.all([allOf(child.stderr), once(child, 'exit')])
  assert.equal(code, 2)
  assert.equal(
    text,
    'flag --port: "70000" must be 0 to 65535\n' +
      'flag --parallel: "0" must be 1 or more\n' +
      'flag --token-rate: "fast" must be a number\n' +
      'flag --models: "a b" is not a model name\n',
  )
})
