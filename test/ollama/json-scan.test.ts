import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { WantedKey } from '../../src/ollama/json-key.ts'
import { stringValue, TopLevelScan } from '../../src/ollama/json-scan.ts'

type Key = 'model' | 'keep_alive' | 'messages'
const WANTED: readonly WantedKey<Key>[] = [
  { key: 'model', nullEmpties: false },
  { key: 'keep_alive', nullEmpties: true },
  { key: 'messages', nullEmpties: true },
]
const encode = (text: string) => new TextEncoder().encode(text)

/** Scans the whole body, `most` steps at a time. */
function scanned(body: string | Uint8Array, most = 2 ** 40): TopLevelScan<Key> {
  const scan = new TopLevelScan(typeof body === 'string' ? encode(body) : body, WANTED)
  let turns = 0
  while (!scan.advance(most)) assert.ok(++turns <= 10 * body.length, 'it gets on')
  return scan
}
function scan(body: string | Uint8Array, most?: number): { [K in Key]: string | undefined } {
  const found = scanned(body, most)
  return {
    model: found.text('model'),
    keep_alive: found.text('keep_alive'),
    messages: found.text('messages'),
  }
}
const modelIn = (body: string | Uint8Array, most?: number) => stringValue(scan(body, most).model)

/** How a generated object is written down: each entry's key and value as JSON text. */
interface Entry {
  readonly key: string
  readonly writtenKey: string
  readonly value: unknown
  readonly writtenValue: string
}

const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 })

/** A string as JSON text with some of its UTF-16 units written as escapes. */
function escapedAs(text: string, escapes: readonly boolean[]): string {
  let written = '"'
  for (let index = 0; index < text.length; index++) {
    const unit = text.charAt(index)
    const hex = text.charCodeAt(index).toString(16).padStart(4, '0')
    const loneOrHigh = /[\ud800-\udfff]/.test(unit)
    if (escapes[index % escapes.length] || loneOrHigh) written += `\\u${index % 2 ? hex.toUpperCase() : hex}`
    else written += JSON.stringify(unit).slice(1, -1)
  }
  return `${written}"`
}

const key = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('model', 'Model', 'MODEL', 'keep_alive', 'Keep_Alive', 'messages'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('mode', 'models', 'model ', '', 'me\u017fsages', '\u212aeep_alive'),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
)
const anyValue = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom('\\', '"', '\\"', '\\\\', '{"model":"x"}', '"model":"x"', ']}', 'llama2'),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom({ model: 'inner' }, [{ model: 'inner' }], { a: { model: 'inner' } }),
)
const escapes = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 })

const entry: fc.Arbitrary<Entry> = fc
  .tuple(key, escapes, anyValue, escapes, fc.nat(3))
  .map(([name, keyEscapes, value, valueEscapes, indent]) => ({
    key: name,
    writtenKey: escapedAs(name, keyEscapes),
    value,
    writtenValue:
      typeof value === 'string' ? escapedAs(value, valueEscapes) : JSON.stringify(value, null, indent),
  }))

const sameName = (written: string, wanted: string) => {
  const plain = written.replaceAll('\u017f', 's').replaceAll('\u212a', 'k')
  return plain.length === wanted.length && plain.replace(/[A-Z]/g, (c) => c.toLowerCase()) === wanted
}

describe('generated objects', () => {
  it('are read as Go reads them, at once or in steps: the last of equal keys wins', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 8 }),
        fc.array(space, { minLength: 6 }),
        fc.integer({ min: 1, max: 200 }),
        (entries, spaces, most) => {
          const gap = (index: number) => spaces[index % spaces.length] ?? ''
          const members = entries.map(
            (one, i) =>
              `${gap(i)}${one.writtenKey}${gap(i + 1)}:${gap(i + 2)}${one.writtenValue}${gap(i + 3)}`,
          )
          const body = `${gap(0)}{${gap(4)}${members.join(',')}}${gap(5)}`
          const found = scan(body)
          assert.deepEqual(scan(body, most), found, `${most} steps at a time: ${body}`)
          for (const { key: wanted, nullEmpties } of WANTED) {
            const counts = (one: Entry) => sameName(one.key, wanted) && (nullEmpties || one.value !== null)
            const last = entries.filter(counts).at(-1)
            const text = found[wanted]
            assert.deepEqual(
              text === undefined ? undefined : JSON.parse(text),
              last === undefined ? undefined : JSON.parse(last.writtenValue),
              `${wanted} in ${body}`,
            )
          }
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('without equal keys give the same as JSON.parse', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.jsonValue(),
        fc.nat(4),
        (rest, model, indent) => {
          const whole = { ...rest, model }
          const expected: { model?: unknown } = JSON.parse(JSON.stringify(whole))
          const text = scan(JSON.stringify(whole, null, indent)).model
          if (Object.keys(whole).some((name) => name !== 'model' && sameName(name, 'model'))) return
          assert.deepEqual(text === undefined ? null : JSON.parse(text), expected.model)
        },
      ),
    )
  })
})

describe('the elements of a counted array', () => {
  type Counted = 'model' | 'input'
  const KEYS: readonly WantedKey<Counted>[] = [
    { key: 'model', nullEmpties: false },
    { key: 'input', nullEmpties: true },
  ]
  const counting = (body: string, most = 2 ** 40) => {
    const scan = new TopLevelScan(encode(body), KEYS, 'input')
    while (!scan.advance(most));
    return { elements: scan.elements, model: stringValue(scan.text('model')), input: scan.text('input') }
  }
  const elements = (body: string) => counting(body).elements
  const inputs = fc.oneof(
    fc.array(fc.string({ unit: 'grapheme', maxLength: 60 })),
    fc.array(fc.constantFrom('', ',', '[', ']', '"', '\\', '",', '"],["', '{"input":[1,2]}', ' ')),
    fc.array(anyValue),
    anyValue,
  )

  it('are as many as JSON.parse finds, whatever is around and in them, at once or in steps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('input', 'INPUT', 'model', 'x', 'inputs'), inputs), {
          maxLength: 6,
        }),
        escapes,
        fc.nat(3),
        fc.integer({ min: 1, max: 200 }),
        (entries, escaped, indent, most) => {
          const written = (value: unknown) =>
            typeof value === 'string' ? escapedAs(value, escaped) : JSON.stringify(value, null, indent)
          const body = `{${entries.map(([name, value]) => `"${name}" :\n${written(value)}\t`).join(',')}}`
          const last = entries.filter(([name]) => name.toLowerCase() === 'input').at(-1)?.[1]
          const found = counting(body)
          assert.equal(found.elements, Array.isArray(last) ? Math.max(1, last.length) : 1, body)
          assert.deepEqual(counting(body, most), found, `${most} steps at a time: ${body}`)
          assert.deepEqual(JSON.parse(found.input ?? 'null'), JSON.parse(JSON.stringify(last ?? null)), body)
          const names = entries.filter(([name, value]) => name === 'model' && value !== null)
          const model = names.at(-1)?.[1]
          // A lone surrogate does not survive a round trip through UTF-8, so the value comes from its JSON text.
          assert.equal(found.model, typeof model === 'string' ? JSON.parse(written(model)) : undefined, body)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('are those of the last equal key, and null has none', () => {
    assert.equal(elements('{"input":["a","b"],"input":"x"}'), 1)
    assert.equal(elements('{"input":["a","b"],"input":["c","d","e"]}'), 3)
    assert.equal(elements('{"input":["a","b"],"input":null}'), 1)
    assert.equal(elements('{"Input":["a","b"],"x":[1,2,3]}'), 2)
    assert.equal(elements('{"x":["a","b"]}'), 1)
    assert.equal(elements('{"input":{"a":1,"b":2}}'), 1)
    assert.equal(elements('{"input":[[1,2],{"a":3,"b":[4,5]},"6,7"]}'), 3)
  })

  it('are 1 for an array with white space only', () => {
    for (const space of ['', ' ', '\n\t\r ', ' '.repeat(5_000)]) {
      assert.equal(elements(`{"input":[${space}]}`), 1)
      assert.equal(elements(`{"input":[${space}"a"${space},${space}"b"${space}]}`), 2)
    }
  })

  it('take no more steps than a scan that does not count', () => {
    for (const make of [
      (n: number) => '"a",'.repeat(n),
      (n: number) => '[{}],'.repeat(n),
      (n: number) => ','.repeat(n),
    ]) {
      const body = `{"input":[${make(20_000)}0],"model":"a"}`
      const count = new TopLevelScan(encode(body), KEYS, 'input')
      const plain = new TopLevelScan(encode(body), KEYS)
      count.advance(2 ** 40)
      plain.advance(2 ** 40)
      assert.equal(count.steps, plain.steps)
      assert.equal(count.elements, 20_001)
    }
  })

  it('do not make the scan throw in a body that is not JSON', () => {
    const parts = fc.array(fc.constantFrom(...'{}[]",:\\ a0n'.split('')), { maxLength: 200 })
    fc.assert(
      fc.property(parts, (some) => void counting(`{"input":${some.join('')}`, 50)),
      { numRuns: 1_000 },
    )
  })
})

describe('the model of', () => {
  const TABLE: Record<string, string | undefined> = {
    '{"model":"a"}': 'a',
    ' \t\r\n{ "model" : "a" } ': 'a',
    '{"model":"a","model":"b"}': 'b',
    '{"model":"a","Model":"b"}': 'b',
    '{"MODEL":"b","model":"a"}': 'a',
    '{"model":"a","model":null}': 'a',
    '{"model":null,"model":"a"}': 'a',
    '{"model":null}': undefined,
    '{"model":"a","model":5}': undefined,
    '{"\\u006dodel":"a"}': 'a',
    '{"mode\\u006c":"a"}': 'a',
    '{"\\u004d\\u004f\\u0044\\u0045\\u004C":"a"}': 'a',
    '{"mod\\u0065l":"\\u0061"}': 'a',
    '{"mo\\x64el":"a"}': undefined,
    '{"model ":"a"}': undefined,
    '{"m\u00f6del":"a"}': undefined,
    '{"options":{"model":"a"}}': undefined,
    '{"options":{"model":"b"},"model":"a"}': 'a',
    '{"x":[{"model":"b"}],"model":"a"}': 'a',
    '{"x":"\\"model\\":\\"b\\"","model":"a"}': 'a',
    '{"x":"}","y":"]","model":"a"}': 'a',
    '{"x":-1.5e+3,"y":true,"z":false,"n":null,"model":"a"}': 'a',
    '{"model":"a"} trailing {"model":"b"}': 'a',
    '{"model":"a"}{"model":"b"}': 'a',
    '{"model":"a"': undefined,
    '{"model":"a",': 'a',
    '{"model":"a': undefined,
    '{"model":': undefined,
    '{"model"': undefined,
    '{': undefined,
    '': undefined,
    ' ': undefined,
    '{}': undefined,
    '[]': undefined,
    '[{"model":"a"}]': undefined,
    '"model"': undefined,
    null: undefined,
    '42': undefined,
    '\ufeff{"model":"a"}': undefined,
    'x{"model":"a"}': undefined,
    '{"model":["a"]}': undefined,
    '{"model":{"model":"a"}}': undefined,
    '{model:"a"}': undefined,
    "{'model':'a'}": undefined,
  }
  for (const [body, model] of Object.entries(TABLE)) {
    it(`${body.slice(0, 60)} is ${model}`, () => assert.equal(modelIn(body), model))
  }

  it('a name behind any amount of white space is found, since Ollama trims it', () => {
    for (const filler of [' ', '\\u0020', '\\t']) {
      assert.equal(modelIn(`{"model":"${filler.repeat(20_000)}llama2"}`)?.trim(), 'llama2')
    }
  })
})

describe('keys that Go folds together', () => {
  it('the long s and the Kelvin sign count as letters, written or escaped', () => {
    for (const name of ['me\u017fsages', 'ME\u017f\u017fAGES', 'me\\u017fsages', 'm\\u0065\u017fsages']) {
      assert.equal(scan(`{"${name}":[]}`).messages, '[]', name)
    }
    for (const name of ['\u212aeep_alive', '\\u212Aeep_ALIVE']) {
      assert.equal(scan(`{"${name}":0}`).keep_alive, '0', name)
    }
  })

  it('letters that only full case folding makes equal do not count', () => {
    assert.equal(scan('{"messages":[1],"me\u00dfages":[]}').messages, '[1]')
    assert.equal(scan('{"keep_al\u0131ve":0}').keep_alive, undefined)
    assert.equal(scan('{"keep_al\u0130ve":0}').keep_alive, undefined)
  })
})

describe('hostile bodies', () => {
  it('a body that is cut at any byte does not make the scan throw or find a wrong model', () => {
    const sample = encode(
      '{"a":[1,{"b":"x\\\\\\"y"}],"\\u006dodel":"ll\\u0061ma2","c":"\u00e9\u{1f600}","Model":"b"}',
    )
    for (let end = 0; end <= sample.length; end++) {
      assert.ok([undefined, 'llama2', 'b'].includes(modelIn(sample.subarray(0, end))))
    }
  })

  it('random bytes do not make the scan throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void scan(bytes)))
    const jsonLike = fc.array(fc.constantFrom(...'{}[]",:\\ a0'.split('')), { maxLength: 200 })
    fc.assert(
      fc.property(jsonLike, (parts) => void scan(`{"model":${parts.join('')}`)),
      { numRuns: 1_000 },
    )
  })

  it('a hundred thousand levels do not overflow the stack', () => {
    const deep = 100_000
    assert.equal(modelIn(`{"x":${'['.repeat(deep)}${']'.repeat(deep)},"model":"a"}`), 'a')
    assert.equal(modelIn(`{"x":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)},"model":"a"}`), 'a')
    assert.equal(modelIn(`{"x":${'['.repeat(deep)}`), undefined)
  })

  it('escapes and quotes at every offset around the switch to the far search', () => {
    for (const piece of ['\\\\', '\\"', '\\\\\\"', '\\\\\\\\', '\\u0022', '"']) {
      for (let offset = 0; offset <= 70; offset++) {
        const string = `${'a'.repeat(offset)}${piece === '"' ? '' : piece}`
        for (const tail of ['', 'b', 'b'.repeat(70)]) {
          const body = `{"x":"${string}${tail}","model":"m${string}"}`
          assert.equal(modelIn(body), JSON.parse(`"m${string}"`), `${piece} at ${offset}`)
        }
      }
    }
    for (let slashes = 0; slashes <= 140; slashes += 2) {
      assert.equal(modelIn(`{"x":"${'\\'.repeat(slashes)}","model":"a"}`), 'a')
      assert.equal(modelIn(`{"x":"${'\\'.repeat(slashes)}\\"}","model":"a"}`), 'a')
    }
  })

  it('a value is returned in full, whatever its size', () => {
    const long = 'x'.repeat(100_000)
    const found = scanned(`{"messages":"${long}","model": "${long}"}`)
    assert.equal(found.size('messages'), 100_002)
    assert.equal(found.size('model'), 100_003)
    assert.equal(found.size('keep_alive'), 0)
    assert.equal(stringValue(found.text('model')), long)
  })
})

describe('bodies that are hard to scan', () => {
  const HARD: Record<string, (bytes: number) => string> = {
    backslashes: (n) => `{"x":"${'\\\\'.repeat(n / 2)}"}`,
    'backslashes in front of quotes': (n) => `{"x":"${`${'\\'.repeat(999)}"`.repeat(n / 1000)}"}`,
    'escaped quotes': (n) => `{"x":"${'\\"'.repeat(n / 2)}"}`,
    'far escaped quotes': (n) => `{"x":"${`${'a'.repeat(40)}\\"`.repeat(n / 42)}"}`,
    'a string that never closes': (n) => `{"x":"${'\\"'.repeat(n / 2)}`,
    'one long string': (n) => `{"x":"${'a'.repeat(n)}"}`,
    brackets: (n) => `{"x":${'['.repeat(n)}`,
    'short strings': (n) => `{"x":[${'"",'.repeat(n / 3)}`,
    'tiny keys': (n) => `{${'"":1,'.repeat(n / 5)}"a":1}`,
    'keys that nearly match': (n) => `{${'"\\u006dodex":1,'.repeat(n / 15)}"a":1}`,
    models: (n) => `{${'"model":"a",'.repeat(n / 12)}"a":1}`,
    nulls: (n) => `{${'"model":null,'.repeat(n / 13)}"a":1}`,
    spaces: (n) => `{${' '.repeat(n)}"a":1}`,
    digits: (n) => `{"a":${'1'.repeat(n)}}`,
  }
  for (const [what, make] of Object.entries(HARD)) {
    it(`${what}: twice the size takes twice the steps`, () => {
      let before = scanned(make(2 ** 14)).steps
      for (const size of [2 ** 15, 2 ** 16, 2 ** 17]) {
        const { steps } = scanned(make(size))
        assert.ok(steps <= 2 * before + 4_000, `${size} bytes: ${steps} steps after ${before}`)
        before = steps
      }
      assert.ok(before <= 6 * 2 ** 17, `${before} steps for ${2 ** 17} bytes`)
    })

    it(`${what}: no stretch is much longer than requested`, () => {
      const most = 1_000
      const scan = new TopLevelScan(encode(make(2 ** 16)), WANTED)
      for (let over = false; !over; ) {
        const before = scan.steps
        over = scan.advance(most)
        // The engine's search does not stop, nor does the count of backslashes before its result.
        assert.ok(scan.steps - before <= 10 * most, `${scan.steps - before} steps`)
      }
    })
  }
})

describe('stringValue', () => {
  it('is undefined for anything but a whole string', () => {
    for (const raw of [undefined, '', '5', 'null', '{}', '"', '"a', '"\\x"', '"a\nb"', "'a'"]) {
      assert.equal(stringValue(raw), undefined, String(raw))
    }
    assert.equal(stringValue('"\\u0061\\n"'), 'a\n')
  })
})
