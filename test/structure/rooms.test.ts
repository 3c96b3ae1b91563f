import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, it } from 'node:test'

const SRC = resolve(import.meta.dirname, '../../src')

/** The rooms that each room may import, types included. Every room may import its own files and clock.ts. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  callers: [],
  config: ['ollama'],
  pages: [],
  simulator: [],
  ollama: [],
  admission: ['callers'],
  upstream: ['callers', 'ollama'],
  relay: ['admission', 'callers', 'ollama', 'upstream'],
  watchdog: ['admission', 'ollama', 'relay'],
  telemetry: ['admission', 'callers', 'ollama', 'pages', 'relay'],
  alerts: ['pages', 'telemetry'],
  tracing: ['ollama', 'relay', 'telemetry'],
  http: ['admission', 'callers', 'config', 'ollama', 'pages', 'relay', 'telemetry', 'upstream'],
  gate: [
    ...['admission', 'alerts', 'callers', 'config', 'http', 'ollama', 'relay', 'telemetry', 'upstream'],
    'watchdog',
  ],
  replay: ['admission', 'callers', 'config', 'gate', 'ollama', 'telemetry'],
  runtimes: ['admission', 'callers', 'config', 'gate', 'http', 'ollama', 'relay', 'telemetry', 'upstream'],
  cli: [
    ...['admission', 'callers', 'config', 'ollama', 'pages', 'replay', 'runtimes', 'simulator', 'telemetry'],
    ...['tracing', 'upstream'],
  ],
  'main.ts': ['cli'],
  'clock.ts': [],
}

/** The packages that each room may import. `node:` stands for every module of Node. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  admission: ['yocto-queue'],
  callers: ['jose'],
  config: ['yaml', 'zod'],
  pages: ['zod'],
  http: ['@hono/zod-validator', 'hono', 'zod'],
  telemetry: ['@logtape/logtape', 'prom-client'],
  tracing: [
    '@opentelemetry/api',
    '@opentelemetry/exporter-trace-otlp-proto',
    '@opentelemetry/resources',
    '@opentelemetry/sdk-trace-base',
    '@opentelemetry/semantic-conventions',
  ],
  gate: ['hono'],
  runtimes: ['hono'],
  'runtimes/process': ['@logtape/logtape', 'node:', 'systeminformation'],
  'runtimes/node': ['@hono/node-server', 'node:', 'undici'],
  'runtimes/bun': ['node:'],
  'runtimes/workerd': ['cloudflare:workers', 'hono'],
  cli: ['citty', 'node:', 'zod'],
  simulator: ['fzstd', 'node:', 'yocto-queue', 'zod'],
}

/** The parts of runtimes that each part may import: a Worker's bundle must carry no code of another platform. */
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  runtimes: ['runtimes/bun', 'runtimes/node'],
  'runtimes/process': [],
  'runtimes/fetch': ['runtimes'],
  'runtimes/node': ['runtimes', 'runtimes/process'],
  'runtimes/bun': ['runtimes', 'runtimes/fetch', 'runtimes/process'],
  'runtimes/workerd': ['runtimes', 'runtimes/fetch'],
}

/** `from '…'`, `import '…'` and `import('…')`. Each specifier of this code base stands in single quotes. */
const IMPORTS = /(?<!\.)\b(?:from|import)\s*\(?\s*'([^']+)'/g

/** Classes, interfaces and type aliases, exported or not. */
const DECLARATIONS =
  /^(?:export )?(?:abstract )?(?:class|interface|type) ([A-Z]\w*)(?=[\s<]+(?:=|\{|extends|implements|\w))/gm

interface Import {
  /** Paths below src. */
  readonly from: string
  /** Path below src, or the name of a package. */
  readonly to: string
  readonly isPackage: boolean
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const imports = files.flatMap(importsOf)

function importsOf(from: string): Import[] {
  const text = readFileSync(join(SRC, from), 'utf8')
  return Array.from(text.matchAll(IMPORTS), ([, specifier = '']) => {
    const isPackage = !specifier.startsWith('.')
    const to = isPackage ? specifier : relative(SRC, resolve(SRC, dirname(from), specifier))
    return { from, to, isPackage }
  })
}

/** The first folder of a path, or the file itself where it stands in no folder. */
const roomOf = (path: string) => path.split('/')[0] ?? path

/** The folder within runtimes; `runtimes` for its own files. */
const runtimeOf = (path: string) =>
  path.split('/').length > 2 ? path.split('/').slice(0, 2).join('/') : 'runtimes'

const partOf = (path: string) => (roomOf(path) === 'runtimes' ? runtimeOf(path) : roomOf(path))

/** `@scope/name/deep` → `@scope/name`, `node:fs` → `node:`. */
function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return 'node:'
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

describe('a room', () => {
  it('has a line in the table, and the table has no other line', () => {
    assert.deepEqual([...new Set(files.map(roomOf))].sort(), Object.keys(ROOMS).sort())
  })

  it('imports only the rooms that it may import', () => {
    const forbidden = imports.filter(({ from, to, isPackage }) => {
      const [room, other] = [roomOf(from), roomOf(to)]
      return !isPackage && other !== room && other !== 'clock.ts' && !ROOMS[room]?.includes(other)
    })
    assert.deepEqual(forbidden, [])
  })

  it('imports every room that the table allows: a line that nothing needs is removed', () => {
    const unused = Object.entries(ROOMS).flatMap(([room, allowed]) =>
      allowed
        .filter((other) => !imports.some(({ from, to }) => roomOf(from) === room && roomOf(to) === other))
        .map((other) => `${room} → ${other}`),
    )
    assert.deepEqual(unused, [])
  })

  it('imports only the packages that it may import', () => {
    const forbidden = imports.filter(
      ({ from, to, isPackage }) => isPackage && !PACKAGES[partOf(from)]?.includes(packageOf(to)),
    )
    assert.deepEqual(forbidden, [])
  })

  it('of one runtime imports no other runtime', () => {
    const forbidden = imports.filter(({ from, to, isPackage }) => {
      if (isPackage || roomOf(from) !== 'runtimes' || roomOf(to) !== 'runtimes') return false
      return runtimeOf(from) !== runtimeOf(to) && !RUNTIMES[runtimeOf(from)]?.includes(runtimeOf(to))
    })
    assert.deepEqual(forbidden, [])
  })
})

describe('the files of src', () => {
  it('import each other in no circle, types included', () => {
    assert.deepEqual(circles(), [])
  })

  it('declare each type name once: no name has two meanings', () => {
    const declared = new Map<string, string[]>()
    for (const file of files)
      for (const [, name = ''] of readFileSync(join(SRC, file), 'utf8').matchAll(DECLARATIONS))
        declared.set(name, [...(declared.get(name) ?? []), file])
    assert.deepEqual(
      [...declared].filter(([, where]) => where.length > 1),
      [],
    )
  })

  it('have at most 250 lines each', () => {
    const lines = (file: string) => readFileSync(join(SRC, file), 'utf8').split('\n').length - 1
    assert.deepEqual(
      files.filter((file) => lines(file) > 250),
      [],
    )
  })
})

/** Each circle as the path of the files in it. */
function circles(): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || done.has(file)) return
    path.push(file)
    for (const { from, to, isPackage } of imports) if (from === file && !isPackage) visit(to)
    path.pop()
    done.add(file)
  }
  for (const file of files) visit(file)
  return found
}
