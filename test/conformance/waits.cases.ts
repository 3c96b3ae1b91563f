import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { closed, quiet } from './occupied.ts'
import { Pair, type Started, startProxy, type Target } from './pair.ts'
import { parseAnswer } from './raw-answer.ts'
import { RawCall } from './raw-call.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

const TOKENS_PER_SECOND = 10
const PROMPT_TOKENS_PER_SECOND = 1_000
/** The simulator counts four bytes for a token. */
const promptOf = (seconds: number): string => 'word'.repeat(seconds * PROMPT_TOKENS_PER_SECOND)
const WHOLE_WAIT_MS = 40_000

interface Served {
  readonly call: RawCall
  readonly ms: number
}

/** Posts and waits for the last line; how long that took, in milliseconds. */
async function serve(port: number, path: string, body: object, lastLine: string): Promise<Served> {
  const call = new RawCall(port)
  const sentAt = performance.now()
  call.post(path, JSON.stringify(body))
  await until('the end of the answer', () => call.received.includes(lastLine) || call.closed, WHOLE_WAIT_MS)
  return { call, ms: performance.now() - sentAt }
}

export function waits(target: Target): void {
  // All at once: each of them is nothing but waiting, for as long as servers and clients like to have deadlines.
  describe('a wait that no deadline of ours ends', { concurrency: true }, () => {
    let pair: Pair
    let scripted: ScriptedOllama
    let proxy: Started
    before(async () => {
      pair = await Pair.start(target, {
        simulate: [
          ...['--parallel', '4', '--load-time', '0', '--max-loaded', '4'],
          ...['--token-rate', String(TOKENS_PER_SECOND), '--prompt-rate', String(PROMPT_TOKENS_PER_SECOND)],
        ],
        // All models at once: with turns, one would wait for another.
        serve: ['--parallel', '1', '--turns', 'off'],
      })
      scripted = await ScriptedOllama.start((_request, response) => {
        response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
        response.write('{"response":"first","done":false}\n')
        setTimeout(() => response.end('{"response":"","done":true}\n'), 20_000)
      })
      proxy = await startProxy(target, scripted.url, [])
    })
    after(async () => {
      await Promise.all([pair?.stop(), proxy?.stop('SIGKILL')])
      await scripted.stop()
    })

    it('is that of 15 s in the queue', async () => {
      const running = serve(
        pair.proxy.port,
        '/api/generate',
        { model: 'llama3.2', prompt: 'x', options: { num_predict: 15 * TOKENS_PER_SECOND } },
        '"done":true',
      )
      await until('it runs', async () => (await pair.stats()).active_requests === 1)
      const waited = await serve(
        pair.proxy.port,
        '/api/generate',
        { model: 'llama3.2', prompt: 'x', options: { num_predict: 1 } },
        '"done":true',
      )
      assert.equal((await running).call.status, 200)
      assert.equal(waited.call.status, 200)
      assert.match(waited.call.received, /"done":true/)
      assert.ok(waited.ms > 13_000, `waited ${waited.ms} ms`)
    })

    for (const [what, model, path, stream, lastLine] of [
      ['a stream', 'llama2', '/api/chat', true, '"done":true'],
      ['a whole answer', 'mistral', '/api/chat', false, '"done":true'],
      ['a stream of events', 'qwen2.5:7b', '/v1/chat/completions', true, '[DONE]'],
    ] as const) {
      it(`is that of 20 s for the first byte of ${what}`, async () => {
        const { call, ms } = await serve(
          pair.proxy.port,
          path,
          {
            model,
            messages: [{ role: 'user', content: promptOf(20) }],
            stream,
            max_tokens: 1,
            options: { num_predict: 1 },
          },
          lastLine,
        )
        assert.equal(call.status, 200)
        assert.ok(call.received.includes(lastLine))
        assert.ok(ms > 19_000, `answered after ${ms} ms`)
      })
    }

    it('is that of 20 s in the middle of a stream', async () => {
      const { call, ms } = await serve(proxy.port, '/api/generate', { model: 'llama3.2' }, '"done":true')
      assert.equal(
        parseAnswer(call.received).body,
        '{"response":"first","done":false}\n{"response":"","done":true}\n',
      )
      assert.ok(ms > 19_000, `answered after ${ms} ms`)
    })

    it('is that of 20 s over an idle connection between two requests', async () => {
      const call = new RawCall(pair.proxy.port)
      const ping = 'GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n'
      call.send(ping)
      await until('an answer', () => call.received.includes('}'))
      await new Promise((resolve) => setTimeout(resolve, 20_000))
      if (target.gaps?.idleConnections) return assert.equal(call.closed, true)
      assert.equal(call.closed, false)
      call.send(ping)
      await until('a second one', () => call.received.split('}').length === 3)
      call.leave('fin')
    })
  })

  describe('an answer that falls silent', () => {
    it('ends after stream_idle_timeout with a last line that says so', async () => {
      const config = await ConfigFile.write('stream_idle_timeout: 0.4\n')
      const pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '0.8', '--prompt-rate', '1000000'],
        serve: ['--config', config.path, '--parallel', '4'],
      })
      const message = 'Ollama stopped in the middle of its answer for too long. Please try again.'
      const ask = {
        model: 'llama3.2',
        messages: [{ role: 'user', content: 'x' }],
        stream: true,
        max_tokens: 50,
      }
      const endings = {
        '/api/chat': `\n${JSON.stringify({ error: message })}\n`,
        '/v1/chat/completions': `\n\ndata: ${JSON.stringify({
          error: { message, type: 'server_error', param: null, code: 'timeout' },
        })}\n\n`,
        '/v1/messages': `\n\nevent: error\ndata: ${JSON.stringify({
          type: 'error',
          error: { type: 'timeout_error', message },
        })}\n\n`,
      }
      try {
        const calls = Object.keys(endings).map((path) => serve(pair.proxy.port, path, ask, 'too long'))
        for (const [index, ending] of Object.values(endings).entries()) {
          const served = await calls[index]
          assert.ok(served)
          await closed(served.call, target)
          assert.ok(parseAnswer(served.call.received).body.endsWith(ending), served.call.received)
        }
        await quiet(pair)
        assert.equal((await pair.simulated()).aborted, 3)
        assert.equal((await pair.stats()).total_timed_out, 3)
      } finally {
        await pair.stop()
        await config.remove()
      }
    })
  })
}
