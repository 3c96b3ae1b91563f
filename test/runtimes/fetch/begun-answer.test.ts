import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FetchBegunAnswer } from '../../../src/runtimes/fetch/begun-answer.ts'

const utf8 = new TextDecoder()

function aBegunAnswer() {
  const begun = new FetchBegunAnswer(['Content-Type', 'application/x-ndjson'], () => {})
  const reader = begun.response.body?.getReader()
  assert.ok(reader)
  return { begun, read: async () => utf8.decode((await reader.read()).value) }
}

describe('an answer that begins before that of Ollama', () => {
  it('keeps one sign for a client that does not read, and no more', async () => {
    const { begun, read } = aBegunAnswer()
    for (let count = 0; count < 1_000; count++) begun.sign(`${count}\n`)
    begun.finish('the end\n')
    assert.equal(await read(), '0\n')
    assert.equal(await read(), 'the end\n')
    assert.equal(await read(), '')
  })

  it('goes on with signs once the client reads', async () => {
    const { begun, read } = aBegunAnswer()
    begun.sign('first')
    assert.equal(await read(), 'first')
    const next = read()
    begun.sign('second')
    assert.equal(await next, 'second')
  })
})
