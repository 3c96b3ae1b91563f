import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GATED_PATHS } from '../../src/ollama/routes.ts'
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
