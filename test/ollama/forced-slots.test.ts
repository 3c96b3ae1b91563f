import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forcedSlots } from '../../src/ollama/forced-slots.ts'

const LLAMA = { capabilities: ['completion', 'tools'], family: 'llama', format: 'gguf' }

const reasonOf = (differing: Partial<Parameters<typeof forcedSlots>[0]>) =>
  forcedSlots({ ...LLAMA, ...differing })?.reason

it('lets a model of a usual family have as many slots as Ollama gives', () => {
  assert.equal(forcedSlots(LLAMA), undefined)
})

it('gives one slot to a model that completes nothing', () => {
  assert.deepEqual(forcedSlots({ capabilities: ['embedding'], family: 'bert', format: 'gguf' }), {
    slots: 1,
    reason: 'embedding',
  })
})

it('concludes nothing from capabilities that Ollama did not tell', () => {
  assert.equal(reasonOf({ capabilities: undefined, family: 'bert' }), undefined)
  assert.equal(reasonOf({ capabilities: [], family: 'bert' }), undefined)
})

it('gives one slot to the families that Ollama runs one at a time, told or not what else they can', () => {
  for (const family of ['mllama', 'qwen35moe', 'lfm2', 'nemotron_h_omni'])
    assert.deepEqual(forcedSlots({ ...LLAMA, family }), { slots: 1, reason: 'family' })
  assert.equal(reasonOf({ family: 'qwen3next', capabilities: undefined }), 'family')
})

it('compares as Ollama does: the whole word, in its case', () => {
  for (const family of ['Qwen35', 'qwen3', 'qwen3vl ', 'constructor'])
    assert.equal(reasonOf({ family }), undefined, family)
  assert.equal(reasonOf({ format: 'Safetensors' }), undefined)
  assert.equal(reasonOf({ capabilities: ['Completion'] }), 'embedding')
})

it('gives one slot to an MLX model, whether for text or for pictures', () => {
  assert.deepEqual(forcedSlots({ ...LLAMA, format: 'safetensors' }), { slots: 1, reason: 'format' })
  assert.equal(reasonOf({ format: 'safetensors', capabilities: ['image'] }), 'format')
  assert.equal(reasonOf({ format: 'safetensors', family: 'qwen35', capabilities: undefined }), 'format')
})
