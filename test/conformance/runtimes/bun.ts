import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { MAIN } from '../../support/main-program.ts'
import { Pair, type Target } from '../pair.ts'
import { conformance } from '../suite.ts'
import { installed } from './install.ts'

const bun: Target = {
  name: 'bun',
  command: [installed('bun'), MAIN],
  gaps: {
    pipelining: {
      reason: 'Bun.serve closes a connection on which a request comes before the one ahead is answered',
      link: 'https://github.com/oven-sh/bun/pull/38128',
      provenBy: 'answers pipelined requests in their order',
    },
    http10KeepAlive: {
      reason: 'Bun.serve closes every HTTP/1.0 connection after its answer',
      link: 'https://github.com/oven-sh/bun/pull/32945',
      provenBy: 'keeps the connection of an HTTP/1.0 client that asks for it',
    },
    refusalBeforeContinue: {
      reason: 'Bun.serve says "100 Continue" before the request is handed over',
      provenBy: 'does not ask for a body that it will refuse',
    },
    httpVersion: {
      reason: 'Bun.serve does not tell the version of HTTP that a request came in',
      provenBy: 'is nobody who speaks HTTP/1.0',
    },
    requestTrailers: {
      reason: 'Bun.serve answers a body with trailers with 400',
      link: 'https://github.com/oven-sh/bun/pull/32887',
      provenBy: 'takes a body with a trailer behind it',
    },
    rawTarget: {
      reason:
        'Bun.serve makes a URL of the request target before the request is handed over, and answers "OPTIONS *" with 400 itself',
      provenBy: 'that means the whole server is answered as Ollama answers it',
    },
    headerLines: {
      reason:
        'Bun keeps headers in a Headers object, which joins repeated ones, and spells Content-Length its own way',
      provenBy: 'passes HEAD / as it is',
    },
    secondHead: {
      reason:
        'Bun.serve closes a connection whose second head does not come only with the idle ones, after 120 s',
      provenBy: 'has sent its head within 60 s, or its connection is closed',
    },
    halfHeads: {
      reason:
        'Bun.serve shows its connections to nobody; it closes those on which no head comes itself, after 10 s',
      provenBy: 'has room for others while 300 heads do not come',
    },
    manyHeaders: {
      reason: 'Bun.serve answers a request with more than 200 header lines with 431',
      provenBy: 'takes 5 000 header lines and loses none',
    },
  },
}

conformance(bun)

describe('the built entry', () => {
  it('starts on Bun', async () => {
    const main = join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js')
    assert.ok(existsSync(main), `${main} is missing; npm run build makes it`)
    const pair = await Pair.start(
      { name: 'bun, built', command: [installed('bun'), main] },
      { simulate: ['--load-time', '0'], serve: [] },
    )
    try {
      const health = (await (await fetch(`${pair.proxy.url}/health`)).json()) as { runtime: string }
      assert.equal(health.runtime, 'bun')
      const body = JSON.stringify({ model: 'llama3.2', prompt: 'x', stream: false })
      assert.equal((await fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', body })).status, 200)
    } finally {
      await pair.stop()
    }
  })
})
