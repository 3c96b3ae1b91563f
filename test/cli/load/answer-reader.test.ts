import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerReader, formatOf } from '../../../src/cli/load/answer-reader.ts'
import { refusalName } from '../../../src/cli/load/outcome.ts'

type Format = ReturnType<typeof formatOf>

function read(format: Format, chunks: readonly string[]) {
  let pieces = 0
  const reader = new AnswerReader(format, () => {
    pieces++
  })
  for (const chunk of chunks) reader.take(Buffer.from(chunk))
  return { ...reader.end(), pieces }
}

/** The same text in pieces of one byte. */
const byByte = (text: string) =>
  Array.from(Buffer.from(text), (byte) => Buffer.from([byte]).toString('latin1'))

const NDJSON =
  '{"message":{"content":"a"},"done":false}\n{"message":{"content":"b"},"done":false}\n{"done":true,"eval_count":2}\n'
const OPENAI =
  'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"usage":{"completion_tokens":7}}\n\ndata: [DONE]\n\n'
const ANTHROPIC =
  'event: message_start\ndata: {"type":"message_start","message":{"usage":{"output_tokens":1}}}\n\n' +
  'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens": 9}}\n\n' +
  'event: message_stop\ndata: {"type":"message_stop"}\n\n'
const RESPONSES = 'event: response.completed\ndata: {"response":{"usage":{"output_tokens":5}}}\n\n'

describe('AnswerReader', () => {
  it('counts pieces and tokens of every kind of stream, however it is cut into chunks', () => {
    for (const cut of [(text: string) => [text], byByte]) {
      assert.deepEqual(read('ndjson', cut(NDJSON)), { flaw: undefined, tokens: 2, pieces: 3 })
      assert.deepEqual(read('sse', cut(OPENAI)), { flaw: undefined, tokens: 7, pieces: 3 })
      assert.deepEqual(read('sse', cut(ANTHROPIC)), { flaw: undefined, tokens: 9, pieces: 3 })
      assert.deepEqual(read('sse', cut(RESPONSES)), { flaw: undefined, tokens: 5, pieces: 1 })
    }
  })

  it('reads the tokens of a whole answer, whatever the model said', () => {
    const said = JSON.stringify({
      response: 'I say "eval_count":99 and "done":false',
      done: true,
      eval_count: 3,
    })
    assert.deepEqual(read('whole', [said]), { flaw: undefined, tokens: 3, pieces: 0 })
    assert.deepEqual(read('whole', ['{"embeddings":[[1]]}']), { flaw: undefined, tokens: 0, pieces: 0 })
  })

  it('takes no page of something else for a whole answer', () => {
    for (const page of ['', '<html>Welcome</html>', '[1]', '{"response":"cut sh'])
      assert.equal(read('whole', [page]).flaw, 'answer is not JSON', page)
    assert.equal(read('whole', [' {"error":"crashed"}\n']).flaw, 'error inside the answer')
    const long = `{"embedding":[${'0.1,'.repeat(300_000)}1],"error":""}`
    assert.equal(read('whole', [long]).flaw, undefined)
  })

  it('takes no figure for tokens that is none', () => {
    assert.equal(read('whole', [`{"eval_count":${'9'.repeat(400)}}`]).tokens, 0)
  })

  it('sees that a stream was cut short', () => {
    const short = (format: Format, text: string) => read(format, [text.slice(0, text.length / 2)]).flaw
    assert.equal(short('ndjson', NDJSON), 'stream cut short')
    assert.equal(short('sse', OPENAI), 'stream cut short')
    assert.equal(read('sse', ['']).flaw, 'stream cut short')
  })

  it('sees an error inside a stream, and no error in what a model says of one', () => {
    const flaw = 'error inside the stream'
    assert.equal(read('ndjson', ['{"done":false}\n{"error":"llama runner crashed"}\n']).flaw, flaw)
    assert.equal(read('sse', ['data: {"error":{"message":"x"}}\n\n']).flaw, flaw)
    assert.equal(read('sse', ['event: error\ndata: {"type":"error","error":{}}\n\n']).flaw, flaw)
    assert.equal(
      read('sse', ['data: {"choices":[{"delta":{"content":"{\\"error\\":1}"}}]}\n\ndata: [DONE]\n\n']).flaw,
      undefined,
    )
    const call =
      '{"message":{"tool_calls":[{"function":{"arguments":{"error":"x","type":"error"}}}]},"done":true}\n'
    assert.equal(read('ndjson', [call]).flaw, undefined)
  })

  it('tells the format by the content type', () => {
    assert.equal(formatOf('application/x-ndjson'), 'ndjson')
    assert.equal(formatOf('text/event-stream; charset=utf-8'), 'sse')
    assert.equal(formatOf('application/json'), 'whole')
    assert.equal(formatOf(undefined), 'whole')
  })
})

describe('refusalName', () => {
  it('names the code in every dialect, and the status where there is none', () => {
    assert.equal(refusalName(503, '{"error":"queue_full: busy","code":"queue_full"}'), '503 queue_full')
    assert.equal(refusalName(503, '{"error":"stats_disabled","message":"off"}'), '503 stats_disabled')
    assert.equal(
      refusalName(503, '{"error":{"message":"busy","type":"server_error","code":"queue_full"}}'),
      '503 queue_full',
    )
    assert.equal(
      refusalName(503, '{"type":"error","error":{"type":"overloaded_error"}}'),
      '503 overloaded_error',
    )
    assert.equal(refusalName(404, `{"error":"${'x'.repeat(100)}"}`), `404 ${'x'.repeat(60)}`)
    for (const body of ['', '<html>', 'null', '{"error":5}', '[]'])
      assert.equal(refusalName(500, body), '500')
  })
})
