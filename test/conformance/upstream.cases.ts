import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type RequestListener, type Server } from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { type Started, startProxy, type Target } from './pair.ts'
import { SELF_SIGNED } from './self-signed.ts'

const OURS = 'Bearer upstream-secret'
const TOKEN = 'token-of-the-tests'
const CHAT = '{"model":"llama3.2","messages":[{"role":"user","content":"x"}],"stream":false}'

interface Health {
  readonly status: string
  readonly upstream: {
    readonly reachable: boolean
    readonly version: string | null
    readonly status: number | null
    readonly error: { readonly code: string; readonly message: string; readonly advice: string } | null
  }
}

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A proxy with settings of its own before a server that the test plays, probes included. */
class SetUp {
  readonly proxy: Started
  readonly #server: net.Server
  readonly #config: ConfigFile

  private constructor(proxy: Started, server: net.Server, config: ConfigFile) {
    this.proxy = proxy
    this.#server = server
    this.#config = config
  }

  static async start(target: Target, server: net.Server, settings: string, scheme = 'http'): Promise<SetUp> {
    const config = await ConfigFile.write(settings)
    const url = `${scheme}://localhost:${await listening(server)}`
    return new SetUp(await startProxy(target, url, ['--config', config.path]), server, config)
  }

  async ready(): Promise<number> {
    const answer = await fetch(`${this.proxy.url}/health/ready`)
    await answer.arrayBuffer()
    return answer.status
  }

  async health(): Promise<Health> {
    return (await (await fetch(`${this.proxy.url}/health`)).json()) as Health
  }

  async chat(headers: Readonly<Record<string, string>> = {}, path = '/api/chat'): Promise<Response> {
    return fetch(this.proxy.url + path, { method: 'POST', body: CHAT, headers })
  }

  async stop(): Promise<void> {
    await this.proxy.stop('SIGKILL')
    const closed = once(this.#server, 'close')
    this.#server.close()
    if (this.#server instanceof http.Server || this.#server instanceof https.Server)
      this.#server.closeAllConnections()
    await closed
    await this.#config.remove()
  }
}

const served = (answer: RequestListener): Server => http.createServer(answer)

/** What a server says to everybody who asks for the version, and what it is called. */
const ODD_PROBES: readonly [what: string, code: string, answer: RequestListener][] = [
  ['401', 'HTTP_401', (_request, response) => response.writeHead(401).end('who are you?')],
  [
    '301 to https',
    'HTTP_301',
    (_request, response) => response.writeHead(301, { location: 'https://ollama.invalid/api/version' }).end(),
  ],
]

export function upstreams(target: Target): void {
  describe('a server before Ollama', () => {
    for (const [what, code, answer] of ODD_PROBES) {
      it(`that answers the probe with ${what} is reachable, and stays so under traffic`, async () => {
        const setUp = await SetUp.start(
          target,
          served((request, response) =>
            request.url === '/api/version' ? answer(request, response) : response.end('{"done":true}'),
          ),
          '',
        )
        try {
          for (let round = 0; round < 3; round++) {
            assert.equal(await setUp.ready(), 200)
            assert.equal((await setUp.chat()).status, 200)
            // One more finding than what the calls see: a worker's probe comes when it is asked for.
            const { status, upstream } = await setUp.health()
            assert.deepEqual(
              [status, upstream.reachable, upstream.status, upstream.error?.code],
              ['healthy', true, Number.parseInt(what, 10), code],
            )
          }
          if (target.gaps?.lifecycle) return
          const lines = setUp.proxy.output
            .split('\n')
            .filter((line) => line.includes('the version probe with'))
          assert.equal(lines.filter((line) => line.startsWith('{')).length, 1, lines.join('\n'))
        } finally {
          await setUp.stop()
        }
      })
    }

    it('is another program when it answers the probe with a page, whatever the calls get', async () => {
      const setUp = await SetUp.start(
        target,
        served((_request, response) =>
          response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>'),
        ),
        '',
      )
      try {
        for (let round = 0; round < 3; round++) {
          assert.equal(await setUp.ready(), 503)
          assert.equal((await setUp.chat()).status, 200)
          const { status, upstream } = await setUp.health()
          assert.deepEqual([status, upstream.status, upstream.error?.code], ['degraded', 200, 'NOT_OLLAMA'])
        }
      } finally {
        await setUp.stop()
      }
    })
  })

  describe('one broken answer', () => {
    it('does not change the readiness, two in a row do, and a good one brings it back', async () => {
      let broken = 0
      const setUp = await SetUp.start(
        target,
        served((request, response) => {
          if (broken > 0) {
            broken--
            request.socket.destroy()
          } else response.end(request.url === '/api/version' ? '{"version":"0.33.0"}' : '{"done":true}')
        }),
        '',
      )
      try {
        assert.equal(await setUp.ready(), 200)
        broken = 1
        assert.equal((await setUp.chat()).status, 502)
        assert.equal(await setUp.ready(), 200)
        assert.equal((await setUp.chat()).status, 200)
        broken = Number.POSITIVE_INFINITY
        assert.equal((await setUp.chat()).status, 502)
        assert.equal((await setUp.chat()).status, 502)
        await until('it is not ready', async () => (await setUp.ready()) === 503)
        broken = 0
        assert.equal((await setUp.chat()).status, 200)
        await until('it is ready', async () => (await setUp.ready()) === 200)
      } finally {
        await setUp.stop()
      }
    })
  })

  describe('ollama_authorization', () => {
    const seen: { url: string | undefined; authorization: string | undefined }[] = []
    let setUp: SetUp
    before(async () => {
      const server = served((request, response) => {
        const { url, headers } = request
        const { authorization } = headers
        seen.push({ url, authorization })
        if (authorization === undefined) response.writeHead(401).end()
        else response.end(url === '/api/version' ? '{"version":"0.33.0"}' : '{"done":true}')
      })
      setUp = await SetUp.start(target, server, `ollama_authorization: ${OURS}\nadmin_token: ${TOKEN}\n`)
    })
    after(() => setUp.stop())

    const sent = async (headers: Readonly<Record<string, string>>, path = '/api/chat') => {
      seen.length = 0
      const answer = await setUp.chat(headers, path)
      await answer.arrayBuffer()
      return seen.filter(({ url }) => url === path).map(({ authorization }) => authorization)
    }

    it('goes with the probes', async () => {
      assert.equal(await setUp.ready(), 200)
      assert.equal((await setUp.health()).upstream.version, '0.33.0')
    })

    for (const path of ['/api/chat', '/v1/chat/completions', '/api/show']) {
      it(`goes with ${path} where the client has none, and gives way where it has`, async () => {
        assert.deepEqual(await sent({}, path), [OURS])
        assert.deepEqual(await sent({ authorization: 'Bearer mine' }, path), ['Bearer mine'])
        assert.deepEqual(await sent({ Authorization: 'Basic bWluZTptaW5l' }, path), ['Basic bWluZTptaW5l'])
      })

      it(`takes the place of the admin token on ${path}`, async () => {
        assert.deepEqual(await sent({ authorization: `Bearer ${TOKEN}` }, path), [OURS])
        assert.deepEqual(await sent({ authorization: `Bearer x, bearer  ${TOKEN}` }, path), [OURS])
      })
    }

    it('is shown nowhere', async () => {
      const config = await (await fetch(`${setUp.proxy.url}/config`)).text()
      assert.match(config, /"ollama_authorization":"\*\*\*"/)
      const health = await (await fetch(`${setUp.proxy.url}/health`)).text()
      assert.doesNotMatch(config + health + setUp.proxy.output, /upstream-secret|token-of-the-tests/)
    })
  })

  describe('an Ollama that cannot be reached', () => {
    /** Codes that a Worker is not told. */
    const told = (code: string) => (target.gaps?.upstreamCauses ? 'UNKNOWN' : code)

    /** What is said of it, from the start to a call. */
    const isSaid = async (url: string, code: string, status = 502): Promise<string> => {
      const proxy = await startProxy(target, url, ['--timeout', '4'])
      try {
        const health = (await (await fetch(`${proxy.url}/health`)).json()) as Health
        assert.deepEqual([health.upstream.reachable, health.upstream.error?.code], [false, code])
        const answer = await fetch(`${proxy.url}/api/chat`, { method: 'POST', body: CHAT })
        assert.equal(answer.status, status)
        // The cause is for the operator alone.
        assert.doesNotMatch(await answer.text(), /[A-Z]{4,}_|ECONN|ENOT|certificate|localhost/)
        if (target.gaps?.lifecycle) return ''
        await until('the start says why', () => proxy.output.includes(`(${code}): `))
        await until('the call says why', () => proxy.output.includes(`"outcome":"failed","reason":"${code}"`))
        assert.match(proxy.output, new RegExp(`"level":"warn".*"code":"${code}"`))
        return proxy.output
      } finally {
        await proxy.stop('SIGKILL')
      }
    }

    it('because nothing listens there', async () => {
      const server = net.createServer()
      const port = await listening(server)
      server.close()
      const output = await isSaid(`http://127.0.0.1:${port}`, told('ECONNREFUSED'))
      if (output !== '') assert.match(output, /ollama serve/)
    })

    it('because its name does not exist', async () => {
      const output = await isSaid('http://nothing.invalid:11434', told('ENOTFOUND'))
      assert.doesNotMatch(output, /ollama serve/)
    })

    it('because its certificate is its own', async () => {
      const server = https.createServer(SELF_SIGNED, (_request, response) => response.end('{"version":"1"}'))
      const port = await listening(server)
      try {
        const output = await isSaid(`https://localhost:${port}`, told('DEPTH_ZERO_SELF_SIGNED_CERT'))
        if (output !== '') assert.match(output, /NODE_EXTRA_CA_CERTS/)
        assert.doesNotMatch(output, /ollama serve/)
      } finally {
        server.close()
        server.closeAllConnections()
      }
    })

    it('because it does not speak https', async () => {
      const server = served((_request, response) => response.end('{"version":"1"}'))
      const port = await listening(server)
      try {
        await isSaid(`https://localhost:${port}`, told('ERR_SSL_WRONG_VERSION_NUMBER'))
      } finally {
        server.close()
        server.closeAllConnections()
      }
    })

    it('because it does not speak HTTP', async () => {
      const server = net.createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
      })
      const port = await listening(server)
      const sockets = new Set<net.Socket>()
      server.on('connection', (socket) => sockets.add(socket))
      try {
        // workerd waits for an answer that could be HTTP until the probe, and then the call, is late.
        if (target.gaps?.upstreamCauses) await isSaid(`http://localhost:${port}`, 'ETIMEDOUT', 504)
        else await isSaid(`http://localhost:${port}`, 'NOT_HTTP')
      } finally {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
    })
  })

  describe('first_byte_timeout', () => {
    const slow = () =>
      served((request, response) => {
        if (request.url === '/api/version') response.end('{"version":"0.33.0"}')
        else setTimeout(() => response.end('{"done":true}'), 2_500)
      })

    it('of 0 lets Ollama take longer than request_timeout', async () => {
      const setUp = await SetUp.start(target, slow(), 'request_timeout: 1\nfirst_byte_timeout: 0\n')
      try {
        assert.equal((await setUp.chat()).status, 200)
      } finally {
        await setUp.stop()
      }
    })

    it('ends the silence of Ollama, without a Retry-After, long before request_timeout', async () => {
      const setUp = await SetUp.start(target, slow(), 'request_timeout: 60\nfirst_byte_timeout: 0.5\n')
      try {
        const answer = await setUp.chat()
        assert.equal(answer.status, 504)
        assert.equal(answer.headers.get('retry-after'), null)
      } finally {
        await setUp.stop()
      }
    })
  })
}
