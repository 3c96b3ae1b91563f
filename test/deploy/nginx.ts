import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../support/until.ts'
import { accepts, env, freePort, replaceOnce } from './front.ts'

const SITE = join(import.meta.dirname, '..', '..', 'docs', 'deploy', 'nginx.conf')

/** All that somebody has to write to put an nginx before the proxy; everything else is nginx's default. */
const PLAIN_SITE = 'server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } }\n'

/** A real nginx with the shipped site, or with the plainest, its two ports replaced, in a folder of its own. */
export class Nginx {
  readonly port: number
  /** Every directive that is in force, as `nginx -T` prints them. */
  readonly config: string
  readonly #process: ChildProcess
  readonly #folder: string

  private constructor(parts: { port: number; config: string; process: ChildProcess; folder: string }) {
    this.port = parts.port
    this.config = parts.config
    this.#process = parts.process
    this.#folder = parts.folder
  }

  static async start(proxyPort: number, which: 'shipped' | 'plain' = 'shipped'): Promise<Nginx> {
    const folder = await mkdtemp(join(tmpdir(), 'guard-nginx-'))
    try {
      // Started by root, nginx works as another user, who may have to write here.
      await chmod(folder, 0o755)
      const port = await freePort()
      const site = which === 'plain' ? PLAIN_SITE : await readFile(SITE, 'utf8')
      const listening = replaceOnce(site, 'listen 80;', `listen 127.0.0.1:${port};`)
      await writeFile(
        join(folder, 'site.conf'),
        replaceOnce(listening, '127.0.0.1:8080;', `127.0.0.1:${proxyPort};`),
      )
      const main = join(folder, 'nginx.conf')
      await writeFile(main, mainConfig(folder))
      const args = ['-p', folder, '-c', main, '-e', 'stderr']
      const config = await effective(args)
      const process = spawn('nginx', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
      let told = ''
      process.stderr.on('data', (text) => {
        told += String(text)
      })
      await until('nginx listens', async () => {
        if (process.exitCode !== null) throw new Error(`nginx ended with ${process.exitCode}:\n${told}`)
        return accepts(port)
      })
      return new Nginx({ port, config, process, folder })
    } catch (error) {
      await rm(folder, { recursive: true })
      throw error
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await ended
    await rm(this.#folder, { recursive: true })
  }

  /** The value of a time directive of the site, in seconds. Throws when it is not there exactly once. */
  seconds(directive: string): number {
    const found = [...this.config.matchAll(new RegExp(`^\\s*${directive} (\\d+)s;$`, 'gm'))]
    if (found.length !== 1) throw new Error(`${directive} is there ${found.length} times`)
    return Number(found[0]?.[1])
  }
}

/** What a distribution's nginx.conf has around its sites, gzip switched on as Debian does; all files in the folder. */
function mainConfig(folder: string): string {
  return siteConfig(folder, `include ${join(folder, 'site.conf')};`)
}

/** The same around any site. */
export function siteConfig(folder: string, site: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 256; }
http {
  access_log off;
  gzip on;
  gzip_types application/json application/x-ndjson text/event-stream;
  ${paths.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n  ')}
  ${site}
}
`
}

async function effective(args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('nginx', ['-T', ...args], { env })).stdout
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new Error('nginx is missing, and these tests need it: apt-get install nginx-light')
    throw error
  }
}
