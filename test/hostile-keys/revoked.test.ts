import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { bearer, from, secretOf, THE_SUITE } from '../conformance/key-ring.ts'
import { node, type Started, startProxy } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { Recorder } from './recorder.ts'

describe('a key that is gone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-keys-'))
  const file = join(folder, 'keys.yaml')
  const elsewhere = from('203.0.113.9')
  let ollama: Recorder
  let proxy: Started
  function write(keys: Readonly<Record<string, string>>): void {
    const lines = Object.entries(keys).map(([name, fields]) => {
      const hash = createHash('sha256').update(secretOf(name)).digest('hex')
      return `${name}: {hash: "sha256:${hash}"${fields}}\n`
    })
    writeFileSync(file, lines.join(''))
  }
  const ALL = { viewer: ', may: [view]', alice: ', tokens: {day: 10}', bob: '' }
  const { bob } = ALL
  before(async () => {
    ollama = await Recorder.start((request, response) => {
      if (request.url !== '/api/chat') return false
      response.end('{"done":true,"prompt_eval_count":5,"eval_count":7}\n')
      return true
    })
  })
  beforeEach(async () => {
    write(ALL)
    proxy = await startProxy(node, ollama.url, [], {
      KEYS_FILE: file,
      TRUSTED_PROXIES: THE_SUITE,
      USAGE_DIR: join(folder, 'usage'),
    })
  })
  after(async () => {
    await ollama.stop()
    rmSync(folder, { recursive: true })
  })

  const get = (path: string, name: string, signal: AbortSignal | null = null) =>
    fetch(proxy.url + path, { headers: { ...bearer(name), ...elsewhere }, signal })
  async function chat(name: string): Promise<number> {
    const headers = { ...bearer(name), ...elsewhere }
    const body = '{"model":"llama3.2","messages":[{}],"stream":false}'
    const answer = await fetch(`${proxy.url}/api/chat`, { method: 'POST', headers, body })
    await answer.text()
    return answer.status
  }

  it('no longer follows the queue', async () => {
    const leaving = new AbortController()
    try {
      const events = await get('/queue/events', 'viewer', leaving.signal)
      assert.equal(events.status, 200)
      let text = ''
      let ended = false
      const read = async () => {
        for await (const part of events.body ?? []) text += Buffer.from(part).toString()
        ended = true
      }
      read().catch(() => {
        ended = true
      })
      await until('the first events are here', () => text.includes('event: stats'))
      write({ bob })
      await until('the key is gone', async () => (await get('/queue/stats', 'viewer')).status === 401)
      const before = text.length
      assert.equal(await chat('bob'), 200)
      await until(
        'a call of somebody else is shown, or the stream is over',
        () => ended || text.length > before,
      )
      assert.ok(ended, `got after its end: ${text.slice(before, before + 120)}`)
    } finally {
      leaving.abort()
      await proxy.stop('SIGKILL')
    }
  })

  it('has used what it has used when it is back', async () => {
    try {
      assert.deepEqual([await chat('alice'), await chat('alice')], [200, 429])
      write({ bob })
      await until('the key is gone', async () => (await get('/queue/me', 'alice')).status === 401)
      write(ALL)
      await until('the key is back', async () => (await get('/queue/me', 'alice')).status === 200)
      assert.equal(await chat('alice'), 429)
    } finally {
      await proxy.stop('SIGKILL')
    }
  })
})

describe('a pipe among the usage files', () => {
  it('does not hold up the start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hostile-keys-'))
    const day = new Date().toLocaleDateString('sv')
    execFileSync('mkfifo', [join(folder, `usage-${day}.jsonl`)])
    const ollama = await Recorder.start()
    const starting = startProxy(node, ollama.url, [], { USAGE_DIR: folder, PATH: process.env.PATH ?? '' })
    let started: Started | undefined
    void starting.then((proxy) => {
      started = proxy
    })
    try {
      await until('the proxy listens', () => started !== undefined, 8_000)
    } finally {
      // Ends the waiting for a writer, so that the program can be stopped. Without a reader this would fail.
      if (started === undefined)
        execFileSync('timeout', ['2', 'sh', '-c', `echo > ${join(folder, `usage-${day}.jsonl`)}`])
      await (await starting).stop('SIGKILL')
      await ollama.stop()
      rmSync(folder, { recursive: true })
    }
  })
})
