import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { AnswerWriter } from '../../../src/runtimes/node/answer-writer.ts'

const SIGN = ' '.repeat(1_024)
const SIGNS = 100_000
/** What Node and the system hold for a client that does not read. */
const HELD = 16 * 1024 * 1024

it('an answer that begins before that of Ollama holds no signs for a client that does not read', async (t) => {
  const server = createServer()
  const answering = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const request = httpRequest({ port, agent: false })
  request.end()
  const [, outgoing] = await answering
  const writer = new AnswerWriter(outgoing, { status: 200, statusText: 'OK', headers: [] })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  for (let count = 0; count < SIGNS; count++) {
    writer.sign(SIGN)
    if (count % 10 === 0) await turn()
  }
  writer.finish('the end')
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  assert.ok(text.startsWith(SIGN))
  assert.ok(text.endsWith('the end'))
  assert.ok(text.length < HELD, `${text.length} bytes were held`)
})
