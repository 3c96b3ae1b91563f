import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ModelLists } from '../../src/gate/model-lists.ts'
import { Failure } from '../../src/relay/failure.ts'
import type { Reply } from '../../src/upstream/asking.ts'

const MODELS = ['llama3.2*', '!llama3.2:70b']
const asked = (body: string, parts: Partial<Reply> = {}) =>
  new ModelLists(async () => ({ status: 200, body, whole: true, ...parts }))

describe('a list for a caller that may not use all models', () => {
  it('names the models that the caller may use, and keeps all else of Ollama', async () => {
    const models = ['llama3.2:latest', 'mistral:latest', 'llama3.2:70b', 'llama3.2:1b'].map((name) => ({
      name,
      size: 1,
    }))
    const list = await asked(JSON.stringify({ models, more: true })).filtered('GET', '/api/tags', MODELS)
    assert.deepEqual(await list?.json(), {
      models: [
        { name: 'llama3.2:latest', size: 1 },
        { name: 'llama3.2:1b', size: 1 },
      ],
      more: true,
    })
  })

  it('knows the form of OpenAI, and answers HEAD without a body', async () => {
    const data = JSON.stringify({ object: 'list', data: [{ id: 'llama3.2' }, { id: 'mistral' }] })
    const list = await asked(data).filtered('GET', '/v1/models', MODELS)
    assert.deepEqual(await list?.json(), { object: 'list', data: [{ id: 'llama3.2' }] })
    assert.equal(await (await asked(data).filtered('HEAD', '/v1/models', MODELS))?.text(), '')
  })

  it('passes a list without models, and nothing where Ollama gives no list', async () => {
    const empty = await asked('{"models":null}').filtered('GET', '/api/ps', MODELS)
    assert.equal(await empty?.text(), '{"models":null}')
    const silent = new ModelLists(() => Promise.reject(new Error('refused')))
    for (const lists of [asked('', { status: 500 }), silent])
      await assert.rejects(lists.filtered('GET', '/api/ps', MODELS), Failure)
  })

  it('shows nothing of an answer that is no list', async () => {
    for (const lists of [
      asked('[1'),
      asked('{"models":{}}'),
      asked('"models"'),
      asked('{"models":[]', { whole: false }),
    ])
      await assert.rejects(lists.filtered('GET', '/api/tags', MODELS), Failure)
    const odd = await asked('{"models":[null,1,{"name":7},{}]}').filtered('GET', '/api/tags', MODELS)
    assert.equal(await odd?.text(), '{"models":[]}')
  })
})
