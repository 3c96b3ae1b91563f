import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bearer, from, keyRing, secretOf, THE_SUITE } from './key-ring.ts'
import { type Started, startProxy, type Target, type Variables } from './pair.ts'
import { ask } from './raw-answer.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

type Headers = Readonly<Record<string, string>>

/** Requests that change Ollama, and requests that a newer Ollama could have. */
const MANAGEMENT = [
  'POST /api/pull',
  'POST /api/push',
  'POST /api/create',
  'POST /api/copy',
  'DELETE /api/delete',
  'POST /api/blobs/sha256:0',
  'POST /api/signout',
  'DELETE /api/user/keys/x',
  'POST /api/experimental/web_search',
  'POST /api/newer',
  'POST /v1/newer',
  'PUT /api/show',
  'PATCH /v1/models/llama3.2',
  'DELETE /v1/models/llama3.2',
  'POST /API/pull',
  'POST /api//pull',
  'POST /api/%70ull',
]

/** Whether a request that changes Ollama goes through, by the setting, for each kind of client. */
const PASSES = {
  local: { nobody: 401, alice: 403, ops: 200, nobodyHere: 200, aliceHere: 200 },
  keys: { nobody: 401, alice: 403, ops: 200, nobodyHere: 401, aliceHere: 403 },
  open: { nobody: 401, alice: 200, ops: 200, nobodyHere: 401, aliceHere: 200 },
} as const

/** The same while nobody needs a key. */
const WITHOUT_KEYS = { local: [403, 200], keys: [403, 403], open: [200, 200] } as const

export function keyManagement(target: Target): void {
  describe('management of Ollama', () => {
    let ollama: ScriptedOllama
    const heard: string[] = []
    before(async () => {
      ollama = await ScriptedOllama.start((request, response) => {
        heard.push(`${request.method} ${request.url}`)
        request.resume().on('end', () => response.end('{}'))
      })
    })
    after(() => ollama.stop())

    async function withProxy(variables: Variables, work: (proxy: Started) => Promise<void>): Promise<void> {
      const proxy = await startProxy(target, ollama.url, [], {
        TRUSTED_PROXIES: THE_SUITE,
        MANAGE: 'local',
        ...variables,
      })
      try {
        await work(proxy)
      } finally {
        await proxy.stop('SIGKILL')
      }
    }
    /** The statuses of all requests, each once. A request is at Ollama exactly if its status is 200. */
    async function statuses(proxy: Started, headers: Headers): Promise<readonly number[]> {
      const seen = new Set<number>()
      for (const line of MANAGEMENT) {
        const [method = '', path = ''] = line.split(' ')
        heard.length = 0
        const body = method === 'POST' ? '{"model":"llama3.2"}' : null
        const answer = await fetch(proxy.url + path, { method, headers, body })
        const text = await answer.text()
        seen.add(answer.status)
        if (answer.status === 403) assert.match(text, /the setting \\"manage\\"/, line)
        assert.equal(heard.includes(line), answer.status === 200, `${line} ${answer.status}`)
      }
      return [...seen]
    }
    const ring = keyRing({ alice: {}, ops: { may: ['infer', 'manage'] } })
    const elsewhere = from('198.51.100.1')

    for (const [manage, passes] of Object.entries(PASSES)) {
      it(`with manage: ${manage} is open to those who may`, async () => {
        await withProxy({ ...ring, MANAGE: manage }, async (proxy) => {
          assert.deepEqual(await statuses(proxy, elsewhere), [passes.nobody])
          assert.deepEqual(await statuses(proxy, { ...bearer('alice'), ...elsewhere }), [passes.alice])
          assert.deepEqual(await statuses(proxy, { ...bearer('ops'), ...elsewhere }), [passes.ops])
          assert.deepEqual(await statuses(proxy, {}), [passes.nobodyHere])
          assert.deepEqual(await statuses(proxy, bearer('alice')), [passes.aliceHere])
          assert.deepEqual(await statuses(proxy, { 'x-api-key': secretOf('mallory') }), [401, 429])
        })
      })
    }

    for (const [manage, [there, here]] of Object.entries(WITHOUT_KEYS)) {
      it(`with manage: ${manage} and no keys is ${there === 200 ? 'open' : 'closed'} from elsewhere`, async () => {
        await withProxy({ MANAGE: manage }, async (proxy) => {
          assert.deepEqual(await statuses(proxy, elsewhere), [there])
          assert.deepEqual(await statuses(proxy, {}), [here])
        })
      })
    }

    if (!target.gaps?.monitor)
      it('on a route that nobody knows is told once, when it reaches Ollama', async () => {
        await withProxy({ MANAGE: 'open' }, async (proxy) => {
          for (let count = 0; count < 3; count++) await statuses(proxy, {})
          for (const path of ['/api/newer', '/v1/newer']) {
            const lines = proxy.output.split('\n').filter((line) => line.includes(`"path":"${path}"`))
            const told = lines.filter((line) => line.includes('a route that this proxy does not know'))
            assert.equal(told.length, 1, path)
          }
          assert.doesNotMatch(proxy.output, /does not know went[^\n]*"path":"\/api\/pull"/)
        })
      })

    it('is closed while auth only observes, to those who may not', async () => {
      await withProxy({ ...ring, AUTH: 'observe' }, async (proxy) => {
        assert.deepEqual(await statuses(proxy, { ...bearer('alice'), ...elsewhere }), [403])
        assert.deepEqual(await statuses(proxy, { ...bearer('ops'), ...elsewhere }), [200])
        assert.deepEqual(await statuses(proxy, elsewhere), [403])
        assert.deepEqual(await statuses(proxy, { ...bearer('mallory'), ...elsewhere }), [403])
      })
    })

    it('is not for a request that shows another name or another way here', async () => {
      const signs = {
        ...(!target.gaps?.ownPort && {
          'another port in Host': 'Host: localhost:1\r\n',
          'no port in Host': 'Host: localhost\r\n',
        }),
        'a name of the network': 'Host: gpu.local\r\n',
        'X-Forwarded-For': 'Host: localhost:PORT\r\nX-Forwarded-For: 127.0.0.1\r\n',
        'X-Real-IP': 'Host: localhost:PORT\r\nX-Real-IP: 127.0.0.1\r\n',
        Via: 'Host: localhost:PORT\r\nVia: 1.1 proxy\r\n',
        'another site': 'Host: localhost:PORT\r\nOrigin: http://evil.localhost\r\n',
      }
      await withProxy({}, async (proxy) => {
        for (const [sign, lines] of Object.entries(signs)) {
          heard.length = 0
          const head = lines.replace('PORT', String(proxy.port))
          const request = `POST /api/pull HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\n{}`
          const { status, body } = await ask(proxy.port, request)
          assert.equal(status, 403, sign)
          assert.match(body, /route_not_allowed/, sign)
          assert.deepEqual(heard, [], sign)
        }
      })
    })

    it('does not read the body of what it refuses, and keeps reads and calls open', async () => {
      await withProxy({ ...ring, MANAGE: 'keys' }, async (proxy) => {
        const body = JSON.stringify({ model: 'llama3.2', messages: [{}] })
        for (const path of ['/api/chat', '/api/show', '/api/me', '/v1/messages/count_tokens']) {
          const answer = await fetch(proxy.url + path, { method: 'POST', headers: bearer('alice'), body })
          assert.equal(answer.status, 200, path)
          await answer.text()
        }
        const head = `POST /api/blobs/sha256:0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${secretOf('alice')}\r\n`
        const { status } = await ask(proxy.port, `${head}Content-Length: 1000000000\r\n\r\n`)
        assert.equal(status, 403)
      })
    })
  })
}
