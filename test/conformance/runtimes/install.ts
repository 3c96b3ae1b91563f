import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '..', '..', '..', '.runtimes')

/** Node's own package for this machine; the one that is called `node` would install it by a script. */
const NODE_PACKAGE = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`

/** What the suite runs on besides the Node it is started with. wrangler brings what bundles the Worker. */
const PINNED: Readonly<Record<string, string>> = {
  bun: '1.4.5',
  [NODE_PACKAGE]: '24.21.0',
  miniflare: '4.20260426.0',
  wrangler: '4.86.0',
}

const PROGRAMS = {
  bun: ['.bin', 'bun'],
  node24: [NODE_PACKAGE, 'bin', 'node'],
} as const

/** Path of a program that `installRuntimes` brings. Throws when it has not. */
export function installed(name: keyof typeof PROGRAMS): string {
  const path = ifInstalled(name)
  if (path === undefined) throw new Error(`${name} is not in ${folder}; npm run test:runtimes installs it`)
  return path
}

/** The same for those who can do without that program. */
export function ifInstalled(name: keyof typeof PROGRAMS): string | undefined {
  const path = join(folder, 'node_modules', ...PROGRAMS[name])
  return existsSync(path) ? path : undefined
}

/**
 * Brings the pinned packages into .runtimes, which git ignores, unless they are there already.
 * Throws when one of them cannot be had: a platform that was not tested must not look like one that passed.
 */
export function installRuntimes(): void {
  if (missing().length === 0) return
  mkdirSync(folder, { recursive: true })
  // A root of its own, or npm would install into the project's.
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  // All in one go: npm takes away what it is not told of.
  const packages = Object.entries(PINNED).map(([name, version]) => `${name}@${version}`)
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, ...packages]
  const { status, error } = spawnSync('npm', args, { stdio: 'inherit' })
  if (error) throw error
  const lacking = missing()
  if (status !== 0 || lacking.length > 0) {
    throw new Error(`npm ${args.join(' ')} ended with ${status}; missing: ${lacking.join(', ')}`)
  }
}

function missing(): string[] {
  return Object.entries(PINNED)
    .filter(([name, version]) => versionOf(name) !== version)
    .map(([name, version]) => `${name}@${version}`)
}

function versionOf(name: string): string | undefined {
  const path = join(folder, 'node_modules', name, 'package.json')
  if (!existsSync(path)) return undefined
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'))
  return version
}
