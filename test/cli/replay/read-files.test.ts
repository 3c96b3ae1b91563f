import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { NotText } from '../../../src/cli/replay/lines.ts'
import { readFiles } from '../../../src/cli/replay/read-files.ts'
import { aFinishedCall, filesWith, lineOf, START } from './support.ts'

const read = (t: TestContext, ...texts: readonly (string | Uint8Array)[]) => readFiles(filesWith(t, ...texts))

/** Reads the line of one call. */
async function readCall(t: TestContext, parts: Parameters<typeof aFinishedCall>[0]) {
  const { recording, apart } = await read(t, lineOf(aFinishedCall(parts)))
  return recording.length === 0 ? { apart } : recording.at(0)
}

describe('the files of a replay', () => {
  it('give each call as the proxy wrote it', async (t) => {
    const call = await readCall(t, {
      ...{ at: 10_000, caller: 'ann', user: 'mia', class: 'batch', model: 'llama3:70b', numCtx: 8_192 },
      ...{ totalMs: 9_000, waitMs: 2_000, loadMs: 3_000, firstByteMs: 6_000, bytesIn: 77 },
    })
    assert.deepEqual(call, {
      ...{ arrivedAt: START + 1_000, model: 'llama3:70b', caller: 'ann', user: 'mia', class: 'batch' },
      ...{ end: 'done', refusal: undefined, served: true, missing: false, embeds: false, numCtx: 8_192 },
      ...{ waitMs: 2_000, loadMs: 3_000, heldMs: 4_000, firstByteMs: 1_000, bytes: 77 },
      patienceMs: Number.POSITIVE_INFINITY,
    })
  })

  it('tell what became of a call that got no slot', async (t) => {
    const none = { firstByteMs: null, loadMs: 0, status: 503 }
    const refused = { ...none, outcome: 'refused', totalMs: 0.2 } as const
    const left = { ...none, outcome: 'cancelled', reason: 'cancelled', totalMs: 700, waitMs: 700 } as const
    const expired = { ...none, outcome: 'timed_out', reason: 'timeout', totalMs: 900, waitMs: 900 } as const
    const superseded = { ...left, reason: 'superseded', status: 499 } as const
    const calls = [{ ...refused, reason: 'queue_full' } as const, left, superseded, expired]
    const ends = await Promise.all(calls.map((each) => readCall(t, each)))
    assert.deepEqual(
      ends.map((each) => 'end' in each && [each.end, each.heldMs, each.patienceMs]),
      [
        ['refused', 0, Number.POSITIVE_INFINITY],
        ['left', 0, 700],
        ['left', 0, 700],
        ['expired', 0, Number.POSITIVE_INFINITY],
      ],
    )
    // These never came to a line, and would not come now.
    for (const reason of ['model_not_allowed', 'insufficient_quota'] as const)
      assert.deepEqual(await readCall(t, { ...refused, reason }), { apart: 1 })
    assert.deepEqual(await readCall(t, { model: null }), { apart: 1 })
  })

  it('tell what Ollama answered after signs of life', async (t) => {
    const answers = [{ lateStatus: null }, { lateStatus: 404 }, { lateStatus: 400 }]
    const calls = await Promise.all(answers.map((each) => readCall(t, { ...each, signsMs: 50 })))
    assert.deepEqual(
      calls.map((each) => 'end' in each && [each.served, each.missing]),
      [
        [true, false],
        [false, true],
        [false, false],
      ],
    )
  })

  it('tell that a call had a slot which a newer one ended at Ollama', async (t) => {
    const call = await readCall(t, {
      ...{ outcome: 'cancelled', reason: null, cause: 'superseded_running', status: 499 },
      ...{ firstByteMs: null, loadMs: 0, totalMs: 900, waitMs: 200 },
    })
    assert.deepEqual('end' in call && [call.end, call.heldMs], ['cancelled', 700])
  })

  it('may be several, with notes, empty lines and a torn last line', async (t) => {
    const line = lineOf(aFinishedCall())
    const note = '{"time":"2026-01-01T00:00:00.000Z","level":"info","event":"note","message":"listening"}\n'
    const files = await read(t, `\ufeff${line}\r\n\n${line}`, `${note}${line}${line.slice(0, 40)}`)
    assert.deepEqual([files.recording.length, files.notes, files.bad.length], [3, 1, 1])
    assert.deepEqual(files.bad[0]?.lines, [3])
  })

  it('may have lines of any kind, and none of them is taken for a call', async (t) => {
    const good = JSON.parse(lineOf(aFinishedCall({ totalMs: 2_000, waitMs: 1_000 })))
    const changes = [
      ...[{ total_ms: -1 }, { total_ms: 1e308 }, { total_ms: '5' }, { total_ms: null }, { wait_ms: 3_000 }],
      ...[{ wait_ms: -1 }, { time: 'yesterday' }, { time: 5 }, { caller: null, client: null }, { model: '' }],
      ...[{ model: 7 }, { outcome: 'dreamt' }, { load_ms: -5 }, { load_ms: 'x' }, { first_byte_ms: -1 }],
      ...[{ event: 'other' }, { status: 'x' }],
    ]
    const lines = changes.map((change) => JSON.stringify({ ...good, ...change }))
    const others = [
      '[]',
      '{}',
      'null',
      'NaN',
      '{"event":"call"}',
      '{"__proto__":{"event":"call"}}',
      '\u0000',
      '{'.repeat(9),
    ]
    const files = await read(t, [...lines, ...others].join('\n'))
    assert.equal(files.recording.length, 0)
    assert.equal(files.bad[0]?.count, lines.length + others.length)
  })

  it('may have a line without an end', async (t) => {
    const line = lineOf(aFinishedCall())
    const files = await read(t, `${line}${'x'.repeat(3_000_000)}\n${line}`)
    assert.deepEqual([files.recording.length, files.bad[0]?.count], [2, 1])
  })

  it('may be traces, whose calls take as long as their tokens', async (t) => {
    const files = await read(
      t,
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,2000,90\n2023-11-16 18:15:50.9951690,10,45\n',
      '{"seconds":5,"prompt_tokens":1000,"output_tokens":45,"model":"m"}\n',
    )
    assert.deepEqual([files.traced, files.bad], [3, []])
    const [first, , third] = [0, 1, 2].map((index) => files.recording.at(index))
    assert.deepEqual([first?.heldMs, first?.firstByteMs, first?.caller], [4_000, 2_000, 'everybody'])
    assert.equal(new Date(first?.arrivedAt ?? 0).toISOString(), '2023-11-16T18:15:46.680Z')
    assert.deepEqual([third?.heldMs, third?.model], [2_000, 'm'])
  })

  it('cannot be compressed', async (t) => {
    await assert.rejects(
      read(t, gzipSync('x')),
      (error) => error instanceof NotText && /gunzip/.test(error.message),
    )
  })

  it('may have as many callers as calls', async (t) => {
    const lines = Array.from({ length: 20_000 }, (_, index) =>
      lineOf(aFinishedCall({ caller: `c${index}`, at: index })),
    )
    const { recording } = await read(t, lines.join(''))
    assert.equal(recording.callers.length, 20_000)
    assert.equal(recording.at(19_999).caller, 'c19999')
  })
})
