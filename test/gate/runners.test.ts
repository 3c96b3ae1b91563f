import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runnersOf } from '../../src/gate/runners.ts'
import type { CatalogModel } from '../../src/upstream/catalog-model.ts'
import { MOST_MODELS } from '../../src/upstream/library.ts'

const aModel = (key: string, weights: string | undefined): CatalogModel => ({
  key,
  digest: undefined,
  weights,
  family: 'llama',
  format: 'gguf',
  capabilities: ['completion'],
  remote: false,
})
const runnersFor = (...models: readonly CatalogModel[]) =>
  runnersOf({
    models: new Map(models.map((model) => [model.key, model])),
    refresh: async () => {},
    wants: () => {},
  })

describe('the runners behind a catalog', () => {
  it('are not complete where the list was too long to be read as a whole', () => {
    const models = Array.from({ length: MOST_MODELS }, (_, index) => aModel(`m${index}`, undefined))
    assert.equal(runnersFor(...models.slice(1)).complete, true)
    assert.equal(runnersFor(...models).complete, false)
  })

  it('have ids that no modelfile can choose', () => {
    const digest = 'a'.repeat(64)
    const { find } = runnersFor(aModel('a', `sha256-${digest}`), aModel('b', 'cloud'))
    assert.equal(find('a')?.runner, 'sha256-aaaaaaaaaaaa')
    assert.equal(find('b')?.runner, 'file:cloud')
    assert.equal(find('x:20b-cloud')?.runner, 'cloud')
  })
})
