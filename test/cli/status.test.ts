import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, it, type TestContext } from 'node:test'
import { busyPages, health } from './support/pages.ts'
import { deadUrl, ran } from './support/program.ts'
import { answerJson, type Script, scriptedProxy } from './support/scripted-proxy.ts'

function* spaces() {
  for (;;) yield ' '.repeat(2 ** 16)
}

async function aProxy(t: TestContext, change: Script = {}) {
  const proxy = await scriptedProxy({ ...busyPages(), ...change })
  t.after(() => proxy.close())
  return proxy
}

describe('status', () => {
  it('tells of a healthy proxy in a few lines and ends with 0', async (t) => {
    const { url } = await aProxy(t)
    const { code, stdout, stderr } = await ran(t, ['status', '--url', `${url}/`])
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'status    healthy',
      `proxy     1.2.3 (node) at ${url}, up 2h13m`,
      'upstream  Ollama 0.33.0 answers in 1.2ms',
      'calls     4 running, 2 waiting',
      'memory    13.5 of 32 GB used (42.2 %)',
      'alerts    rejection_rate:llama2 (warning)',
    ])
  })

  it('ends with 1 for one that is degraded or draining, or not ready', async (t) => {
    const upstream = { reachable: false, version: null, latency_ms: null, checked_at: null }
    const notReady = (response: Parameters<typeof answerJson>[0]) =>
      answerJson(response, 503, { status: 'degraded' })
    const down = await aProxy(t, {
      '/health': { ...health, status: 'degraded', upstream },
      '/health/ready': notReady,
    })
    const degraded = await ran(t, ['status', '--url', down.url])
    assert.equal(degraded.code, 1)
    assert.match(degraded.stdout, /^status +degraded\n.*\nupstream +Ollama does not answer$/m)
    const draining = await aProxy(t, { '/health': { ...health, status: 'draining' } })
    assert.equal((await ran(t, ['status', '--url', draining.url])).code, 1)
    const changing = await aProxy(t, { '/health/ready': notReady })
    assert.equal((await ran(t, ['status', '--url', changing.url])).code, 1)
  })

  it('ends with 2 and names the address when nobody answers, somebody else does, or not in time', async (t) => {
    const url = await deadUrl()
    assert.deepEqual(await ran(t, ['status', '--url', url]), {
      code: 2,
      stdout: '',
      stderr: `${url} does not answer: connection refused\n`,
    })
    const other = await aProxy(t, { '/health': 'Ollama is running' })
    assert.deepEqual(await ran(t, ['status', '--url', other.url]), {
      code: 2,
      stdout: '',
      stderr: `${other.url} answers, but not like an ollama-guard-proxy\n`,
    })
    const silent = await aProxy(t, { '/health': () => {} })
    const { code, stderr } = await ran(t, ['status', '--url', silent.url, '--timeout', '0.3'])
    assert.deepEqual([code, stderr], [2, `${silent.url} does not answer: no answer within 0.3 s\n`])
  })

  it('waits for nothing more once it knows, and for no page without an end', async (t) => {
    // With a patience that would outlast the test.
    const other = await aProxy(t, { '/health': 'Ollama is running', '/health/ready': () => {} })
    assert.equal((await ran(t, ['status', '--url', other.url, '--timeout', '600'])).code, 2)
    const endless = await aProxy(t, {
      '/health': (response: ServerResponse) => Readable.from(spaces()).pipe(response),
    })
    const { code, stderr } = await ran(t, ['status', '--url', endless.url, '--timeout', '600'])
    assert.deepEqual([code, stderr], [2, `${endless.url} answers, but not like an ollama-guard-proxy\n`])
  })

  it('says in a few words that there is no TLS', async (t) => {
    const { port } = await aProxy(t)
    const url = `https://127.0.0.1:${port}`
    const { code, stderr } = await ran(t, ['status', '--url', url])
    assert.deepEqual(
      [code, stderr],
      [2, `${url} does not answer: the TLS handshake failed; does the server speak https?\n`],
    )
  })

  it('prints one JSON object with --json, reachable or not', async (t) => {
    const { url } = await aProxy(t)
    const told = await ran(t, ['status', '--json', '--url', url])
    assert.deepEqual(JSON.parse(told.stdout), { status: 'healthy', ready: true, url, health, error: null })
    const nobody = await deadUrl()
    const failed = await ran(t, ['status', '--json', '--url', nobody])
    assert.equal(failed.code, 2)
    assert.deepEqual(JSON.parse(failed.stdout), {
      status: 'unreachable',
      ready: false,
      url: nobody,
      health: null,
      error: `${nobody} does not answer: connection refused`,
    })
  })

  it('finds the proxy of its own configuration, as a HEALTHCHECK needs it', async (t) => {
    const { port } = await aProxy(t)
    const env = { PROXY_HOST: '0.0.0.0', PROXY_PORT: String(port) }
    assert.equal((await ran(t, ['status'], env)).code, 0)
    const file = join(tmpdir(), `guard-status-${process.pid}.yaml`)
    writeFileSync(file, `proxy_port: ${port}\n`)
    t.after(() => rmSync(file))
    assert.equal((await ran(t, ['status'], { CONFIG_FILE: file })).code, 0)
  })

  it('ends with 78 for a wrong configuration, which an address makes unnecessary', async (t) => {
    const { code, stderr } = await ran(t, ['status'], { PROXY_PORT: 'x' })
    assert.equal(code, 78)
    assert.match(stderr, /^environment PROXY_PORT: .*\n.* name the address with --url\n$/)
    const { url } = await aProxy(t)
    assert.equal((await ran(t, ['status', '--url', url], { PROXY_PORT: 'x' })).code, 0)
  })

  it('ends with 2 for a flag that is wrong and for a port that cannot be known', async (t) => {
    const wrong = await ran(t, ['status', '--timeout', '0'])
    assert.deepEqual([wrong.code, wrong.stderr], [2, 'flag --timeout: "0" must be more than 0\n'])
    const bare = await ran(t, ['status', '--url', '127.0.0.1:8080'])
    assert.equal(bare.code, 2)
    assert.match(bare.stderr, /^flag --url: .*did you mean http:\/\/127\.0\.0\.1:8080\?\n$/)
    const any = await ran(t, ['status'], { PROXY_PORT: '0' })
    assert.equal(any.code, 2)
    assert.match(any.stderr, /name its address with --url/)
  })

  it('explains its exit codes', async (t) => {
    assert.match(
      (await ran(t, ['status', '--help'])).stdout,
      /0: healthy, 1: degraded or draining, 2: not reachable/,
    )
  })
})
