import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { node } from '../conformance/pair.ts'
import { answerOn } from '../conformance/signs-answers.ts'
import { NOTIFY, quickSigns, SignsSetUp, withoutSigns } from '../conformance/signs-setup.ts'
import { until } from '../support/until.ts'
import { Front } from './front.ts'
import { siteConfig } from './nginx.ts'

/** Seconds. */
const READ_TIMEOUT = 2

const CALLS = [
  ['/api/chat', true],
  ['/v1/chat/completions', true],
  ['/v1/messages', true],
  ['/api/chat', false],
  ['/v1/chat/completions', false],
] as const

describe(`nginx with a read timeout of ${READ_TIMEOUT} s`, () => {
  let setUp: SignsSetUp
  let nginx: Front
  before(async () => {
    setUp = await SignsSetUp.start(node, { variables: quickSigns('always') })
    // Everything else is nginx's default: it gathers answers, and speaks HTTP/1.0 to the proxy.
    const location = `proxy_pass http://127.0.0.1:${setUp.proxy.port}; proxy_read_timeout ${READ_TIMEOUT}s;`
    nginx = await Front.start(
      'nginx',
      (port, folder) => siteConfig(folder, `server { listen 127.0.0.1:${port}; location / { ${location} } }`),
      (file) => ['-c', file, '-e', 'stderr'],
    )
  })
  after(async () => {
    await nginx?.stop()
    await setUp?.stop()
  })

  it('lets calls wait longer that get signs of life, also packed by gzip, and gives up all others', async () => {
    const ask = (name: string, path: string, stream: boolean, headers: object) =>
      // fetch asks for gzip by itself.
      fetch(`http://127.0.0.1:${nginx.port}${path}`, {
        method: 'POST',
        headers: { 'x-request-id': name, ...headers },
        body: JSON.stringify({
          model: name,
          stream,
          messages: [{ role: 'user', content: 'x' }],
          max_tokens: 9,
        }),
      })
    const calls = CALLS.map(([path, stream], index) => {
      const answer = ask(`call-${index}`, path, stream, stream ? {} : NOTIFY)
      return { path, stream, name: `call-${index}`, answer }
    })
    const other = await ask('other', '/api/chat', true, { 'X-Queue-Notify': '0' })
    assert.equal(other.status, 504, 'nginx gave up')
    assert.match(await other.text(), /<html>/)
    await until('the slot is free', async () => (await setUp.stats('other')).active_requests === 0)
    for (const { answer, name, path, stream } of calls) {
      const { type, pieces } = answerOn(path, stream)
      ;(await setUp.ollama.call(name)).answer(type, pieces)
      const response = await answer
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-encoding'), 'gzip')
      const { rest, signs } = withoutSigns(await response.text())
      assert.ok(signs.length > 3)
      assert.equal(rest, pieces.join(''))
    }
  })
})
