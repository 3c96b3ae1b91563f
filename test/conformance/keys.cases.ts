import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { OllamaKey } from '../callers/support/builders.ts'
import { bearer, CREDENTIALS, from, keyRing, namesIn, secretOf, THE_SUITE } from './key-ring.ts'
import { masked } from './masked.ts'
import { Pair, type Target } from './pair.ts'
import { ask } from './raw-answer.ts'

type Headers = Readonly<Record<string, string>>

const SENTENCE =
  'This server needs a key, and the key of this request is missing or wrong. Please ask the operator of this server for one.'

/** The whole answer to a request without a right key, by path. */
const REFUSED: Readonly<Record<string, object>> = {
  '/api/chat': { error: `invalid_api_key: ${SENTENCE}`, code: 'invalid_api_key', message: SENTENCE },
  '/v1/chat/completions': {
    error: { message: SENTENCE, type: 'invalid_request_error', param: null, code: 'invalid_api_key' },
  },
  '/v1/messages': {
    type: 'error',
    error: { type: 'authentication_error', message: SENTENCE },
    request_id: 'req_#',
  },
}

const OPEN = ['/', '/api/version', '/health', '/health/live', '/health/ready']
const CLOSED = ['/api/tags', '/api/ps', '/v1/models', '/v1/models/llama3.2', '/api/nothing', '/nothing']

/** Who asks is told by the list of models: each key may use another one. */
const MODELS = { alice: 'llama3.2:latest', signer: 'mistral:latest', plc: 'all-minilm:latest' }
const PLC = '192.0.2.20'
const BODY = JSON.stringify({ model: 'llama3.2', prompt: 'x', stream: false, options: { num_predict: 1 } })

export function keys(target: Target): void {
  describe('a caller', () => {
    const signer = new OllamaKey()
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '1000', '--prompt-rate', '100000'],
        serve: ['--parallel', '4'],
        variables: {
          ...keyRing({
            alice: { models: ['llama3.2'] },
            signer: { ed25519: signer.line, models: ['mistral'] },
            plc: { address: [PLC, '2001:db8:1::/64'], models: ['all-minilm'] },
          }),
          TRUSTED_PROXIES: THE_SUITE,
        },
      })
    })
    after(() => pair.stop())

    const get = (headers: Headers, path = '/v1/models') => fetch(pair.proxy.url + path, { headers })
    /** The models that the caller may use; the status for a request that is refused. */
    const seen = async (headers: Headers, path?: string) => {
      const answer = await get(headers, path)
      const text = await answer.text()
      return answer.status === 200 ? namesIn(JSON.parse(text)) : answer.status
    }
    const post = (path: string, headers: Headers = {}) =>
      fetch(pair.proxy.url + path, { method: 'POST', headers, body: BODY })
    let clients = 0
    /** Another address each time: an address that is wrong ten times has to wait. */
    const somewhere = () => from(`198.51.100.${++clients}`)

    for (const [way, headers] of Object.entries(CREDENTIALS)) {
      it(`is known by ${way}`, async () => {
        assert.deepEqual(await seen(headers(secretOf('alice'))), [MODELS.alice])
        const answer = await post('/api/generate', headers(secretOf('alice')))
        assert.equal(answer.status, 200)
        await answer.text()
      })

      it(`whose ${way} is wrong is nobody, whatever else is right`, async () => {
        const { submitted } = await pair.simulated()
        const wrong = headers(secretOf('mallory'))
        assert.equal(await seen({ ...somewhere(), ...wrong }), 401)
        assert.equal(await seen({ ...from(PLC), ...wrong }), 401, 'the address of a key')
        const later = Object.entries(CREDENTIALS).slice(Object.keys(CREDENTIALS).indexOf(way) + 1)
        for (const [other, next] of later)
          assert.equal(await seen({ ...next(secretOf('alice')), ...somewhere(), ...wrong }), 401, other)
        const answer = await post('/api/generate', { ...somewhere(), ...wrong })
        assert.equal(answer.status, 401)
        await answer.text()
        assert.equal((await pair.simulated()).submitted, submitted)
      })
    }

    it('is known by the signature of the ollama command, at one address and for a moment', async () => {
      const path = `/api/tags?ts=${Math.floor(Date.now() / 1_000)}`
      const authorization = signer.authorization('GET', path)
      assert.deepEqual(await seen({ authorization, ...from('198.51.100.200') }, path), [MODELS.signer])
      assert.equal(await seen({ authorization, ...from('203.0.113.9') }, path), 401, 'somebody repeats it')
      assert.equal(await seen({ authorization, ...somewhere() }, `${path}0`), 401, 'of another request')
      const old = `/api/tags?ts=${Math.floor(Date.now() / 1_000) - 400}`
      assert.equal(await seen({ authorization: signer.authorization('GET', old), ...somewhere() }, old), 401)
      const stranger = new OllamaKey().authorization('GET', path)
      assert.equal(await seen({ authorization: stranger, ...somewhere() }, path), 401)
    })

    it('is known by the address that trusted proxies tell, from the right', async () => {
      assert.deepEqual(await seen(from(PLC)), [MODELS.plc])
      assert.deepEqual(await seen(from('2001:db8:1:0:1:2:3:4')), [MODELS.plc])
      assert.deepEqual(await seen(from('203.0.113.5', PLC)), [MODELS.plc])
      assert.deepEqual(await seen(from(PLC, '127.0.0.1')), [MODELS.plc])
      assert.equal(await seen(from(PLC, '203.0.113.5')), 401, 'a client wrote the left entry')
      assert.equal(await seen(from('2001:db8:2::1')), 401)
      assert.equal(await seen({}), 401)
    })

    it('with two different secrets in one header is nobody', async () => {
      const secrets = [secretOf('alice'), secretOf('mallory')]
      for (const [first = '', second = ''] of [secrets, secrets.toReversed()]) {
        for (const name of ['Authorization: Bearer ', 'X-Api-Key: ']) {
          const lines = Object.entries(somewhere()).map(([key, value]) => `${key}: ${value}\r\n`)
          const { status } = await ask(
            pair.proxy.port,
            `GET /v1/models HTTP/1.1\r\nHost: localhost\r\n${name}${first}\r\n${name}${second}\r\n${lines.join('')}\r\n`,
          )
          assert.equal(status, 401, name)
        }
      }
    })

    it('that is wrong ten times at an address has to wait, and the right key there does not', async () => {
      const address = from('203.0.113.77')
      for (let count = 0; count < 10; count++)
        assert.equal(await seen({ ...CREDENTIALS['x-api-key'](`guess-${count}`), ...address }), 401)
      const answer = await get({ ...bearer('mallory'), ...address })
      assert.equal(answer.status, 429)
      assert.equal(answer.headers.get('retry-after'), '1')
      await answer.text()
      assert.deepEqual(await seen({ ...bearer('alice'), ...address }), [MODELS.alice])
    })

    for (const [path, body] of Object.entries(REFUSED)) {
      it(`without a key gets 401 in the words of ${path}`, async () => {
        for (const headers of [{}, { ...bearer('mallory'), ...somewhere() }]) {
          const answer = await post(path, headers)
          assert.equal(answer.status, 401)
          assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="ollama-guard-proxy"')
          assert.equal(answer.headers.get('cache-control'), 'no-store')
          assert.equal(masked(await answer.text()), JSON.stringify(body))
        }
      })
    }

    it('without a key sees that the proxy and Ollama are there, and nothing else', async () => {
      for (const path of OPEN)
        for (const headers of [somewhere(), { ...bearer('mallory'), ...somewhere() }])
          assert.equal(await statusOf(path, headers), 200, path)
      for (const path of CLOSED) assert.equal(await statusOf(path, somewhere()), 401, path)
    })
    const statusOf = async (path: string, headers: Headers) => {
      const answer = await get(headers, path)
      await answer.text()
      return answer.status
    }

    it('without a key sees no page of ours from elsewhere', async () => {
      for (const path of ['/queue/stats', '/queue/memory', '/config'])
        assert.equal(await statusOf(path, somewhere()), 401, path)
    })

    it('is not asked for a key by a preflight', async () => {
      for (const path of ['/api/chat', '/v1/chat/completions', '/api/pull']) {
        const answer = await fetch(pair.proxy.url + path, {
          method: 'OPTIONS',
          headers: { origin: 'http://localhost:3000', 'access-control-request-method': 'POST' },
        })
        assert.equal(answer.status, 204, path)
      }
    })
  })

  describe('auth', () => {
    const start = (variables: Headers) =>
      Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '1000', '--prompt-rate', '100000'],
        serve: ['--parallel', '4'],
        variables,
      })
    const ASKERS = { nobody: {}, mallory: bearer('mallory'), alice: bearer('alice') }
    const ring = keyRing({ alice: { models: ['mistral'] } })
    const modes = {
      observe: { ...ring, AUTH: 'observe' },
      'off with keys': { ...ring, AUTH: 'off' },
      'off without keys': {},
    }

    for (const [mode, variables] of Object.entries(modes)) {
      it(`${mode} serves everybody everything`, async () => {
        const pair = await start(variables)
        try {
          for (const [who, headers] of Object.entries(ASKERS)) {
            const list = await fetch(`${pair.proxy.url}/v1/models`, { headers })
            assert.equal(namesIn(await list.json()).length, 5, who)
            const answer = await fetch(`${pair.proxy.url}/api/generate`, {
              method: 'POST',
              headers,
              body: BODY,
            })
            assert.equal(answer.status, 200, who)
            await answer.text()
          }
          assert.equal((await pair.simulated()).submitted, 3)
          assert.ok((await pair.models())['llama3.2'], 'the pages are open')
          if (target.gaps?.monitor) return
          const stats = await fetch(`${pair.proxy.url}/queue/stats`)
          const { auth } = (await stats.json()) as { auth: { mode: string; refused: object } }
          assert.deepEqual(auth, {
            mode: mode.replace(/ .*/, ''),
            refused: mode === 'observe' ? { no_key: 2, wrong_key: 2, model_not_allowed: 1 } : {},
          })
        } finally {
          await pair.stop()
        }
      })
    }
  })
}
