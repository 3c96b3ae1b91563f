import assert from 'node:assert/strict'
import { it } from 'node:test'
import { nodeHarness } from '../../support/node-harness.ts'
import { until } from '../../support/until.ts'

const BODY = '{"model":"llama2","prompt":"x"}'
const BOTH =
  `POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}` +
  'GET /queue/events HTTP/1.1\r\nHost: localhost\r\n\r\n'

it('a listener whose request was pipelined behind a call takes no place once its client left', async (t) => {
  const house = await nodeHarness()
  t.after(() => house.close())
  for (let count = 0; count < 100; count++) {
    const client = await house.client()
    client.socket.write(BOTH)
    await until('the call is there', async () => (await house.lane()).active === 1)
    client.socket.resetAndDestroy()
    await until('it is gone', async () => (await house.lane()).active === 0)
  }
  const answer = await fetch(`${house.url}/queue/events`)
  await answer.body?.cancel()
  assert.equal(answer.status, 200)
})
