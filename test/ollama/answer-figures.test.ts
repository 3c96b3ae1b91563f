import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AnswerTail } from '../../src/ollama/answer-figures.ts'

const tailOf = (...chunks: readonly string[]) => {
  const tail = new AnswerTail()
  for (const chunk of chunks) tail.add(new TextEncoder().encode(chunk))
  return tail
}
const TOOK_MS = 6_000
const NONE = {
  tokensIn: null,
  tokensOut: null,
  loadMs: 0,
  totalMs: null,
  promptMs: null,
  evalMs: null,
  failed: false,
}
const OF_NATIVE = {
  tokensIn: 26,
  tokensOut: 290,
  loadMs: 5025.959,
  totalMs: 5043.500667,
  promptMs: 325.953,
  evalMs: 4709.213,
  failed: false,
}
const NATIVE =
  '{"model":"llama2","done":true,"done_reason":"stop","total_duration":5043500667,"load_duration":5025959000,"prompt_eval_count":26,"prompt_eval_duration":325953000,"eval_count":290,"eval_duration":4709213000}\n'

describe('the figures of an answer', () => {
  it('come from the last line of a native stream', () => {
    const figures = tailOf('{"message":{"content":"hi"},"done":false}\n', NATIVE).figures(TOOK_MS, true)
    assert.deepEqual(figures, OF_NATIVE)
  })
  it('come from the usage object in the other dialects', () => {
    const openai =
      'data: {"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}}\n\ndata: [DONE]\n\n'
    const anthropic = 'data: {"type":"message_delta","usage":{"input_tokens": 5, "output_tokens": 6}}\n\n'
    assert.deepEqual(tailOf(openai).figures(TOOK_MS, false), { ...NONE, tokensIn: 11, tokensOut: 22 })
    assert.deepEqual(tailOf(anthropic).figures(TOOK_MS, false), { ...NONE, tokensIn: 5, tokensOut: 6 })
  })
  it('are the last ones in the answer, and are null where the answer has none', () => {
    assert.equal(tailOf('{"eval_count":1}\n{"eval_count":2}\n').figures(TOOK_MS, true).tokensOut, 2)
    for (const text of [
      '',
      '\n',
      '{"done":true}\n',
      '{"eval_count":null}\n',
      '{"eval_count":',
      '"eval_count"',
    ]) {
      assert.deepEqual(tailOf(text).figures(TOOK_MS, true), NONE)
    }
  })
  it('are ignored when no model can have them', () => {
    const absurd = (tokens: string, load: string) =>
      tailOf(
        `{"done":true,"total_duration":1,"load_duration":${load},"prompt_eval_count":${tokens},"eval_count":${tokens}}\n`,
      )
    for (const tokens of ['1000000001', '99999999999999999999', '9'.repeat(400)]) {
      const { tokensIn, tokensOut } = absurd(tokens, '1').figures(TOOK_MS, true)
      assert.deepEqual([tokensIn, tokensOut], [null, null], tokens)
    }
    assert.equal(absurd('1000000000', '1').figures(TOOK_MS, true).tokensOut, 1_000_000_000)
    for (const load of ['6000000001', '18446744073709551615', '9'.repeat(400)])
      assert.equal(absurd('1', load).figures(TOOK_MS, true).loadMs, TOOK_MS, load)
  })
  it('are not taken from the text of the model', () => {
    const said = '{"message":{"content":"\\"eval_count\\":999,\\"prompt_eval_count\\":7"}}\n'
    assert.equal(tailOf(NATIVE, said).figures(TOOK_MS, true).tokensOut, 290)
    assert.equal(tailOf(said).figures(TOOK_MS, true).tokensIn, null)
  })
  it('do not depend on the sizes of the chunks', () => {
    const whole = `${'{"message":{"content":"é"},"done":false}\n'.repeat(200)}${NATIVE}`
    const bytes = new TextEncoder().encode(whole)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1 }), (sizes) => {
        const tail = new AnswerTail()
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const size = sizes[index % sizes.length] ?? 1
          tail.add(bytes.subarray(at, at + size))
          at += size
        }
        assert.deepEqual(tail.figures(TOOK_MS, true), OF_NATIVE)
        assert.equal(tail.midLine, false)
      }),
    )
  })
  it('are found at the end of a chunk of any size', () => {
    assert.equal(
      tailOf(`{"embeddings":[${'0.1,'.repeat(500_000)}0],"prompt_eval_count":8}`).figures(TOOK_MS, true)
        .tokensIn,
      8,
    )
  })
})

describe('the durations of an answer', () => {
  const durations = (text: string) => {
    const { loadMs, totalMs, promptMs, evalMs } = tailOf(text).figures(TOOK_MS, true)
    return { loadMs, totalMs, promptMs, evalMs }
  }

  it('that has a total are 0 where Go left out a zero', () => {
    assert.deepEqual(
      durations('{"done":true,"total_duration":5000000,"eval_count":1,"eval_duration":2000000}\n'),
      {
        loadMs: 0,
        totalMs: 5,
        promptMs: 0,
        evalMs: 2,
      },
    )
    const embeddings =
      '{"model":"m","embeddings":[[0.1]],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}'
    assert.deepEqual(durations(embeddings), { loadMs: 1.0195, totalMs: 14.143917, promptMs: 0, evalMs: 0 })
  })

  it('are null without a total', () => {
    const none = { loadMs: 0, totalMs: null, promptMs: null, evalMs: null }
    for (const text of [
      '',
      '{"done":true,"done_reason":"load"}',
      '{"done":true,"eval_duration":5,"prompt_eval_duration":6}\n',
      'data: {"usage":{"prompt_tokens":11,"completion_tokens":22}}\n\ndata: [DONE]\n\n',
    ])
      assert.deepEqual(durations(text), none, text)
  })

  it('are null in a line that was cut: a field may be missing', () => {
    for (let end = NATIVE.indexOf('"total_duration"'); end < NATIVE.length - 2; end++) {
      const { totalMs, promptMs, evalMs } = durations(NATIVE.slice(0, end))
      assert.deepEqual([totalMs, promptMs, evalMs], [null, null, null], NATIVE.slice(0, end))
    }
    assert.equal(durations(NATIVE.trimEnd()).evalMs, 4709.213)
  })

  it('are null where no call can have them', () => {
    for (const value of [
      '-5',
      '1.5',
      '1e9',
      '10000000000000001000',
      '9'.repeat(400),
      'null',
      '"5"',
      '[5]',
      '',
    ]) {
      const of = (key: string) => durations(NATIVE.replace(new RegExp(`"${key}":\\d+`), `"${key}":${value}`))
      assert.deepEqual(
        of('total_duration'),
        { loadMs: 5025.959, totalMs: null, promptMs: null, evalMs: null },
        value,
      )
      assert.deepEqual(of('prompt_eval_duration').promptMs, null, value)
      assert.deepEqual(of('eval_duration').evalMs, null, value)
      assert.equal(of('eval_duration').totalMs, 5043.500667, value)
    }
    assert.equal(durations('{"total_duration":10000000000000000}').totalMs, 1e10)
  })

  it('are those of the last object, and not from the text or the tool calls of the model', () => {
    const earlier =
      '{"total_duration":9000000,"prompt_eval_duration":9000000,"eval_duration":9000000,"done":false}\n'
    const last = '{"done":true,"total_duration":5000000}\n'
    assert.deepEqual(durations(earlier + last), { loadMs: 0, totalMs: 5, promptMs: 0, evalMs: 0 })
    const said = '{"message":{"content":"\\"total_duration\\":7000000}"},"done":false}\n'
    assert.equal(durations(said).totalMs, null)
    assert.equal(durations(`${NATIVE}${said}`).totalMs, 5043.500667)
    const call =
      '{"message":{"tool_calls":[{"function":{"arguments":{"eval_duration":7000000}}}]},"done":true,"total_duration":5000000}\n'
    assert.equal(durations(call).evalMs, 0)
  })
})

describe('the counts of a native answer', () => {
  it('are not those of another dialect in the arguments of a tool call', () => {
    const call =
      '{"message":{"tool_calls":[{"function":{"arguments":{"prompt_tokens":7,"output_tokens":8}}}]},"done":true,"total_duration":5}\n'
    assert.equal(tailOf(call).figures(TOOK_MS, true).tokensIn, null)
    assert.equal(tailOf(call).figures(TOOK_MS, true).tokensOut, null)
  })
})

describe('an answer that ended in an error line of Ollama', () => {
  it('has failed although its status was 200', () => {
    const error = '{"error":"an error was encountered while running the model: unexpected EOF"}\n'
    assert.equal(tailOf('{"done":false}\n', error).figures(TOOK_MS, true).failed, true)
    assert.equal(tailOf(error).figures(TOOK_MS, true).failed, true)
  })
  it('is not an answer that only contains the word error', () => {
    for (const text of [
      '{"message":{"content":"{\\"error\\":\\"x\\"}"}}\n',
      '{"error":"x"}\n{"done":true}\n',
      '{"x":{"error":"x"}}\n',
      '{"error":"x"}',
    ]) {
      assert.equal(tailOf(text).figures(TOOK_MS, true).failed, false, text)
    }
  })
})

describe('an answer stopped in the middle of a line', () => {
  it('when its last byte is not a line break', () => {
    assert.equal(tailOf('{"done"').midLine, true)
    assert.equal(tailOf('{}\n', 'x').midLine, true)
    assert.equal(tailOf('{}\n').midLine, false)
  })
  it('not when it has no bytes: a line break would make an empty line', () => {
    assert.equal(tailOf().midLine, false)
  })
})
