import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasSingleSlot, traitsOf } from '../../src/simulator/families.ts'
import { inventModel } from '../../src/simulator/model-spec.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aSimulator, post, until } from './support.ts'

/** The first model of /api/tags, or of /api/ps. */
async function firstOf(url: string, page: 'tags' | 'ps') {
  return (await (await fetch(`${url}/api/${page}`)).json()).models[0]
}

describe('what a name says about a model', () => {
  const names: [name: string, family: string, single: boolean][] = [
    ['llama3.2:latest', 'llama', false],
    ['mistral:7b', 'mistral', false],
    ['all-minilm:latest', 'bert', true],
    ['nomic-embed-text:v1.5', 'bert', true],
    ['llama3.2-vision:11b', 'mllama', true],
    ['qwen3-vl:8b', 'qwen3vl', true],
    ['qwen3-vl:30b-a3b', 'qwen3vlmoe', true],
    ['qwen3.5:9b', 'qwen35', true],
    ['qwen3:8b', 'qwen', false],
    ['qwen3-next:80b', 'qwen3next', true],
    ['lfm2:24b', 'lfm2', true],
    ['nemotron-3-nano:30b', 'nemotron_h_moe', true],
    ['nemotron_h:8b', 'nemotron_h', true],
    ['llama3.2-mlx:3b', 'llama', true],
    ['z-image-turbo:latest', 'z', true],
  ]
  for (const [name, family, single] of names) {
    it(`${name} is of the family ${family} and has ${single ? 'one slot' : 'NUM_PARALLEL slots'}`, () => {
      assert.equal(traitsOf(name).family, family)
      assert.equal(hasSingleSlot(traitsOf(name)), single)
    })
  }

  it('counts less than what the spec says', () => {
    const model = inventModel({ name: 'x', family: 'lfm2', capabilities: ['completion'], format: 'gguf' }, 0)
    assert.deepEqual([model.family, model.capabilities], ['lfm2', ['completion']])
    assert.equal(hasSingleSlot(model), true)
  })

  it('a name with mlx is a model of format safetensors', async (t) => {
    const { url } = await aSimulator(t, { models: ['gemma3-mlx:4b'] })
    assert.equal((await firstOf(url, 'tags')).details.format, 'safetensors')
  })
})

describe('V17: /api/tags and /api/ps', () => {
  it('have the facts of a model in the order of the vectors', async (t) => {
    const { url } = await aSimulator(t, { models: ['llama3.2'] })
    const model = await firstOf(url, 'tags')
    const details = {
      parent_model: '',
      format: 'gguf',
      family: 'llama',
      families: ['llama'],
      parameter_size: '3.2B',
      quantization_level: 'Q4_K_M',
    }
    const inTags = { ...details, context_length: 131_072, embedding_length: 3072 }
    assert.equal(JSON.stringify(model.details), JSON.stringify(inTags))
    assert.deepEqual(model.capabilities, ['completion', 'tools'])
    await (await post(`${url}/api/generate`, { model: 'llama3.2' })).text()
    const loaded = await firstOf(url, 'ps')
    assert.equal(JSON.stringify(loaded.details), JSON.stringify(details))
    // The weights, and 4096 tokens of context in one slot.
    const bytes = model.size + 4096 * 73_271
    assert.deepEqual(
      [loaded.digest, loaded.size, loaded.size_vram, loaded.context_length],
      [model.digest, bytes, bytes, 4096],
    )
  })

  it('details.parent_model is the blob of a model that was made from a file, and empty in /api/ps', async (t) => {
    const { url } = await aSimulator(t, { models: [{ name: 'tiny', fromFile: true }] })
    assert.match(
      (await firstOf(url, 'tags')).details.parent_model,
      /^\/root\/\.ollama\/models\/blobs\/sha256-[0-9a-f]{64}$/,
    )
    await (await post(`${url}/api/generate`, { model: 'tiny' })).text()
    assert.equal((await firstOf(url, 'ps')).details.parent_model, '')
  })

  it('/api/ps shows the name for whose call the runner was loaded, also when that name is gone', async (t) => {
    const { url } = await aSimulator(t)
    await post(`${url}/api/copy`, { source: 'llama3.2', destination: 'mine' })
    await (await post(`${url}/api/generate`, { model: 'mine' })).text()
    await (await post(`${url}/api/generate`, { model: 'llama3.2', prompt: 'x' })).text()
    await fetch(`${url}/api/delete`, { method: 'DELETE', body: '{"model":"mine"}' })
    const { models } = await (await fetch(`${url}/api/ps`)).json()
    assert.deepEqual(
      models.map(({ name }: { name: string }) => name),
      ['mine:latest'],
    )
  })

  it('/api/ps lists the model that stays longest first, and no model that is still loading', async (t) => {
    const clock = new ManualClock()
    const { url, simulator } = await aSimulator(t, { clock, loadMs: 1000 })
    const load = async (model: string, keep_alive: string) => {
      const answer = post(`${url}/api/generate`, { model, keep_alive })
      await until(() => simulator.engine.counters.of(model).pending === 1)
      return { answer }
    }
    for (const [model, keepAlive] of [
      ['llama2:latest', '5m'],
      ['mistral:latest', '10m'],
      ['llama3.2:latest', '1m'],
    ] as const) {
      const { answer } = await load(model, keepAlive)
      clock.advance(1000)
      await (await answer).text()
    }
    // The fourth model evicts the one with the shortest keep-alive.
    const { answer } = await load('qwen2.5:7b', '1h')
    const { models } = await (await fetch(`${url}/api/ps`)).json()
    assert.deepEqual(
      models.map(({ name }: { name: string }) => name),
      ['mistral:latest', 'llama2:latest'],
    )
    clock.advance(1000)
    await (await answer).text()
  })
})

describe('/api/show', () => {
  const show = async (url: string, model: string) => (await post(`${url}/api/show`, { model })).json()

  it('prints the Modelfile with the blob of the weights', async (t) => {
    const parameters = { num_ctx: 8192, stop: ['<|eot|>', ' x'], use_mmap: false }
    const { url } = await aSimulator(t, { models: [{ name: 'tiny', system: 'Be\nbrief.', parameters }] })
    const shown = await show(url, 'tiny')
    assert.equal(
      shown.modelfile.replace(/[0-9a-f]{64}/, 'HEX'),
      `# Modelfile generated by "ollama show"
# To build a new Modelfile based on this, replace FROM with:
# FROM tiny:latest

FROM /root/.ollama/models/blobs/sha256-HEX
TEMPLATE {{ .Prompt }}
SYSTEM "Be
brief."
PARAMETER num_ctx 8192
PARAMETER stop <|eot|>
PARAMETER stop " x"
PARAMETER use_mmap false
`,
    )
    assert.equal(
      shown.parameters,
      `num_ctx                        8192
stop                           "<|eot|>"
stop                           " x"
use_mmap                       false`,
    )
    assert.deepEqual(Object.keys(shown), [
      'modelfile',
      'parameters',
      'template',
      'system',
      'details',
      'model_info',
      'capabilities',
      'modified_at',
    ])
  })

  it('leaves out what a model does not have, and gives copies the same FROM line', async (t) => {
    const { url } = await aSimulator(t)
    const first = await show(url, 'llama3.2')
    assert.deepEqual([first.parameters, first.system], [undefined, undefined])
    await post(`${url}/api/copy`, { source: 'llama3.2', destination: 'mine' })
    const from = (modelfile: string) => /^FROM (.+)$/m.exec(modelfile)?.[1]
    assert.equal(from((await show(url, 'mine')).modelfile), from(first.modelfile))
    assert.notEqual(from((await show(url, 'llama2')).modelfile), from(first.modelfile))
  })

  it('names the model itself in the FROM line of a model of format safetensors', async (t) => {
    const { url } = await aSimulator(t, { models: ['gemma3-mlx:4b'] })
    assert.match(
      (await show(url, 'gemma3-mlx:4b')).modelfile,
      /^# Modelfile.*\nFROM gemma3-mlx:4b\nTEMPLATE /,
    )
  })
})
