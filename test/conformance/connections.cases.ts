import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startProxy, type Target } from './pair.ts'
import { ask } from './raw-answer.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

/** How a client's connection is framed, kept and bounded. */
export function connections(target: Target): void {
  describe('a connection', () => {
    it('carries no length with a 204, whatever Ollama sent', async () => {
      const ollama = await ScriptedOllama.start((_request, response) => {
        response.writeHead(204, { 'Content-Length': '0', 'X-From': 'ollama' }).end()
      })
      const proxy = await startProxy(target, ollama.url, [])
      try {
        const answer = await ask(proxy.port, 'GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert.equal(answer.status, 204)
        const names = answer.headers.map(([name]) => name.toLowerCase())
        assert.ok(names.includes('x-from'))
        assert.ok(!names.includes('content-length') && !names.includes('transfer-encoding'), String(names))
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })

    for (const bytes of [120_000, 250_000]) {
      it(`takes ${bytes} bytes of headers both ways`, async () => {
        const long = 'a'.repeat(bytes)
        let seen = 0
        const ollama = await ScriptedOllama.start((request, response) => {
          seen = String(request.headers['x-long']).length
          response.writeHead(200, { 'X-Long': long }).end('{}')
        })
        const proxy = await startProxy(target, ollama.url, [])
        try {
          const request = `GET /api/tags HTTP/1.1\r\nHost: localhost\r\nX-Long: ${long}\r\n\r\n`
          const answer = await ask(proxy.port, request)
          if (target.gaps?.largeHeaders && bytes > 200_000) {
            assert.equal(answer.status, 431)
            return
          }
          assert.deepEqual([answer.status, seen], [200, bytes])
          assert.ok(answer.headers.some(([name, value]) => /^x-long$/i.test(name) && value === long))
        } finally {
          await proxy.stop('SIGKILL')
          await ollama.stop()
        }
      })
    }

    it('takes 5 000 header lines and loses none', async () => {
      const lines = Array.from({ length: 5_000 }, (_, index) => `X-${index}: a\r\n`).join('')
      let seen = 0
      const ollama = await ScriptedOllama.start((request, response) => {
        seen = Object.keys(request.headers).filter((name) => name.startsWith('x-')).length
        response.end('{}')
      })
      const proxy = await startProxy(target, ollama.url, [])
      try {
        const request = `GET /api/tags HTTP/1.1\r\nHost: localhost\r\n${lines}X-Last: a\r\n\r\n`
        const { status } = await ask(proxy.port, request)
        if (target.gaps?.manyHeaders) assert.equal(status, 431)
        else assert.deepEqual([status, seen], [200, 5_001])
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })
  })
}
