import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { OllamaKey } from '../callers/support/builders.ts'
import { GATED_ROUTES } from './gated-routes.ts'
import { bearer, CREDENTIALS, from, keyRing, secretOf, THE_SUITE } from './key-ring.ts'
import { type Started, startProxy, type Target, type Variables } from './pair.ts'
import { ask } from './raw-answer.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

type Headers = Readonly<Record<string, string>>

/** Requests that pass through without a slot. The first two are open to everybody. */
const PASSED = [
  'GET /',
  'OPTIONS /api/chat',
  'GET /v1/models',
  'GET /api/ps',
  'GET /nothing',
  'POST /api/show',
  'POST /api/me',
  'POST /api/pull',
  'POST /api/blobs/sha256:0',
  'DELETE /api/delete',
  'PUT /v1/newer',
]

/** A person, as Open WebUI tells it. */
const PERSON = {
  'x-openwebui-user-name': 'Ann',
  'x-openwebui-user-id': 'ann-7',
  'x-openwebui-user-email': 'ann@example.com',
  'x-openwebui-user-role': 'user',
  'x-openwebui-chat-id': 'chat-1',
  'x-openwebui-user-jwt': 'eyJhbGciOiJIUzI1NiJ9.e30.x',
}

const PLC = '192.0.2.20'

export function keySecrecy(target: Target): void {
  describe('what Ollama hears of a caller', () => {
    let ollama: ScriptedOllama
    /** A proxy with the keys of the ring. */
    let guarded: Started
    /** Headers of all requests since the list was emptied, flat, and what they asked for. */
    const heard: { readonly line: string; readonly headers: readonly string[] }[] = []
    before(async () => {
      ollama = await ScriptedOllama.start((request, response) => {
        heard.push({ line: `${request.method} ${request.url}`, headers: request.rawHeaders })
        request.resume().on('end', () => response.end('{}'))
      })
      guarded = await startProxy(target, ollama.url, [], { TRUSTED_PROXIES: THE_SUITE, ...ring })
    })
    beforeEach(() => {
      heard.length = 0
    })
    after(() => Promise.all([guarded.stop('SIGKILL'), ollama.stop()]))

    const signer = new OllamaKey()
    const ring = keyRing({
      alice: { may: ['infer', 'manage'] },
      webui: { may: ['infer', 'manage'], users: 'open-webui' },
      signer: { ed25519: signer.line, may: ['infer', 'manage'] },
      plc: { address: [PLC], may: ['infer', 'manage'] },
    })
    async function withProxy(variables: Variables, work: (proxy: Started) => Promise<void>): Promise<void> {
      const proxy = await startProxy(target, ollama.url, [], { TRUSTED_PROXIES: THE_SUITE, ...variables })
      try {
        await work(proxy)
      } finally {
        await proxy.stop('SIGKILL')
      }
    }
    const valuesOf = (name: string) =>
      heard.flatMap(({ headers }) =>
        headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name),
      )

    /** Asks for everything once. `headers` may depend on method and target: a signature does. */
    async function askAll(
      proxy: Started,
      headers: (method: string, target: string) => Headers,
    ): Promise<void> {
      const query = `?ts=${Math.floor(Date.now() / 1_000)}`
      const requests: [string, RequestInit][] = [
        ...GATED_ROUTES.map(({ path, request }): [string, RequestInit] => [path, request('llama3.2')]),
        ...PASSED.map((line): [string, RequestInit] => {
          const [method = '', path = ''] = line.split(' ')
          return [path, { method, ...(method === 'POST' && { body: '{"model":"llama3.2"}' }) }]
        }),
      ]
      for (const [path, init] of requests) {
        const own = headers(init.method ?? 'GET', path + query)
        const answer = await fetch(proxy.url + path + query, {
          ...init,
          headers: { ...own, 'x-mine': 'kept' },
        })
        assert.equal(answer.status, 200, `${init.method} ${path}`)
        await answer.text()
        assert.ok(
          heard.some(({ line }) => line === `${init.method} ${path}${query}`),
          path,
        )
      }
      assert.equal(valuesOf('x-mine').length, requests.length)
    }

    const ways: Readonly<Record<string, (method: string, target: string) => Headers>> = {
      ...Object.fromEntries(
        Object.entries(CREDENTIALS).map(([way, headers]) => [way, () => headers(secretOf('webui'))]),
      ),
      'every header at once': () => ({
        ...CREDENTIALS['Authorization: Bearer'](secretOf('webui')),
        ...CREDENTIALS['x-api-key'](secretOf('alice')),
        ...CREDENTIALS['api-key'](secretOf('mallory')),
      }),
      'a signature': (method, path) => ({ authorization: signer.authorization(method, path) }),
      'an address': () => from(PLC),
    }
    const FORBIDDEN = [
      'sk-ogp-',
      btoa(`any:${secretOf('webui')}`),
      signer.wire,
      'x-api-key',
      'api-key',
      'authorization',
      'x-openwebui-',
      'ann-7',
    ].map((text) => text.toLowerCase())

    for (const [way, headers] of Object.entries(ways)) {
      it(`is nothing of ${way}, and nothing of a person`, async () => {
        await askAll(guarded, (method, path) => ({ ...headers(method, path), ...PERSON }))
        const all = JSON.stringify(heard.map((each) => each.headers)).toLowerCase()
        for (const text of FORBIDDEN) assert.ok(!all.includes(text), text)
      })
    }

    it('is the person with forward_identity, and still no credential', async () => {
      await withProxy({ ...ring, FORWARD_IDENTITY: 'true' }, async (proxy) => {
        await askAll(proxy, () => ({ ...bearer('alice'), ...PERSON }))
        const count = GATED_ROUTES.length + PASSED.length
        assert.deepEqual(valuesOf('x-openwebui-user-id'), Array(count).fill('ann-7'))
        assert.deepEqual(valuesOf('authorization'), [])
        assert.ok(!JSON.stringify(heard).includes('sk-ogp-'))
      })
    })

    it('is the Authorization that the configuration has for Ollama', async () => {
      await withProxy({ ...ring, OLLAMA_AUTHORIZATION: 'Bearer for-ollama' }, async (proxy) => {
        await askAll(proxy, () => bearer('alice'))
        assert.deepEqual(new Set(valuesOf('authorization')), new Set(['Bearer for-ollama']))
        assert.ok(valuesOf('authorization').length >= GATED_ROUTES.length + PASSED.length)
      })
    })

    it('is every Authorization while auth is off', async () => {
      await withProxy({ MANAGE: 'open' }, async (proxy) => {
        for (const authorization of [
          'Bearer of-somebody-else',
          'Basic YTpi',
          signer.authorization('GET', '/'),
        ]) {
          heard.length = 0
          await askAll(proxy, () => ({ authorization, 'x-api-key': 'mine', ...PERSON }))
          const count = GATED_ROUTES.length + PASSED.length
          assert.deepEqual(valuesOf('authorization'), Array(count).fill(authorization))
          assert.deepEqual(valuesOf('x-api-key'), Array(count).fill('mine'))
          assert.deepEqual(valuesOf('x-openwebui-user-id'), Array(count).fill('ann-7'))
        }
      })
    })

    it('is nothing, however the name of the header is spelled or ordered', async () => {
      const secret = secretOf('alice')
      const heads = [
        `AUTHORIZATION: bEaReR ${secret}`,
        `authorization:Bearer \t${secret}  `,
        `X-API-KEY: ${secret}`,
        `API-Key: ${secret}`,
        `Authorization: Bearer ${secret}\r\nAuthorization: Bearer ${secret}`,
        `X-Api-Key: ${secret}\r\nX-Api-Key: ${secret}`,
        `Authorization: Bearer ${secret}\r\nConnection: keep-alive, x-api-key\r\nX-Api-Key: ${secret}`,
      ]
      for (const head of heads) {
        heard.length = 0
        const body = '{"model":"llama3.2","messages":[{}]}'
        const { status } = await ask(
          guarded.port,
          `POST /api/chat HTTP/1.1\r\nHost: localhost\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        )
        assert.equal(status, 200, head)
        assert.equal(heard.filter(({ line }) => line === 'POST /api/chat').length, 1)
        assert.ok(!JSON.stringify(heard).toLowerCase().includes('sk-ogp-'), head)
      }
    })

    it('is no credential of a caller who was known while auth observes', async () => {
      await withProxy({ ...ring, AUTH: 'observe' }, async (proxy) => {
        await askAll(proxy, () => ({ ...bearer('alice'), ...PERSON }))
        assert.ok(!/sk-ogp-|openwebui/i.test(JSON.stringify(heard)))
      })
    })
  })
}
