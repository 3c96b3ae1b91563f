import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** Where Debian has it, which is not on everybody's PATH. */
export const HAPROXY = '/usr/sbin/haproxy'

/** What the figures were taken on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly kernel: string
  readonly node: string
  readonly undici: string
  readonly hono: string
  readonly nodeServer: string
  readonly wrk: string
  readonly haproxy: string
  /** Commit of the checkout, with a + when something in it is not committed. */
  readonly commit: string
  readonly pinning: string
  /** Load average of the minute before: more than a little, and the figures are not worth quoting. */
  readonly load: number
}

export function readMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    node: process.version,
    undici: packageVersion('undici'),
    hono: packageVersion('hono'),
    nodeServer: packageVersion('@hono/node-server'),
    wrk: versionLine(['wrk', '-v'], /wrk (\S+)/),
    haproxy: versionLine([HAPROXY, '-v'], /version (\S+)/),
    commit: commit(),
    pinning: 'taskset: load and upstream on core 0, the proxy under test on core 1',
    load: loadavg()[0] ?? Number.NaN,
  }
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGb, kernel, node, undici, hono, nodeServer, wrk, haproxy } = machine
  return [
    `${cpu}, ${cores} cores, ${memoryGb} GiB, ${kernel}`,
    `Node ${node}, undici ${undici}, hono ${hono}, @hono/node-server ${nodeServer}, wrk ${wrk}, HAProxy ${haproxy}`,
    machine.pinning,
  ].join('\n')
}

/** `folder`: where its node_modules is, seen from here. */
export function packageVersion(name: string, folder = '../..'): string {
  const file = new URL(`${folder}/node_modules/${name}/package.json`, import.meta.url)
  const read: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const found = typeof read === 'object' && read !== null && 'version' in read ? read.version : undefined
  return String(found)
}

/** wrk prints its version and then fails, so the exit code is not looked at. */
export function versionLine([program = '', ...args]: readonly string[], pattern: RegExp): string {
  let text = ''
  try {
    text = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) text = String(error.stdout)
  }
  return pattern.exec(text)?.[1] ?? 'not installed'
}

function commit(): string {
  try {
    const head = git('rev-parse', '--short', 'HEAD')
    return git('status', '--porcelain', '--', 'src') === '' ? head : `${head}+`
  } catch {
    return 'none'
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}
