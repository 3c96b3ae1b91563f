import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { differences, loadOptions, reloadCauses, signature } from '../../src/ollama/load-options.ts'
import { GATED_PATHS } from '../../src/ollama/routes.ts'
import { read } from './support/read-call.ts'

const ALL =
  '{"num_ctx":4096,"num_batch":512,"num_gpu":-1,"main_gpu":0,"use_mmap":false,"num_thread":8,"draft_num_predict":4}'

describe('the options of a call', () => {
  const optionsOf = async (path: string, fields: string) =>
    (await read(path, { body: `{"model":"llama2",${fields}}` })).options

  for (const path of ['/api/generate', '/api/chat', '/api/embed', '/api/embeddings']) {
    it(`are the raw text of the last options on ${path}`, async () => {
      assert.equal(await optionsOf(path, `"options": ${ALL} `), ALL)
      assert.equal(
        await optionsOf(path, '"options":{"num_ctx":1},"OPTION\\u0053":{"num_ctx":2}'),
        '{"num_ctx":2}',
      )
      assert.equal(await optionsOf(path, '"x":{"options":{"num_ctx":1}}'), undefined)
      assert.deepEqual(loadOptions(await optionsOf(path, '"options":{"num_ctx":1},"options":null')), {})
    })

    it(`are not read on ${path} where they have more than 4 KiB`, async () => {
      const sized = (bytes: number) => `{"stop":["${'x'.repeat(bytes - '{"stop":[""]}'.length)}"]}`
      assert.equal((await optionsOf(path, `"options":${sized(4_096)}`))?.length, 4_096)
      assert.equal(await optionsOf(path, `"options":${sized(4_097)}`), undefined)
      assert.equal(await optionsOf(path, `"options":${' '.repeat(4_096)}{}`), undefined)
    })
  }

  it('are not there on a route of /v1, which cannot set them', async () => {
    for (const path of GATED_PATHS.filter((path) => path.startsWith('/v1/') && !path.includes('audio')))
      assert.equal(await optionsOf(path, `"options":${ALL}`), undefined, path)
  })
})

describe('the load options', () => {
  it('are those with which Ollama loads a model', () => {
    assert.deepEqual(loadOptions(ALL), {
      num_ctx: 4096,
      num_batch: 512,
      num_gpu: -1,
      main_gpu: 0,
      use_mmap: false,
      num_thread: 8,
      draft_num_predict: 4,
    })
    assert.deepEqual(
      loadOptions('{"temperature":0.8,"seed":1,"num_predict":5,"stop":["x"],"num_ctx":2048}'),
      {
        num_ctx: 2048,
      },
    )
  })

  it('have keys that match exactly, and the last of equal keys counts', () => {
    assert.deepEqual(loadOptions('{"NUM_CTX":1,"num_ctx ":1,"num_c\u0074x":2}'), { num_ctx: 2 })
    assert.deepEqual(loadOptions('{"num_ctx":1,"num_ctx":2}'), { num_ctx: 2 })
    assert.deepEqual(loadOptions('{"num_ctx":1,"num_ctx":null}'), {})
  })

  it('lose a fraction, as in Go', () => {
    assert.deepEqual(loadOptions('{"num_ctx":4096.9,"num_gpu":-1.9,"main_gpu":-0.5}'), {
      num_ctx: 4096,
      num_gpu: -1,
      main_gpu: 0,
    })
    assert.equal(signature(loadOptions('{"main_gpu":-0.0}')), 'main_gpu=0')
  })

  it('are not there for a value of another type, or beyond an int64', () => {
    for (const value of ['"4096"', 'true', 'null', '[1]', '{}', '1e19', '-1e300', '1e999'])
      assert.deepEqual(loadOptions(`{"num_ctx":${value}}`), {}, value)
    for (const value of ['1', '"true"', 'null'])
      assert.deepEqual(loadOptions(`{"use_mmap":${value}}`), {}, value)
  })

  it('are not there without options, or without JSON', () => {
    for (const raw of [undefined, '', 'null', '[]', '5', '"x"', '{', '{"num_ctx":1', '['.repeat(4_096)])
      assert.deepEqual(loadOptions(raw), {}, raw)
    assert.deepEqual(loadOptions('{"__proto__":{"num_ctx":1},"constructor":1}'), {})
  })
})

describe('two calls', () => {
  const some = fc.record(
    {
      num_ctx: fc.oneof(fc.integer(), fc.double(), fc.constant('8192')),
      num_gpu: fc.integer({ min: -1, max: 1 }),
      use_mmap: fc.oneof(fc.boolean(), fc.constant(null)),
      num_thread: fc.constantFrom(-(2 ** 63) + 1024, 2 ** 63 - 1024, 0, 8),
      temperature: fc.double(),
    },
    { requiredKeys: [] },
  )

  it('have the same signature exactly where no option differs, in whatever order they are written', () => {
    fc.assert(
      fc.property(some, some, (one, other) => {
        const a = loadOptions(JSON.stringify(one))
        const b = loadOptions(JSON.stringify(Object.fromEntries(Object.entries(other).reverse())))
        assert.equal(signature(a) === signature(b), differences(a, b).length === 0)
        assert.deepEqual(differences(a, a), [])
        for (const { from, to } of differences(a, b)) {
          assert.notEqual(from, to)
          assert.ok(from.length <= 20 && to.length <= 20, `${from} ${to}`)
        }
      }),
    )
  })

  it('differ in the values as printed, and an absent option is automatic', () => {
    const a = loadOptions('{"num_ctx":4096,"use_mmap":true}')
    const b = loadOptions('{"num_ctx":32768,"num_gpu":0}')
    assert.equal(signature(a), 'num_ctx=4096 use_mmap=true')
    assert.equal(signature({}), '')
    assert.deepEqual(differences(a, b), [
      { option: 'num_ctx', from: '4096', to: '32768' },
      { option: 'num_gpu', from: 'automatic', to: '0' },
      { option: 'use_mmap', from: 'true', to: 'automatic' },
    ])
  })
})

describe('the causes of a reload', () => {
  const causes = (from: string, to: string) =>
    reloadCauses(loadOptions(from), loadOptions(to)).map(({ option }) => option)

  it('are the options that differ', () => {
    assert.deepEqual(causes('{"num_ctx":1,"use_mmap":true}', '{"num_ctx":2,"main_gpu":0}'), [
      'num_ctx',
      'main_gpu',
      'use_mmap',
    ])
  })

  it('are no num_gpu that the second call leaves to Ollama', () => {
    for (const to of ['{}', '{"num_gpu":-1}']) assert.deepEqual(causes('{"num_gpu":10}', to), [])
    for (const from of ['{}', '{"num_gpu":-1}', '{"num_gpu":10}'])
      assert.deepEqual(causes(from, '{"num_gpu":0}'), ['num_gpu'])
  })

  it('are no zero where zero is the default', () => {
    for (const option of ['num_thread', 'draft_num_predict']) {
      assert.deepEqual(causes('{}', `{"${option}":0}`), [])
      assert.deepEqual(causes(`{"${option}":0}`, '{}'), [])
      assert.deepEqual(causes(`{"${option}":0}`, `{"${option}":1}`), [option])
    }
    assert.deepEqual(causes('{}', '{"main_gpu":0}'), ['main_gpu'])
  })
})
