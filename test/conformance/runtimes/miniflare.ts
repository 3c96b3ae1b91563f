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

interface Bundle {
  readonly script: string
  readonly imports: readonly string[]
}

let bundled: Promise<Bundle> | undefined

/** The Worker as wrangler would bundle it, and the modules it expects from the platform. */
export function bundle(): Promise<Bundle> {
  bundled ??= build()
  return bundled
}

/** Takes a bundle that another process has written as JSON. Bundling takes longer than the start of a Worker. */
export function useBundle(file: string): void {
  bundled = Promise.resolve(JSON.parse(readFileSync(file, 'utf8')))
}

async function build(): Promise<Bundle> {
  const esbuild = fromRuntimes('esbuild') as EsbuildModule
  const { outputFiles, metafile } = await esbuild.build({
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

export interface WorkersOptions {
  /** In the one process, all of them at one gate object. */
  readonly isolates?: number
  /** A folder for what outlives the object; in memory without one. */
  readonly storage?: string
  /** A folder in which processes find the objects of one another. */
  readonly registry?: string
  /** The object is that of another process with the same registry, which has to be there first. */
  readonly gateElsewhere?: boolean
  /** For `resetGate`. */
  readonly resettable?: boolean
}

export interface RunningWorkers {
  /** Where each isolate listens. */
  readonly urls: readonly string[]
  /** The object loses its memory and every request that it has under way; its storage stays. */
  resetGate(): Promise<void>
  /** Kills the process with SIGKILL: nothing in it gets a last word. */
  dispose(): Promise<void>
}

const OWNER = 'proxy-0'
const ANY_PORT = [{ host: '127.0.0.1', port: 0 }]

/** Our Worker around which a test has put an object that can be reset from outside, as the platform does. */
const RESETTABLE = `
  import { Gate as Shipped } from './worker.mjs'
  export { default } from './worker.mjs'
  export class Gate extends Shipped {
    reset() { this.ctx.abort('reset by the test') }
  }
`
const RESETTER = `
  export default {
    async fetch(request, { GATE }) {
      await GATE.get(GATE.idFromName('gate')).reset().catch(() => {})
      return new Response()
    },
  }
`

/** Our Worker in local workerd. `variables`: as in wrangler.toml. */
export async function startWorkers(
  variables: Readonly<Record<string, string>>,
  { isolates = 1, storage, registry, gateElsewhere = false, resettable = false }: WorkersOptions = {},
): Promise<RunningWorkers> {
  const { script } = await bundle()
  const { Miniflare } = fromRuntimes('miniflare') as MiniflareModule
  const compatibilityDate = setting('compatibility_date')
  const gateOf = (name: string) => ({
    GATE: { className: 'Gate', useSQLite: true, ...(name !== OWNER && { scriptName: OWNER }) },
  })
  const names = Array.from({ length: isolates }, (_, index) => `${gateElsewhere ? 'far' : 'proxy'}-${index}`)
  const resetter = { name: 'resetter', modules: true, script: RESETTER, compatibilityDate }
  const server = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    ...(storage !== undefined && { durableObjectsPersist: storage }),
    ...(registry !== undefined && { unsafeDevRegistryPath: registry }),
    workers: [
      ...names.map((name, index) => ({
        name,
        ...(resettable
          ? { modules: [esModule('main', RESETTABLE), esModule('worker', script)] }
          : { modules: true, script }),
        compatibilityDate,
        compatibilityFlags: setting('compatibility_flags'),
        bindings: variables,
        durableObjects: gateOf(name),
        ...(index > 0 && { unsafeDirectSockets: ANY_PORT }),
      })),
      ...(resettable
        ? [{ ...resetter, durableObjects: gateOf(resetter.name), unsafeDirectSockets: ANY_PORT }]
        : []),
    ],
  })
  const first = await server.ready
  const others = await Promise.all(names.slice(1).map((name) => server.unsafeGetDirectURL(name)))
  return {
    urls: [first, ...others].map(({ origin }) => origin),
    resetGate: async () => {
      const { ok } = await fetch(await server.unsafeGetDirectURL(resetter.name))
      if (!ok) throw new Error('the gate was not reset')
    },
    dispose: () => server.dispose(),
  }
}

function esModule(name: string, contents: string): object {
  return { type: 'ESModule', path: `${name}.mjs`, contents }
}
