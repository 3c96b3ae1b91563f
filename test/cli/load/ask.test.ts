import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readAsked } from '../../../src/cli/load/ask.ts'
import { planNote, planOf } from '../../../src/cli/load/plan.ts'
import { seededRandom } from '../../../src/cli/load/random.ts'
import { promptOf, ROUTES } from '../../../src/cli/load/routes.ts'

/** The flags as citty hands them on: with its defaults. */
function flags(change: Readonly<Record<string, unknown>> = {}) {
  return {
    url: 'http://127.0.0.1:8080',
    model: 'llama3.2',
    route: '/api/chat',
    timeout: '60',
    'max-in-flight': '1000',
    ...change,
  }
}

function asked(change: Readonly<Record<string, unknown>> = {}) {
  const read = readAsked(flags(change))
  if (Array.isArray(read)) throw new Error(read.join('\n'))
  return read
}

describe('readAsked', () => {
  it('has sensible defaults', () => {
    const { rate, duration, tokens, stream, 'prompt-tokens': prompt, speed, seed } = asked()
    assert.deepEqual(
      { rate, duration, tokens, stream, prompt, speed, seed },
      {
        rate: 5,
        duration: undefined,
        tokens: 50,
        stream: true,
        prompt: 100,
        speed: 1,
        seed: undefined,
      },
    )
  })

  it('asks for streams where there are any, unless it was told not to', () => {
    assert.equal(asked({ stream: false }).stream, false)
    assert.equal(asked({ route: '/api/embed' }).stream, false)
    assert.deepEqual(readAsked(flags({ route: '/api/embed', stream: true })), [
      'flag --stream: /api/embed does not stream',
    ])
  })

  it('takes the slash off the end of an address', () => {
    assert.equal(asked({ url: 'http://guard:8080/' }).url, 'http://guard:8080')
    assert.equal(asked({ url: 'https://x.example/ollama/' }).url, 'https://x.example/ollama')
  })

  it('says every mistake at once, by its flag', () => {
    const wrong = {
      url: 'guard:8080',
      rate: '0',
      tokens: '0.5',
      model: 'a=,b',
      route: '/x',
      seed: '-1',
      timeout: '1e9',
    }
    const mistakes = readAsked(flags(wrong))
    assert.ok(Array.isArray(mistakes))
    assert.deepEqual(mistakes.map((mistake) => /^flag --([\w-]+): /.exec(mistake)?.[1]).sort(), [
      'model',
      'rate',
      'route',
      'seed',
      'timeout',
      'tokens',
      'url',
    ])
    assert.match(mistakes.join('\n'), /did you mean http:\/\/guard:8080\?/)
  })

  it('reads a trace, and refuses what a trace tells itself', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'guard-trace-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const trace = join(folder, 'trace.csv')
    writeFileSync(trace, '0,1,1\n4,1,1\n')
    assert.equal(asked({ trace, speed: '2' }).trace?.arrivals.length, 2)
    const both = readAsked(flags({ trace, rate: '5', tokens: '5' }))
    assert.deepEqual(both, [
      'flag --rate: the trace sets this value; use either --trace or --rate',
      'flag --tokens: the trace sets this value; use either --trace or --tokens',
    ])
    assert.match(
      String(readAsked(flags({ trace: join(folder, 'none') }))),
      /^flag --trace: .* cannot be read: ENOENT/,
    )
    writeFileSync(trace, '0,1\n')
    assert.match(String(readAsked(flags({ trace }))), /is not a trace:\n.*trace\.csv:1: not an arrival/)
    assert.deepEqual(readAsked(flags({ speed: '2' })), ['flag --speed: only a trace (--trace) has a speed'])

    writeFileSync(trace, '0,1,1\n4,1,1\n')
    const { calls, durationMs } = planOf(asked({ trace, speed: '2' }), seededRandom(1))
    assert.deepEqual([calls, durationMs], [2, 2_000])
    const cut = planOf(asked({ trace, speed: '2', duration: '1' }), seededRandom(1))
    assert.deepEqual(
      [cut.calls, cut.durationMs, [...{ [Symbol.iterator]: () => cut.arrivals }].length],
      [1, 1_000, 1],
    )
  })
})

describe('planNote', () => {
  it('says what is about to happen', () => {
    const load = asked({ model: 'a=2,b', rate: '2', duration: '10' })
    assert.equal(
      planNote(load, planOf(load, seededRandom(1))),
      'Sending about 20 calls over 10.0 s, at most 1000 at once, to http://127.0.0.1:8080/api/chat (streams): a, b\n',
    )
  })

  it('warns when it goes to another machine, and only then', () => {
    const note = (url: string) => {
      const load = asked({ url })
      return planNote(load, planOf(load, seededRandom(1)))
    }
    for (const near of ['http://localhost:1', 'http://127.9.9.9:1', 'http://[::1]:1'])
      assert.doesNotMatch(note(near), /not this machine/)
    for (const far of ['http://guard:1', 'http://10.0.0.1:1', 'http://127.example.com:1'])
      assert.match(note(far), /is not this machine: every call makes that machine run a model/)
  })
})

describe('the calls', () => {
  it('name model, prompt and limit in the words of their route', () => {
    const question = { model: 'm', prompt: 'p', tokens: 9, stream: true }
    for (const [route, { body, streams }] of Object.entries(ROUTES)) {
      const text = JSON.stringify(body(question))
      assert.match(text, /"model":"m"/, route)
      assert.match(text, /"p"/, route)
      if (streams) assert.match(text, /"(num_predict|max_tokens|max_output_tokens)":9/, route)
      assert.equal(text.includes('"stream":true'), streams, route)
    }
  })

  it('have prompts of the length asked for, each with another beginning', () => {
    for (const tokens of [0, 1, 19, 20, 100]) assert.equal(promptOf(7, tokens).split(' ').length, tokens + 1)
    assert.notEqual(promptOf(1, 50).slice(0, 2), promptOf(2, 50).slice(0, 2))
  })
})
