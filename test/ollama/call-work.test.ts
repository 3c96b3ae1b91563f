import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { GATED_PATHS } from '../../src/ollama/routes.ts'
import { bytesOf } from '../support/scripted-request.ts'
import { type OllamaWork, ollamaWork } from './support/go-work.ts'
import { read } from './support/read-call.ts'

const JSON_PATHS = GATED_PATHS.filter((path) => path !== '/v1/audio/transcriptions')

const workOf = async (path: string, fields: string) =>
  (await read(path, { body: `{"model":"llama2"${fields && ','}${fields}}` })).work

describe('a call without content', () => {
  const LOADS: readonly (readonly [string, readonly string[]])[] = [
    [
      '/api/generate',
      ['', '"prompt":""', '"prompt":null', '"prompt":"","suffix":"x","images":["aGk="],"raw":true'],
    ],
    [
      '/api/chat',
      ['', '"messages":[]', '"messages":[ \n]', '"messages":null', '"messages":[{}],"messages":null'],
    ],
    [
      '/api/embed',
      ['', '"input":""', '"input":[]', '"input":[ ]', '"input":null', '"input":"x","input":null'],
    ],
    ['/api/embeddings', ['', '"prompt":""', '"prompt":null', '"prompt":"","input":"x"']],
    ['/v1/completions', ['', '"prompt":""', '"prompt":null', '"prompt":"","suffix":"x"']],
  ]
  for (const [path, bodies] of LOADS) {
    for (const body of bodies) {
      it(`only loads the model: ${path} with ${body || 'nothing'}`, async () => {
        assert.equal(await workOf(path, body), 'load')
      })
    }
  }

  it('loads with a keep_alive other than 0, and with one that null takes back', async () => {
    for (const path of ['/api/generate', '/api/chat']) {
      assert.equal(await workOf(path, '"keep_alive":"5m"'), 'load')
      assert.equal(await workOf(path, '"keep_alive":-1'), 'load')
      assert.equal(await workOf(path, '"keep_alive":null'), 'load')
      assert.equal(await workOf(path, '"keep_alive":0,"keep_alive":null'), 'load')
      assert.equal(await workOf(path, '"keep_alive":null,"Keep_Alive":0'), 'unload')
    }
  })

  it('does not unload on a route whose handler first loads, or knows no keep_alive', async () => {
    for (const path of ['/api/embed', '/api/embeddings', '/v1/completions'])
      assert.equal(await workOf(path, '"keep_alive":0'), 'load', path)
  })

  it('is work where Ollama refuses the call, or where more than one key decides', async () => {
    const loading = new Set(LOADS.map(([path]) => path))
    for (const path of JSON_PATHS.filter((path) => !loading.has(path))) {
      for (const body of ['', '"messages":[]', '"input":""', '"input":[]', '"prompt":""', '"keep_alive":0'])
        assert.equal(await workOf(path, body), 'run', `${path} ${body}`)
    }
  })
})

describe('a call with content', () => {
  const RUNS: readonly (readonly [string, readonly string[]])[] = [
    [
      '/api/generate',
      ['"prompt":" "', '"prompt":"\\u0000"', '"prompt":"x","prompt":null', '"prompt":"","PROMPT":"x"'],
    ],
    ['/api/chat', ['"messages":[{}]', '"messages":[null]', '"messages":[],"me\u017fsages":[{}]']],
    ['/api/embed', ['"input":"x"', '"input":[""]', '"input":["",""]', '"input":[],"Input":"x"']],
    ['/api/embeddings', ['"prompt":"x"', '"prompt":"x","prompt":null']],
    ['/v1/completions', ['"prompt":"x"', '"prompt":"","\\u0070rompt":"x"']],
  ]
  for (const [path, bodies] of RUNS) {
    for (const body of bodies) {
      it(`is work: ${path} with ${body}`, async () => {
        assert.equal(await workOf(path, `"keep_alive":0,${body}`), 'run')
        assert.equal(await workOf(path, body), 'run')
      })
    }
  }

  it('is work where its emptiness is too long to be read', async () => {
    const spaces = ' '.repeat(2_000)
    assert.equal(await workOf('/api/chat', `"messages":[${spaces}]`), 'run')
    assert.equal(await workOf('/api/embed', `"input":${spaces}""`), 'run')
    assert.equal(await workOf('/api/generate', `"prompt":"","keep_alive":0.${'0'.repeat(2_000)}`), 'load')
  })
})

describe('the inputs of a call', () => {
  const inputsOf = async (path: string, fields: string) =>
    (await read(path, { body: `{"model":"llama2",${fields}}` })).inputs

  for (const path of ['/api/embed', '/v1/embeddings']) {
    it(`are the elements of the array on ${path}`, async () => {
      assert.equal(await inputsOf(path, '"input":["a","b","c"]'), 3)
      assert.equal(await inputsOf(path, '"input":["a, b","[c]"]'), 2)
      assert.equal(await inputsOf(path, '"Input":["a"],"INPUT":["b","c"]'), 2)
      assert.equal(await inputsOf(path, `"input":[${'"x",'.repeat(100_000)}"x"]`), 100_001)
    })

    it(`are one for a text, and none for an empty array on ${path}`, async () => {
      for (const input of ['"x"', '"a,b"', '""', 'null', '[""]', `["${'x'.repeat(2_000)}"]`])
        assert.equal(await inputsOf(path, `"input":${input}`), 1, input)
      assert.equal(await inputsOf(path, '"prompt":"x"'), 1)
      assert.equal(await inputsOf(path, '"input":[\n]'), 1)
      assert.equal(await inputsOf(path, '"input":["a","b"],"input":[]'), 1)
    })
  }

  it('are one on every other route', async () => {
    for (const path of JSON_PATHS.filter((path) => !['/api/embed', '/v1/embeddings'].includes(path)))
      assert.equal(await inputsOf(path, '"input":["a","b"],"messages":[{},{}],"prompt":"x"'), 1, path)
  })

  it('are as many as JSON.parse finds', async () => {
    const inputs = fc.array(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', ',', ']', '"],["', '\\')),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/api/embed', '/v1/embeddings'),
        inputs,
        fc.nat(2),
        async (path, input, indent) => {
          const body = JSON.stringify({ model: 'llama2', input }, null, indent)
          const call = await read(path, { body })
          assert.equal(call.inputs, Math.max(1, input.length), body)
          assert.equal(call.work, input.length === 0 && path === '/api/embed' ? 'load' : 'run', body)
        },
      ),
      { numRuns: 1_000 },
    )
  })
})

describe('a generated body', () => {
  const NAMES = [
    'prompt',
    'messages',
    'input',
    'keep_alive',
    'model',
    'suffix',
    'options',
    'me\u00dfages',
    'prompts',
  ]
  const VALUES = [
    '""',
    '" "',
    '"hi"',
    '"\\u0000"',
    'null',
    '[]',
    '[ \t]',
    '[{}]',
    '[null]',
    '[5]',
    '["a"]',
    '["",""]',
  ]
  const TIMES = [
    '0',
    '-0',
    '0.0',
    '"0"',
    '"0s"',
    '"-0m"',
    '"0.0000000001s"',
    '"1ns"',
    '1e-10',
    '-1',
    '5',
    '"5m"',
    '"x"',
  ]
  const NESTED = [
    '{}',
    '{"prompt":"x"}',
    '{"messages":[{}]}',
    '[{"input":["x"]}]',
    '[[]]',
    '5',
    'true',
    '"\\"prompt\\":1"',
  ]
  const MODELS = ['"llama2"', '"llama2"', '"llama2"', '" llama2 "', '""', 'null', '5']

  /** The same key in another spelling, of which Go folds some into the key. */
  const spelled = fc.constantFrom(
    (name: string) => name,
    (name: string) => name.toUpperCase(),
    (name: string) => name.replace('s', '\u017f'),
    (name: string) => name.replace('k', '\u212a'),
    (name: string) => name.replace(/[eo]/, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
    (name: string) => `${name} `,
  )
  const space = fc.constantFrom('', '', ' ', '\n\t', '\r')
  const entry = fc
    .tuple(
      fc.constantFrom(...NAMES),
      spelled,
      space,
      space,
      fc.constantFrom(...VALUES, ...NESTED, ...TIMES),
      fc.nat(),
    )
    .map(([name, spell, before, after, any, pick]) => {
      const fitting = name === 'model' ? MODELS : name === 'keep_alive' ? TIMES.concat('null') : [any]
      return `"${spell(name)}"${before}:${after}${fitting[pick % fitting.length]}${before}`
    })
  const body = fc
    .tuple(fc.array(entry, { maxLength: 6 }), fc.nat(), space, fc.constantFrom('', '{"prompt":"x"}', 'x'))
    .map(([entries, at, gap, trailing]) => {
      const members = entries.toSpliced(at % (entries.length + 1), 0, '"model":"llama2"')
      return `${gap}{${members.join(`,${gap}`)}}${trailing}`
    })
  const flips = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\0n \u0000')), { maxLength: 2 })

  /** Each body that Ollama accepts is compared. @returns how many bodies Ollama answers in which way. */
  async function compared(
    generated: fc.Arbitrary<string>,
    numRuns: number,
  ): Promise<Record<OllamaWork, number>> {
    const seen = { refused: 0, unload: 0, load: 0, run: 0 }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...JSON_PATHS), generated, async (path, text) => {
        const expected = ollamaWork(path, bytesOf(text))
        seen[expected]++
        if (expected === 'refused') return
        const { work } = await read(path, { body: text })
        // A fraction of a nanosecond in a text is 0 for Ollama. Here it counts as a load: that is no bypass.
        const allowed = expected === 'unload' && text.includes('000000001s') ? ['unload', 'load'] : [expected]
        assert.ok(allowed.includes(work), `${path} ${text}: ${work}, Ollama: ${expected}`)
      }),
      { numRuns },
    )
    return seen
  }

  it('is load or unload only where Ollama generates nothing, and work wherever Ollama works', async () => {
    const seen = await compared(body, 10_000)
    for (const [work, count] of Object.entries(seen)) assert.ok(count > 100, `${count} bodies are ${work}`)
  })

  it('is so after some of its bytes have changed', async () => {
    const changed = fc.tuple(body, flips).map(([text, changes]) => {
      const letters = [...text]
      for (const [at, letter] of changes) letters[at % letters.length] = letter
      return letters.join('')
    })
    const seen = await compared(changed, 10_000)
    for (const [work, count] of Object.entries(seen)) assert.ok(count > 50, `${count} bodies are ${work}`)
  })
})
