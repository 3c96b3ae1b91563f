import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ConfigFile } from '../conformance/config-file.ts'
import { node, type Started, startProxy } from '../conformance/pair.ts'
import { ask } from '../conformance/raw-answer.ts'
import { RawCall } from '../conformance/raw-call.ts'
import { ScriptedOllama } from '../conformance/scripted-ollama.ts'
import { until } from '../support/until.ts'
import { Front, replaceOnce } from './front.ts'
import { siteConfig } from './nginx.ts'

const TOKEN = 'open-sesame-1234'
const HAPROXY = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'deploy', 'haproxy.cfg'), 'utf8')
/** What the example has besides, each of which would turn a stranger away before the proxy has to. */
const OTHER_BOLTS = [
  'http-request deny deny_status 421 unless { req.hdr(host),host_only -i ollama.example.com }',
  'http-request deny deny_status 404 if { var(txn.path) -m beg -i /admin /metrics /dashboard }',
  'http-request set-header Host localhost',
]

const nginx = (proxyPort: number, more: string) =>
  Front.start(
    'nginx',
    (port, folder) =>
      siteConfig(
        folder,
        `server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${proxyPort}; ${more} } }`,
      ),
    (file) => ['-c', file, '-e', 'stderr'],
  )

const haproxy = (config: (port: number) => string) =>
  // -db keeps it in the foreground.
  Front.start('haproxy', config, (file) => ['-db', '-f', file])

const bareHaproxy = (proxyPort: number) =>
  haproxy(
    (port) => `defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend clients
  bind 127.0.0.1:${port}
  default_backend proxy
backend proxy
  server proxy 127.0.0.1:${proxyPort}
`,
  )

/** The shipped example, its two addresses replaced. */
const shippedHaproxy = (proxyPort: number, change = (config: string) => config) =>
  haproxy((port) =>
    replaceOnce(
      replaceOnce(change(HAPROXY), 'bind 0.0.0.0:80\n', `bind 127.0.0.1:${port}\n`),
      'server guard 127.0.0.1:8080\n',
      `server guard 127.0.0.1:${proxyPort}\n`,
    ),
  )

const post = (path: string, host: string, more: readonly string[] = []) =>
  [`POST ${path} HTTP/1.1`, `Host: ${host}`, 'Content-Length: 0', ...more, '', ''].join('\r\n')
const RESET = '/admin/queue/reset'
/** Ollama's answer to this one begins and never ends. */
const HELD = '/api/chat'

describe('who comes through a server on this machine', () => {
  let ollama: ScriptedOllama
  let config: ConfigFile
  let open: Started
  let closed: Started
  before(async () => {
    ollama = await ScriptedOllama.start((request, response) => {
      if (request.url === HELD) response.write('{"done":false}\n')
      else response.end('{}')
    })
    config = await ConfigFile.write(`admin_token: ${TOKEN}\n`)
    open = await startProxy(node, ollama.url, [])
    closed = await startProxy(node, ollama.url, ['--config', config.path])
  })
  after(async () => {
    await open?.stop('SIGKILL')
    await closed?.stop('SIGKILL')
    await ollama?.stop()
    await config?.remove()
  })

  /** What a stranger gets who knows the address of the proxy and says that it is theirs. */
  async function asStranger(proxy: Started, start: (proxyPort: number) => Promise<Front>): Promise<number> {
    const front = await start(proxy.port)
    try {
      return (await ask(front.port, post(RESET, `127.0.0.1:${proxy.port}`))).status
    } finally {
      await front.stop()
    }
  }

  const TOLD: readonly (readonly [what: string, start: (proxyPort: number) => Promise<Front>])[] = [
    ['nginx, with nothing but proxy_pass', (port) => nginx(port, '')],
    ['nginx, in HTTP/1.1', (port) => nginx(port, 'proxy_http_version 1.1;')],
    [
      'nginx, as most guides have it for web sockets',
      (port) =>
        nginx(
          port,
          'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
        ),
    ],
    [
      'nginx, in HTTP/1.1 on kept connections, with X-Real-IP',
      (port) =>
        nginx(
          port,
          'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Real-IP $remote_addr;',
        ),
    ],
    [
      'HAProxy as shipped, by its forwardfor alone',
      (port) =>
        shippedHaproxy(port, (text) => OTHER_BOLTS.reduce((rest, bolt) => replaceOnce(rest, bolt, ''), text)),
    ],
  ]
  for (const [what, start] of TOLD) {
    it(`is no admin without a token: ${what}`, async () => {
      assert.equal(await asStranger(open, start), 403)
    })
  }

  const NOT_TOLD: typeof TOLD = [
    [
      'nginx, in HTTP/1.1 on kept connections, without a header of its own',
      (port) => nginx(port, 'proxy_http_version 1.1; proxy_set_header Connection "";'),
    ],
    ['HAProxy, without forwardfor', bareHaproxy],
  ]
  for (const [what, start] of NOT_TOLD) {
    it(`cannot be told from a client on this machine, and needs a token: ${what}`, async () => {
      assert.equal(await asStranger(open, start), 200, 'the documentation says that it cannot be told')
      assert.equal(await asStranger(closed, start), 401)
    })
  }

  it('is an admin with the token, through any of them', async () => {
    const front = await nginx(closed.port, '')
    try {
      const request = post(RESET, 'ollama.example.com', [`Authorization: Bearer ${TOKEN}`])
      assert.equal((await ask(front.port, request)).status, 200)
    } finally {
      await front.stop()
    }
  })

  it('gets the calls through, but no page of the operator, from HAProxy as shipped', async () => {
    const front = await shippedHaproxy(open.port)
    try {
      const host = 'ollama.example.com'
      const body = '{"model":"llama3.2","prompt":"hi"}'
      const call = post('/api/generate', host).replace('Content-Length: 0', `Content-Length: ${body.length}`)
      assert.equal((await ask(front.port, call + body)).status, 200)
      const inside = [
        RESET,
        '/%61dmin/queue/reset',
        '/admin%2Fqueue%2Freset',
        '//admin/queue/reset',
        '/%2f/%2Fadmin//queue/reset',
        '/ADMIN/queue/reset',
        '/metrics',
        '/dashboard',
        '/dashboard/page.js',
      ]
      for (const path of inside) {
        const answer = await ask(front.port, post(path, host))
        assert.equal(answer.status, 404, path)
        // The page of HAProxy itself: the proxy's own 404 is JSON.
        assert.match(answer.body, /<html>/, path)
      }
      assert.equal((await ask(front.port, post('/api/tags', 'attacker.example'))).status, 421)
    } finally {
      await front.stop()
    }
  })

  it('leaves HAProxy as shipped, and at once the slot is free', async () => {
    const front = await shippedHaproxy(open.port)
    const running = async () => {
      const { concurrency } = (await (await fetch(`${open.url}/health`)).json()) as {
        concurrency: { active_requests: number }
      }
      return concurrency.active_requests
    }
    try {
      for (const how of ['fin', 'rst'] as const) {
        const client = new RawCall(front.port)
        const body = '{"model":"llama3.2","messages":[{"role":"user","content":"hi"}]}'
        client.send(post(HELD, 'ollama.example.com').replace('Length: 0', `Length: ${body.length}`) + body)
        await until('the first piece is there', () => client.received.includes('"done":false'))
        // Clients share a page of /health for some milliseconds.
        await until('the call shows', async () => (await running()) === 1)
        client.leave(how)
        await until('the slot is free', async () => (await running()) === 0)
      }
    } finally {
      await front.stop()
    }
  })
})
