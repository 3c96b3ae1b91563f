import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import type { TestContext } from 'node:test'
import { NODE_MAIN } from '../../support/main-program.ts'

export interface Program {
  readonly process: ChildProcess
  readonly output: { stdout: string; stderr: string }
  /** The exit code, once both streams are at their end. */
  readonly ended: Promise<number | null>
}

/** The command line as a process of its own, where no config.yaml is, with no setting from outside. */
export function program(t: TestContext, args: readonly string[], env: Record<string, string> = {}): Program {
  const { PATH = '', SystemRoot = '' } = process.env
  const child = spawn(process.execPath, [...NODE_MAIN, ...args], {
    cwd: tmpdir(),
    env: { PATH, SystemRoot, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text
  })
  return { process: child, output, ended: once(child, 'close').then(([code]) => code) }
}

/** The same, run to its end. */
export async function ran(t: TestContext, args: readonly string[], env: Record<string, string> = {}) {
  const { output, ended } = program(t, args, env)
  const code = await ended
  return { code, ...output }
}

/** An address on this machine where nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
