import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseTrace } from '../../../src/cli/load/trace.ts'

describe('parseTrace', () => {
  it('reads CSV with and without titles, with and without models', () => {
    const expected = [
      { atMs: 0, promptTokens: 100, outputTokens: 50, model: undefined },
      { atMs: 1_500, promptTokens: 7, outputTokens: 1, model: 'llama3:70b' },
    ]
    assert.deepEqual(parseTrace('0.5,100,50\n2,7,1,llama3:70b\n', 't'), expected)
    const titled = '\ufeffseconds,prompt_tokens,output_tokens,model\r\n0.5, 100, 50,\r\n\r\n2,7,1,llama3:70b'
    assert.deepEqual(parseTrace(titled, 't'), expected)
  })

  it('reads JSON lines', () => {
    const text =
      '{"seconds":3,"prompt_tokens":10,"output_tokens":5}\n{"seconds":3.25,"prompt_tokens":0,"output_tokens":9,"model":"m"}'
    assert.deepEqual(parseTrace(text, 't'), [
      { atMs: 0, promptTokens: 10, outputTokens: 5, model: undefined },
      { atMs: 250, promptTokens: 0, outputTokens: 9, model: 'm' },
    ])
  })

  it('reads the Azure traces, whose times have seven digits', () => {
    const text =
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109'
    const [first, second] = parseTrace(text, 't')
    assert.deepEqual(first, { atMs: 0, promptTokens: 374, outputTokens: 44, model: undefined })
    assert.ok(Math.abs((second?.atMs ?? 0) - 4_314.579) < 0.001, String(second?.atMs))
  })

  it('puts arrivals in the order of their times', () => {
    assert.deepEqual(
      parseTrace('5,1,1\n2,2,1\n3,3,1', 't').map(({ atMs, promptTokens }) => [atMs, promptTokens]),
      [
        [0, 2],
        [1_000, 3],
        [3_000, 1],
      ],
    )
  })

  it('takes no figure that would bring the run down or was not written out', () => {
    const json = (change: object) =>
      JSON.stringify({ seconds: 1, prompt_tokens: 1, output_tokens: 1, ...change })
    const lines = [
      `${'9'.repeat(400)},1,1`,
      '1,900000000000,1',
      '1,0x10,1',
      '1,1,1e3',
      json({ prompt_tokens: -5 }),
      json({ prompt_tokens: 1e9 }),
      json({ output_tokens: 0.5 }),
      '{"seconds":1e400,"prompt_tokens":1,"output_tokens":1}',
    ]
    for (const line of lines)
      assert.throws(() => parseTrace(line, 'f'), /^TraceError: f:1: not an arrival/, line)
  })

  it('names every line that it does not understand, but not a thousand of them', () => {
    const lines = ['1,2,3', '1,2', '1,2,0', '-1,2,3', '1,2.5,3', '{"seconds":1}', '1,2,3,m,x', '{no', 'x,1,1']
    assert.throws(() => parseTrace(lines.slice(0, 4).join('\n'), 'file.csv'), {
      name: 'TraceError',
      message:
        'file.csv:2: not an arrival: "1,2"\nfile.csv:3: not an arrival: "1,2,0"\nfile.csv:4: not an arrival: "-1,2,3"',
    })
    assert.throws(
      () => parseTrace(lines.join('\n'), 'f'),
      /^TraceError: f:2: .*\nf:3: .*\nf:4: .*\nf:5: .*\nf:6: .*\nand more$/,
    )
    assert.throws(() => parseTrace('seconds,prompt_tokens,output_tokens\n', 'f'), /f: no arrivals in it/)
  })
})
