import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { until } from '../support/until.ts'

/** Where Debian has servers, which is on nobody's PATH but root's. */
export const env = { PATH: [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter) }

/** A real server that stands in front of the proxy, with its files in a folder of its own. */
export class Front {
  readonly port: number
  readonly #process: ChildProcess
  readonly #folder: string

  private constructor(port: number, process: ChildProcess, folder: string) {
    this.port = port
    this.#process = process
    this.#folder = folder
  }

  /**
   * Starts a program, which has to stay in the foreground. `config`: its configuration, told where to listen and which
   * folder to write to; `args`: its arguments, told the file.
   */
  static async start(
    program: string,
    config: (port: number, folder: string) => string,
    args: (file: string) => readonly string[],
  ): Promise<Front> {
    const folder = await mkdtemp(join(tmpdir(), 'guard-front-'))
    // Started by root, a server works as another user, who may have to write here.
    await chmod(folder, 0o755)
    const port = await freePort()
    const file = join(folder, 'main.cfg')
    await writeFile(file, config(port, folder))
    const process = spawn(program, [...args(file)], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let told = ''
    let failed: Error | undefined
    process.stderr.on('data', (text) => {
      told += String(text)
    })
    process.once('error', (error) => {
      failed = new Error(`${program} is missing, and these tests need it: apt-get install it`, {
        cause: error,
      })
    })
    try {
      await until(`${program} listens`, async () => {
        if (failed) throw failed
        if (process.exitCode !== null) throw new Error(`${program} ended with ${process.exitCode}:\n${told}`)
        return accepts(port)
      })
    } catch (error) {
      process.kill('SIGKILL')
      await rm(folder, { recursive: true })
      throw error
    }
    return new Front(port, process, folder)
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await ended
    await rm(this.#folder, { recursive: true })
  }
}

export function replaceOnce(text: string, from: string, to: string): string {
  if (text.split(from).length !== 2) throw new Error(`the file must hold "${from}" exactly once`)
  return text.replace(from, to)
}

/** Servers like nginx cannot take any free port by themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port to be had')
  return address.port
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
