import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { options } from '../../src/config/schema.ts'
import { DRAIN_MS } from '../../src/runtimes/process/drain.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (name: string) => readFileSync(join(root, 'docs', 'deploy', name), 'utf8')

/** The instructions of a Dockerfile, continued lines joined. */
const instructions = read('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter(Boolean)
  .map((line) => {
    const [name = '', ...words] = line.split(/\s+/)
    return { name, words, rest: words.join(' ') }
  })
const all = (name: string) => instructions.filter((instruction) => instruction.name === name)

describe('the Dockerfile', () => {
  const { engines, scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

  it('stands on one pinned Node that the package allows', () => {
    const images = new Set(all('FROM').map(({ words }) => words[0]))
    assert.equal(images.size, 1)
    const [, major, minor, patch] = /^node:(\d+)\.(\d+)\.(\d+)-slim$/.exec([...images].join()) ?? []
    const [, least] = /^>=(\d+)\.\d+\.\d+$/.exec(engines.node) ?? []
    assert.ok(minor !== undefined && patch !== undefined)
    assert.ok(Number(major) > Number(least))
  })

  it('copies what is there, and its ignore file lets it through', () => {
    const lines = read('Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    assert.equal(lines[0], '*')
    const allowed = lines.slice(1).map((line) => line.replace(/^!/, ''))
    const fromContext = all('COPY').filter(({ words }) => !words[0]?.startsWith('--from='))
    const sources = fromContext.flatMap(({ words }) => words.slice(0, -1))
    assert.deepEqual([...sources].sort(), [...allowed].sort())
    for (const source of sources) assert.ok(existsSync(join(root, source)), source)
  })

  it('copies what the build command names', () => {
    const words: string[] = scripts.build.split(/[\s'"()]+/)
    const named = words.filter((word) => !word.startsWith('dist') && existsSync(join(root, word)) && word)
    assert.ok(named.includes('tsconfig.build.json'))
    const copied = all('COPY').flatMap(({ words }) => words.slice(0, -1))
    for (const name of named)
      assert.ok(
        copied.some((source) => name === source || name.startsWith(`${source}/`)),
        name,
      )
  })

  it('copies from the build what the build makes', () => {
    const built = all('COPY')
      .filter(({ words }) => words[0] === '--from=build')
      .map(({ words }) => words[1])
    assert.deepEqual(built, ['/app/package.json', '/app/node_modules', '/app/dist'])
  })

  it('runs the proxy as a plain user, open to the other containers, with a health check and a soft stop', () => {
    assert.deepEqual(
      all('USER').map(({ rest }) => rest),
      ['node'],
    )
    assert.match(all('ENV')[0]?.rest ?? '', /\bPROXY_HOST=0\.0\.0\.0$/)
    assert.match(all('HEALTHCHECK')[0]?.rest ?? '', /CMD node dist\/main\.js status \|\| exit 1$/)
    assert.equal(all('STOPSIGNAL')[0]?.rest, 'SIGTERM')
    // A list, or a shell would be process 1 and keep the signal to itself.
    assert.deepEqual(JSON.parse(all('ENTRYPOINT')[0]?.rest ?? ''), ['node', 'dist/main.js'])
    assert.deepEqual(JSON.parse(all('CMD')[0]?.rest ?? ''), ['serve'])
  })
})

describe('compose.yaml', () => {
  const { services, volumes } = parse(read('compose.yaml'))
  const { ollama, proxy } = services

  it('has Ollama and the proxy, and publishes the proxy alone, on this machine alone', () => {
    assert.deepEqual(Object.keys(services), ['ollama', 'proxy'])
    assert.equal('ports' in ollama, false)
    const port = options.find(({ key }) => key === 'proxy_port')?.defaultWritten
    assert.deepEqual(proxy.ports, [`127.0.0.1:${port}:${port}`])
    assert.equal(proxy.environment.OLLAMA_URL, 'http://ollama:11434')
  })

  it('builds the proxy from the Dockerfile beside it and pins Ollama', () => {
    assert.equal(join(root, 'docs', 'deploy', proxy.build.context), root)
    assert.ok(existsSync(join(root, proxy.build.dockerfile)))
    assert.match(ollama.image, /^ollama\/ollama:\d+\.\d+\.\d+$/)
  })

  it('starts the proxy once Ollama is healthy', () => {
    assert.deepEqual(proxy.depends_on, { ollama: { condition: 'service_healthy' } })
    assert.deepEqual(ollama.healthcheck.test, ['CMD', 'ollama', 'list'])
    assert.equal('healthcheck' in proxy, false, 'the one of the image')
  })

  it('gives both the same number of slots', () => {
    assert.match(ollama.environment.OLLAMA_NUM_PARALLEL, /^\d+$/)
    assert.equal(proxy.environment.OLLAMA_NUM_PARALLEL, ollama.environment.OLLAMA_NUM_PARALLEL)
  })

  it('sets what the proxy reads', () => {
    const known = new Set(options.map(({ env }) => env))
    for (const name of Object.keys(proxy.environment)) assert.ok(known.has(name), name)
  })

  it('keeps the models, and gives the proxy longer than it takes to drain', () => {
    assert.deepEqual(Object.keys(volumes), ['models'])
    assert.deepEqual(ollama.volumes, ['models:/root/.ollama'])
    assert.ok(Number.parseInt(proxy.stop_grace_period, 10) * 1_000 > DRAIN_MS)
    assert.match(proxy.stop_grace_period, /^\d+s$/)
  })
})
