import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isModelList, isUnknownPost, modelInPath, useOf } from '../../src/ollama/route-use.ts'
import { GATED_PATHS } from '../../src/ollama/routes.ts'

const uses = (use: ReturnType<typeof useOf>, requests: readonly string[]) => {
  for (const request of requests) {
    const [method = '', path = ''] = request.split(' ')
    assert.equal(useOf(method, path), use, request)
  }
}

describe('what a request asks of Ollama', () => {
  it('is a run of a model on each gated route', () => {
    for (const path of GATED_PATHS) uses('infer', [`POST ${path}`, `POST ${path}/`])
  })

  it('is open to everybody for its version, and for what a browser asks first', () => {
    uses('open', ['GET /', 'HEAD /', 'GET /api/version', 'OPTIONS /api/chat', 'OPTIONS /api/pull'])
  })

  it('is reading for lists and for what tells of one model', () => {
    const posts = ['POST /api/show', 'POST /api/me', 'POST /v1/messages/count_tokens']
    uses('read', [
      'GET /api/tags',
      'GET /api/ps',
      'GET /v1/models',
      'GET /v1/models/a',
      'HEAD /api/blobs/x',
      ...posts,
    ])
  })

  it('is management for all that changes Ollama', () => {
    uses('manage', [
      ...['pull', 'push', 'create', 'copy', 'signout', 'blobs/sha256:0a'].map((name) => `POST /api/${name}`),
      ...['DELETE /api/delete', 'DELETE /api/user/keys/k', 'POST /api/experimental/web_search'],
    ])
  })

  it('is management for what a newer Ollama may know, in any spelling', () => {
    uses('manage', [
      'POST /api/new',
      'PUT /v1/new',
      'PATCH /api',
      'DELETE /v1/',
      'POST /API/pull',
      'FOO /api/tags',
    ])
    uses('manage', ['DELETE /api/chat', 'PUT /v1/chat/completions'])
  })

  it('is nothing outside of the trees of Ollama', () => {
    uses('read', ['POST /apis', 'POST /v10/x', 'DELETE /', 'POST /v2/models'])
  })
})

describe('an unknown route', () => {
  it('is a POST below /api or /v1 that no table names', () => {
    assert.ok(isUnknownPost('POST', '/v1/new'))
    for (const path of [
      '/api/pull',
      '/api/chat',
      '/api/show',
      '/api/blobs/sha256:1',
      '/api/experimental/a/b',
      '/x',
    ])
      assert.ok(!isUnknownPost('POST', path), path)
    assert.ok(!isUnknownPost('DELETE', '/v1/new'))
  })
})

describe('a list of models', () => {
  it('is read with GET or HEAD', () => {
    for (const path of ['/api/tags', '/api/ps', '/v1/models']) {
      assert.ok(isModelList('GET', path) && isModelList('HEAD', path))
      assert.ok(!isModelList('POST', path))
    }
    assert.ok(!isModelList('GET', '/v1/models/llama3.2'))
  })
})

describe('the model in a path', () => {
  it('is the one that /v1/models/ asks about, in any spelling', () => {
    assert.equal(modelInPath('/v1/models/Llama3.2:latest'), 'llama3.2')
    assert.equal(modelInPath('/v1/models/library/llama3.2'), 'llama3.2')
    for (const path of ['/v1/models', '/v1/models/', '/api/tags', '/v1/models/no such name!'])
      assert.equal(modelInPath(path), undefined, path)
  })
})
