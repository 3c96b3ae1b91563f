import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeRequest } from '../../src/watchdog/probe-request.ts'

test('a probe asks for one token, with the options because of which Ollama would load the model again', () => {
  const options = '{"num_ctx":8192,"temperature":0.5,"num_predict":4000,"use_mmap":false,"seed":null}'
  const { path, body } = probeRequest({ model: 'llama3.2', options }, false)
  assert.equal(path, '/api/generate')
  assert.deepEqual(JSON.parse(body), {
    model: 'llama3.2',
    prompt: 'a',
    stream: false,
    options: { num_ctx: 8192, use_mmap: false, num_predict: 1 },
  })
})

test('a probe of a model that only embeds asks for the vector of a letter', () => {
  const { path, body } = probeRequest({ model: 'all-minilm', options: undefined }, true)
  assert.equal(path, '/api/embed')
  assert.deepEqual(JSON.parse(body), { model: 'all-minilm', input: 'a', options: {} })
})
