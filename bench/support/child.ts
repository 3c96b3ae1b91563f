import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'

/** Where a process runs: the load and the upstream share one core, the proxy under test has the other. */
export const LOAD_CORE = 0
export const PROXY_CORE = 1

export interface ChildOptions {
  readonly core?: number
  readonly env?: Readonly<Record<string, string>>
  /** File that gets its stdout when nothing is to be read from it. */
  readonly stdoutFile?: string
  /** What it writes, on stdout or stderr, once it is ready. The first group of the match is what `start` gives back. */
  readonly ready: RegExp
  /** With a channel for messages. */
  readonly ipc?: boolean
}

export interface Child {
  /** First group of the `ready` pattern: a URL as a rule. */
  readonly said: string
  readonly pid: number
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** One that answers HTTP. */
export interface Server extends Child {
  readonly url: string
}

const START_MS = 20_000

/** None of them outlives the bench, however it ends. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Starts a program on a core; rejects with what it wrote when it ends or stays silent before it is ready. */
export async function start(command: readonly string[], options: ChildOptions): Promise<Child> {
  const [program = '', ...args] = options.core === undefined ? command : pinned(command, options.core)
  const out = options.stdoutFile === undefined ? 'pipe' : openSync(options.stdoutFile, 'w')
  const child = spawn(program, args, {
    stdio: ['ignore', out, 'pipe', ...(options.ipc ? (['ipc'] as const) : [])],
    env: { ...process.env, ...options.env },
  })
  living.add(child)
  child.on('exit', () => living.delete(child))
  const said = await untilReady(child, options.ready, command.join(' '))
  return {
    said,
    pid: child.pid ?? 0,
    process: child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

function pinned(command: readonly string[], core: number): string[] {
  return ['taskset', '-c', String(core), ...command]
}

function untilReady(child: ChildProcess, ready: RegExp, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let written = ''
    const fail = (why: string) => reject(new Error(`${command}: ${why}\n${written}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`not ready after ${START_MS} ms`)
    }, START_MS)
    const hear = (bytes: Buffer) => {
      if (written.length < 65_536) written += bytes
      const found = ready.exec(written)
      if (!found) return
      clearTimeout(timer)
      resolve(found[1] ?? found[0])
    }
    // Both stay listened to, so that a full pipe never stops the program under test.
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.on('error', (error) => fail(error.message))
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      fail(`ended with ${code ?? signal}`)
    })
  })
}

/** Runs a program to its end and gives back its stdout; rejects when it fails. */
export async function capture(command: readonly string[], core?: number): Promise<string> {
  const [program = '', ...args] = core === undefined ? command : pinned(command, core)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (bytes) => {
    out += bytes
  })
  child.stderr.on('data', (bytes) => {
    err += bytes
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}\n${err}`)
  return out
}

/** Moves a running process with all its threads onto a core. */
export function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
}
