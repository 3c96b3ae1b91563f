import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bearer, from, keyRing, namesIn, THE_SUITE } from '../conformance/key-ring.ts'
import { node, type Started, startProxy, type Variables } from '../conformance/pair.ts'
import { Recorder } from './recorder.ts'

const TOKEN = 'of-the-operator'

describe('what strangers and callers can find out', () => {
  let ollama: Recorder
  /** Answers 503 to as many requests for a list as this says. */
  let broken = 0
  before(async () => {
    ollama = await Recorder.start((request, response) => {
      response.setHeader('Access-Control-Allow-Origin', 'http://page.example')
      if (request.url !== '/api/tags' || broken === 0) return false
      broken--
      response.writeHead(503).end()
      return true
    })
  })
  after(() => ollama.stop())

  async function withProxy(variables: Variables, work: (proxy: Started) => Promise<void>): Promise<void> {
    const proxy = await startProxy(node, ollama.url, [], { TRUSTED_PROXIES: THE_SUITE, ...variables })
    try {
      await work(proxy)
    } finally {
      await proxy.stop('SIGKILL')
    }
  }

  it('is no list of all models while Ollama stumbles', () =>
    withProxy(keyRing({ alice: { models: ['llama3.2'] } }), async ({ url }) => {
      broken = 1
      const answer = await fetch(`${url}/api/tags`, { headers: bearer('alice') })
      const text = await answer.text()
      if (answer.status === 200) assert.deepEqual(namesIn(JSON.parse(text)), ['llama3.2:latest'])
    }))

  it('is their list in a web page that Ollama allows', () =>
    withProxy(keyRing({ alice: { models: ['llama3.2'] }, bob: {} }), async ({ url }) => {
      const allowed: (string | null)[] = []
      for (const name of ['bob', 'alice']) {
        const answer = await fetch(`${url}/api/tags`, {
          headers: { ...bearer(name), origin: 'http://page.example' },
        })
        await answer.text()
        allowed.push(answer.headers.get('access-control-allow-origin'))
      }
      assert.deepEqual(allowed, ['http://page.example', 'http://page.example'])
    }))

  it('is nothing of a model that is not allowed', () =>
    withProxy(keyRing({ alice: { models: ['llama3.2'] } }), async ({ url }) => {
      const show = { method: 'POST', body: '{"model":"secret"}' }
      const asked: [string, RequestInit][] = [
        ['/api/show', show],
        ['/v1/models/secret', {}],
      ]
      const statuses: number[] = []
      for (const [path, init] of asked)
        statuses.push((await fetch(url + path, { ...init, headers: bearer('alice') })).status)
      assert.ok(
        statuses.every((status) => status === 403 || status === 404),
        `${statuses}`,
      )
    }))

  it('is not the admin token, by guesses at a page', () =>
    withProxy({ ...keyRing({ alice: {} }), ADMIN_TOKEN: TOKEN }, async ({ url }) => {
      const guess = async (token: string) => {
        const headers = { authorization: `Bearer ${token}`, ...from('203.0.113.7') }
        return (await fetch(`${url}/queue/stats`, { headers })).status
      }
      for (let i = 0; i < 300; i++) await guess(`wrong-${i}`)
      assert.notEqual(await guess(TOKEN), 200, 'the 301st guess in a second is looked at')
    }))

  it('locks no operator out who comes through the same trusted proxy', () =>
    withProxy({ ...keyRing({ alice: {} }), ADMIN_TOKEN: TOKEN }, async ({ url }) => {
      const reset = (token: string, address: string) =>
        fetch(`${url}/admin/queue/resume`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, ...from(address) },
        })
      for (let i = 0; i < 30; i++) await reset('wrong', '203.0.113.7')
      const { status } = await reset(TOKEN, '198.51.100.1')
      assert.notEqual(status, 429)
    }))
})
