import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { modelNames } from '../../../src/cli/key/model-names.ts'
import { checkWarnings, keyWarnings } from '../../../src/cli/key/warnings.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { deadUrl, ran } from '../support/program.ts'

const HASH = `sha256:${'0a'.repeat(32)}`

function load(text: string, keys = '') {
  const readFile = (path: string) => (path.endsWith('keys.yaml') ? keys : text)
  return loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile }).config
}
const warnings = (text: string, models = ['llama3.2']) => checkWarnings(load(text), { keys: models })

describe('the warnings about keys', () => {
  it('name keys with one credential, and never show a hash', () => {
    const found = keyWarnings(
      load(`keys:
  a: { hash: "${HASH}" }
  b: { hash: "${HASH.toUpperCase().replace('SHA', 'sha')}", address: [192.0.2.1] }
  c: { address: 192.0.2.1/32 }
`),
    )
    assert.deepEqual(found, [
      'the keys a, b have the same secret: all these calls count as calls of a',
      'the keys b, c have the same address 192.0.2.1: all these calls count as calls of b',
    ])
  })

  it('name a keys_file that others can read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'guard-warn-'))
    try {
      const path = join(folder, 'keys.yaml')
      writeFileSync(path, '')
      chmodSync(path, 0o640)
      const config = load(`keys_file: ${path}`)
      assert.deepEqual(keyWarnings(config), [
        `${path} can be read by other users of this machine: chmod 600 ${path}`,
      ])
      chmodSync(path, 0o600)
      assert.deepEqual(keyWarnings(config), [])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('name globs that match no model', () => {
    const text = `keys: { a: { hash: "${HASH}", models: ["llama3.*", "qwen3*", "!x"] } }`
    assert.deepEqual(warnings(text), [
      'keys.a.models: "qwen3*" matches no model of Ollama',
      'keys.a.models: "!x" matches no model of Ollama',
    ])
    assert.deepEqual(warnings(text, ['llama3.2', 'qwen3:8b', 'x']), [])
  })

  it('tell of keys that are not used, and of management that is closed to everybody', () => {
    const key = `keys: { a: { hash: "${HASH}" } }`
    assert.match(warnings(`auth: off\n${key}`)[0] ?? '', /^auth is off: the keys are not used/)
    assert.match(warnings(`manage: keys\n${key}`)[0] ?? '', /no key may manage/)
    assert.match(warnings('manage: keys')[0] ?? '', /auth is off: no key is read/)
    assert.deepEqual(warnings(`manage: keys\nkeys: { a: { hash: "${HASH}", may: [manage] } }`), [])
    assert.deepEqual(warnings('auth: off'), [])
  })

  it('tell of a header that is believed, and of a budget without a folder', () => {
    const users = `keys: { a: { hash: "${HASH}", users: open-webui } }`
    assert.match(
      warnings(users)[0] ?? '',
      /^keys\.a\.users: without open_webui_jwt_secret .*X-OpenWebUI-User-Id/,
    )
    assert.deepEqual(warnings(`${users}\nopen_webui_jwt_secret: abc`), [])
    const budget = `keys: { a: { hash: "${HASH}", tokens: { day: 5 } } }`
    assert.match(warnings(budget)[0] ?? '', /^keys\.a has a budget and usage_dir is not set/)
    assert.deepEqual(warnings(`${budget}\nusage_dir: use`), [])
  })

  it('tell of a class above the most urgent one, and of a weight that has no effect', () => {
    const above = `keys: { a: { hash: "${HASH}", class: interactive, max_class: batch } }`
    assert.deepEqual(warnings(above), [
      'keys.a.class interactive is above its max_class batch: its calls are batch',
    ])
    const weight = `keys: { a: { hash: "${HASH}", weight: 2 } }`
    assert.deepEqual(warnings(`${weight}\nfairness: off`), ['keys.a.weight has no effect: fairness is off'])
    assert.deepEqual(warnings(weight), [])
  })

  it('say so where the models were not checked', () => {
    const config = load(`keys: { a: { hash: "${HASH}", models: [x] } }`)
    assert.deepEqual(checkWarnings(config, { why: 'Ollama is away' }), [
      'the models of the keys were not checked: Ollama is away',
    ])
  })
})

describe('modelNames', () => {
  it('asks Ollama with the Authorization of the configuration, below the path of ollama_url', async (t) => {
    let asked: unknown[] = []
    const server = createServer((request, response) => {
      asked = [request.url, request.headers.authorization]
      response.end('{"models":[{"name":"llama3.2:latest"},{"name":"Qwen3:8b"}]}')
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    const url = await urlOf(server)
    const found = await modelNames({ ollama_url: `${url}/below`, ollama_authorization: 'Bearer x' })
    assert.deepEqual(found, { keys: ['llama3.2', 'qwen3:8b'] })
    assert.deepEqual(asked, ['/below/api/tags', 'Bearer x'])
  })

  it('says why there is no list: a status, a redirect, another server, nobody', async (t) => {
    const answers: [number, string][] = [
      [401, ''],
      [302, ''],
      [200, '<html>'],
    ]
    const server = createServer((_, response) => {
      const [status, body] = answers.shift() ?? [500, '']
      response.writeHead(status, { location: '/elsewhere' }).end(body)
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    const url = await urlOf(server)
    const why = async (ollama_url: string) => {
      const found = await modelNames({ ollama_url, ollama_authorization: undefined })
      return 'why' in found ? found.why : assert.fail()
    }
    assert.match(await why(url), /answers with status 401/)
    assert.match(await why(url), /answers with status 302/)
    assert.match(await why(url), /something else than a list/)
    assert.match(await why(await deadUrl()), /does not answer$/)
  })

  it('waits two seconds for a silent Ollama, and no longer', async (t) => {
    const server = createTcpServer(() => {}).listen(0, '127.0.0.1')
    t.after(() => server.close())
    const found = await modelNames({ ollama_url: await urlOf(server), ollama_authorization: undefined })
    assert.match('why' in found ? found.why : '', /did not answer within 2 s/)
  })
})

describe('check', () => {
  it('prints the warnings to stderr, ends with 0 and keeps stdout for the values', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'guard-warn-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'config.yaml')
    const upstream = await deadUrl()
    writeFileSync(
      path,
      `ollama_url: ${upstream}\nauth: off\nkeys: { a: { hash: "${HASH}", models: [x] }, b: { hash: "${HASH}" } }\n`,
    )
    const { code, stdout, stderr } = await ran(t, ['check', '--config', path])
    assert.equal(code, 0)
    assert.equal(JSON.parse(stdout).values.auth, 'off')
    assert.deepEqual(stderr.trimEnd().split('\n'), [
      'warning: the keys a, b have the same secret: all these calls count as calls of a',
      'warning: auth is off: the keys are not used, and everybody who reaches the proxy may call',
      `warning: the models of the keys were not checked: Ollama at ${upstream} does not answer`,
    ])
  })
})

async function urlOf(
  server: { address(): AddressInfo | string | null; listening: boolean } & NodeJS.EventEmitter,
) {
  if (!server.listening) await once(server, 'listening')
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
