import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..', '..')

// The parts of miniflare's and esbuild's interfaces that we use: they live in .runtimes, not among our packages.
interface MiniflareServer {
  readonly ready: Promise<URL>
  unsafeGetDirectURL(worker: string): Promise<URL>
  dispose(): Promise<void>
}
type MiniflareModule = { readonly Miniflare: new (options: object) => MiniflareServer }
type EsbuildModule = {
  build(options: object): Promise<{
    readonly outputFiles: readonly { readonly text: string }[]
    readonly metafile: { readonly outputs: Record<string, { readonly imports: readonly { path: string }[] }> }
  }>
}

const fromRuntimes = createRequire(join(root, '.runtimes', 'package.json'))

/** The Worker as wrangler would bundle it, and the modules it expects from the platform. */
export async function bundle(): Promise<{ readonly script: string; readonly imports: readonly string[] }> {
  const { build } = fromRuntimes('esbuild') as EsbuildModule
  const { outputFiles, metafile } = await build({
    entryPoints: [join(root, 'src', 'runtimes', 'workerd', 'worker.ts')],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    mainFields: ['browser', 'module', 'main'],
    external: ['cloudflare:*'],
    define: { PROXY_VERSION: '"0.0.0-test"' },
  })
  const [output] = outputFiles
  if (output === undefined) throw new Error('nothing was bundled')
  const imports = Object.values(metafile.outputs).flatMap((file) => file.imports.map(({ path }) => path))
  return { script: output.text, imports }
}

/** One line's value in our wrangler.toml. */
function setting(name: string): unknown {
  const toml = readFileSync(join(root, 'wrangler.toml'), 'utf8')
  const [, value] = new RegExp(`^${name} = (.+)$`, 'm').exec(toml) ?? []
  if (value === undefined) throw new Error(`wrangler.toml has no ${name}`)
  return JSON.parse(value)
}

export interface RunningWorkers {
  /** Where each isolate listens. */
  readonly urls: readonly string[]
  dispose(): Promise<void>
}

/**
 * Our Worker in local workerd: `isolates` of it, which share one gate object. `variables`: as in wrangler.toml.
 * `storage`: a folder for what outlives the object; in memory without one.
 */
export async function startWorkers(
  variables: Readonly<Record<string, string>>,
  { isolates = 1, storage }: { isolates?: number; storage?: string } = {},
): Promise<RunningWorkers> {
  const { script } = await bundle()
  const { Miniflare } = fromRuntimes('miniflare') as MiniflareModule
  const names = Array.from({ length: isolates }, (_, index) => `proxy-${index}`)
  const [owner] = names
  const server = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    ...(storage !== undefined && { durableObjectsPersist: storage }),
    workers: names.map((name) => ({
      name,
      modules: true,
      script,
      compatibilityDate: setting('compatibility_date'),
      compatibilityFlags: setting('compatibility_flags'),
      bindings: variables,
      durableObjects: {
        GATE: { className: 'Gate', useSQLite: true, ...(name !== owner && { scriptName: owner }) },
      },
      ...(name !== owner && { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] }),
    })),
  })
  const first = await server.ready
  const others = await Promise.all(names.slice(1).map((name) => server.unsafeGetDirectURL(name)))
  return {
    urls: [first, ...others].map(({ origin }) => origin),
    dispose: () => server.dispose(),
  }
}
