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
  })
}
