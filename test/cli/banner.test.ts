import assert from 'node:assert/strict'
import { it } from 'node:test'
import { banner, demoBanner } from '../../src/cli/banner.ts'
import { loadConfig } from '../../src/config/load.ts'
import { causeOfCode } from '../../src/upstream/cause.ts'
import { readProbe } from '../../src/upstream/probe.ts'

const readFile = () => ''
const loaded = loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile })
const WELL = { reachable: true, error: null }
const unreachable = (code: string) =>
  banner(loaded, started, { reachable: false, version: null, error: causeOfCode(code) })
const started = { version: '1.2.3', runtime: 'node', url: 'http://127.0.0.1:8080' }

it('tells where it listens and what it guards', () => {
  assert.equal(
    banner(loaded, started, { ...WELL, version: '0.33.0' }),
    'ollama-guard-proxy 1.2.3 (node) listens on http://127.0.0.1:8080\nIt guards Ollama 0.33.0 at http://127.0.0.1:11434\n' +
      'Callers: everybody who reaches the proxy (auth is off)\n' +
      'Pull, create, delete: clients on this machine (manage is local)\n' +
      'Administration: everybody on this machine, and every client of a program that forwards requests without a ' +
      'header such as X-Forwarded-For; set admin_token (ADMIN_TOKEN) to a long random text: `openssl rand -hex 32` ' +
      'prints one\n' +
      'Dashboard: http://127.0.0.1:8080/dashboard\n',
  )
})

it('tells what to do when no Ollama answers', () => {
  const text = unreachable('ECONNREFUSED')
  for (const part of [
    'http://127.0.0.1:11434',
    '502',
    'ollama serve',
    'ollama_url',
    'OLLAMA_URL',
    '--upstream',
    '--demo',
  ]) {
    assert.ok(text.includes(part), part)
  }
})

it('says why, and advises to start Ollama only where nothing listens', () => {
  for (const code of ['ENOTFOUND', 'ETIMEDOUT', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'NOT_OLLAMA']) {
    const text = unreachable(code)
    assert.match(text, new RegExp(`No Ollama answers at .*\\n.*\\(${code}\\): `))
    assert.doesNotMatch(text, /ollama serve|--demo/)
  }
  assert.match(unreachable('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /NODE_EXTRA_CA_CERTS/)
  const elsewhere = 'No Ollama answers at http://127.0.0.1:11434. The proxy stays up'
  assert.ok(unreachable('NOT_OLLAMA').includes(`${elsewhere}.\n`))
  assert.ok(unreachable('ENOTFOUND').includes(`${elsewhere} and answers calls with 502 until one does.\n`))
})

it('says why an Ollama that answers told no version', () => {
  const { problem } = readProbe({ status: 401, body: '' }, false)
  const text = banner(loaded, started, { reachable: true, version: null, error: problem ?? null })
  assert.match(
    text,
    /^It guards Ollama at .*\nOllama answers the version probe with 401: it requires an Authorization \(HTTP_401\): set ollama_authorization\.$/m,
  )
})

it('tells that the token administers, and not which', () => {
  const config = { ...loaded.config, admin_token: 'open-sesame' }
  const text = banner({ ...loaded, config }, started, { ...WELL, version: null })
  assert.match(text, /^Administration: everybody who has the admin token$/m)
  assert.doesNotMatch(text, /sesame/)
})

it('does not name a dashboard that is switched off', () => {
  const config = { ...loaded.config, enable_queue_stats: false }
  const text = banner({ ...loaded, config }, started, { ...WELL, version: null })
  assert.doesNotMatch(text, /dashboard/)
})

it('gives three commands for a demo: a stream, the statistics, the health', () => {
  const text = demoBanner('http://127.0.0.1:9', { model: 'llama3.2', description: 'Simulated: all of it.' })
  const commands = text.split('\n').filter((line) => line.startsWith('  curl'))
  assert.equal(commands.length, 3)
  const body = /-d "(.*)"$/.exec(commands[0] ?? '')?.[1]?.replaceAll('\\"', '"') ?? ''
  assert.deepEqual(JSON.parse(body), { model: 'llama3.2', messages: [{ role: 'user', content: 'Hello' }] })
  assert.match(commands[0] ?? '', /^ {2}curl -N http:\/\/127\.0\.0\.1:9\/api\/chat /)
  assert.deepEqual(commands.slice(1), [
    '  curl http://127.0.0.1:9/queue/stats',
    '  curl http://127.0.0.1:9/health',
  ])
  assert.ok(text.includes('Simulated: all of it.'))
})
