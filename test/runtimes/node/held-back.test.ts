import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { it } from 'node:test'
import { HOP_BY_HOP } from '../../../src/relay/headers.ts'
import { NodeForwarding } from '../../../src/runtimes/node/forwarding.ts'
import { NodeUpstream } from '../../../src/runtimes/node/upstream.ts'
import { chunk, get, NDJSON_HEAD } from '../../support/raw-http.ts'
import { aRawUpstream, Wire } from '../../support/raw-upstream.ts'
import { until } from '../../support/until.ts'

const MIB = 1024 * 1024

it('an answer is held back while its client does not read, and once Ollama has given all of it', async (t) => {
  const raw = await aRawUpstream()
  const upstream = new NodeUpstream('ollama', raw.url, undefined)
  const forwardings: NodeForwarding[] = []
  const endings: string[] = []
  const observer = {
    dropped: HOP_BY_HOP,
    head: () => [],
    data() {},
    errorTrailer: () => undefined,
    end: (ending: string) => void endings.push(ending),
  }
  const server = createServer((incoming, outgoing) => {
    const forwarding = new NodeForwarding(outgoing, observer)
    forwardings.push(forwarding)
    outgoing.on('finish', () => forwarding.done())
    forwarding.send(incoming, '/api/chat', undefined, upstream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new Wire(net.connect((server.address() as AddressInfo).port, '127.0.0.1'))
  t.after(async () => {
    client.socket.destroy()
    server.close()
    await upstream.destroy()
    raw.close()
  })
  client.write(get('/api/chat'))
  const ollama = await raw.next()
  const [forwarding] = forwardings
  assert.ok(forwarding)
  assert.equal(forwarding.heldBack, false, 'Ollama has not begun')
  ollama.write(NDJSON_HEAD + chunk('{}\n'))
  await until('the first line', () => client.received.includes('{}'))
  assert.equal(forwarding.heldBack, false, 'Ollama owes the next line')
  client.socket.pause()
  for (let sent = 0; sent < 32; sent++) ollama.write(chunk('x'.repeat(MIB)))
  await until('the client is full', () => forwarding.heldBack)
  client.socket.resume()
  await until('the client has read', () => client.received.length > 32 * MIB)
  assert.equal(forwarding.heldBack, false, 'Ollama owes the end')
  client.socket.pause()
  for (let sent = 0; sent < 8; sent++) ollama.write(chunk('x'.repeat(MIB)))
  ollama.write('0\r\n\r\n')
  await until('the client is full again', () => forwarding.heldBack)
  assert.deepEqual(endings, [])
  client.socket.resume()
  await until('the end', () => endings.length > 0)
  assert.equal(forwarding.heldBack, true)
})
