import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { occupy } from './occupied.ts'
import { Pair, type Target } from './pair.ts'
import { ask } from './raw-answer.ts'

const BODY = '{"model":"llama3.2","prompt":"x","messages":[{}],"options":{"num_predict":1}}'

/** Request targets that are no plain path. Some server somewhere reads each as a route that takes a slot. */
const ODD_TARGETS = [
  'http:///api/generate',
  'http:///api/chat',
  'http://x?/api/chat',
  'http://x?/api/%63hat',
  'http://x/api/chat',
  'HTTP://x/api/%63hat',
  'https://x/api/chat',
  'http://x#/api/chat',
  'http://x/api/chat#y',
  'ftp://x/api/chat',
  '?/api/chat',
  '#/api/chat',
  '//api/chat',
  '//x/api/chat',
  '/api//chat',
  '/%2fapi/chat',
  '/api/chat/',
  '/api/chat#x',
  '/api/chat?#x',
  '/./api/chat',
  '/x/../api/chat',
  '/x/%2e%2e/api/chat',
  '/x%2f..%2fapi/chat',
  '/%252e%252e/api/chat',
  '/api/%2563hat',
  '\\api\\chat',
  '/api\\chat',
  '/api%5cchat',
  '/api/chat;x=1',
  '/api/chat%00',
  '/api/chat%20',
  '/API/chat',
]

export function targets(target: Target): void {
  describe('a request target', () => {
    const platformReads = target.gaps?.rawTarget ?? target.gaps?.ownParser
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000'],
        serve: ['--parallel', '1', '--max-queue', '0'],
      })
      await occupy(pair)
    })
    after(() => pair.stop())

    for (const odd of ODD_TARGETS) {
      it(`that is ${odd} runs nothing at Ollama past the full lane`, async () => {
        const { submitted } = await pair.simulated()
        const { status } = await ask(
          pair.proxy.port,
          `POST ${odd} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
        )
        assert.ok([0, 307, 400, 403, 404, 405, 500, 503].includes(status), `answered ${status}`)
        assert.equal((await pair.simulated()).submitted, submitted)
      })
    }

    it('without an authority is refused with 400, and the refusal says why', async () => {
      const answer = await ask(
        pair.proxy.port,
        `POST http:///api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
      )
      if (platformReads) return assert.ok([500, 503].includes(answer.status), `answered ${answer.status}`)
      assert.equal(answer.status, 400)
      assert.match(answer.body, /"code":"invalid_target"/)
    })

    it('that means the whole server is answered as Ollama answers it', async () => {
      const request = 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
      const answer = await ask(pair.proxy.port, request)
      if (platformReads) return assert.ok([400, 500].includes(answer.status), `answered ${answer.status}`)
      assert.equal(answer.status, 200)
      assert.equal(answer.body, '')
    })
  })
}
