import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Description } from '../../conformance/description.ts'
import { appHarness } from '../../http/support/app-harness.ts'

const description = new Description()

interface Change {
  readonly status?: number
  readonly type?: string
  readonly body?: (body: object) => object
}

/** What differs when an answer of the app is changed like this. */
async function problemsOf(method: string, path: string, change: Change = {}): Promise<readonly string[]> {
  const response = await appHarness().app.request(path, { method })
  const body: object = JSON.parse(await response.text())
  const { pathname } = new URL(path, 'http://localhost')
  if (change.type !== undefined) response.headers.set('content-type', change.type)
  const head = {
    method,
    path: pathname,
    status: change.status ?? response.status,
    header: (name: string) => response.headers.get(name),
  }
  assert.ok(description.isOurs(head))
  return description.problemsOf(head, JSON.stringify(change.body?.(body) ?? body))
}

describe('the description, held against answers', () => {
  it('agrees with the pages and their errors', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/queue/stats', '/queue/memory'])
      assert.deepEqual(await problemsOf('GET', path), [], path)
    assert.deepEqual(await problemsOf('GET', '/queue/stats?model=none'), [])
    assert.deepEqual(await problemsOf('POST', '/admin/queue/reset'), [])
    assert.deepEqual(await problemsOf('POST', '/admin/queue/reset?models=none'), [])
    assert.deepEqual(await problemsOf('GET', '/admin/nothing'), [])
    assert.deepEqual(await problemsOf('DELETE', '/health'), [])
  })

  it('does not agree with a field that is new, missing or of another kind', async () => {
    const changes: readonly ((body: object) => object)[] = [
      (body) => ({ ...body, extra: 1 }),
      () => ({}),
      (body) => ({ ...body, percent: '42' }),
    ]
    for (const body of changes) assert.notDeepEqual(await problemsOf('GET', '/queue/memory', { body }), [])
    const later = (body: object) => ({ ...body, timestamp: 'now' })
    assert.match((await problemsOf('GET', '/health', { body: later })).join(), /timestamp must match format/)
  })

  it('does not agree with a status, a content type or a missing header', async () => {
    assert.match(
      (await problemsOf('GET', '/queue/memory', { status: 418 })).join(),
      /status is not described/,
    )
    assert.match((await problemsOf('GET', '/queue/memory', { type: 'text/html' })).join(), /"text\/html"/)
    const head = { method: 'PUT', path: '/health', status: 405, header: () => null }
    assert.match(description.problemsOf(head, undefined).join(), /the header Allow is missing/)
  })

  it('tells the errors of a call by the dialect of the path', () => {
    const headers = new Headers({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'retry-after': '3',
    })
    const head = (path: string) => ({
      method: 'POST',
      path,
      status: 503,
      header: (name: string) => headers.get(name),
    })
    const error = { error: { message: 'Busy.', type: 'server_error', param: null, code: 'queue_full' } }
    const body = JSON.stringify(error)
    assert.ok(description.isOurs(head('/v1/embeddings')))
    assert.deepEqual(description.problemsOf(head('/v1/embeddings'), body), [])
    assert.notDeepEqual(description.problemsOf(head('/v1/messages'), body), [])
    assert.notDeepEqual(description.problemsOf(head('/api/chat'), body), [])
    const cancelled = JSON.stringify({ error: { ...error.error, code: 'cancelled' } })
    assert.notDeepEqual(description.problemsOf(head('/v1/embeddings'), cancelled), [])
    const spent = { error: { ...error.error, type: 'insufficient_quota', code: 'insufficient_quota' } }
    const refused = (path: string, status: number) => ({ ...head(path), status })
    assert.deepEqual(description.problemsOf(refused('/v1/embeddings', 429), JSON.stringify(spent)), [])
    assert.match(
      description.problemsOf(refused('/v1/embeddings', 401), JSON.stringify(spent)).join(),
      /the header WWW-Authenticate is missing/,
    )
    const scoped = JSON.stringify({ error: { ...error.error, scope: 'caller' } })
    assert.deepEqual(description.problemsOf(head('/v1/embeddings'), scoped), [])
    headers.delete('cache-control')
    assert.ok(!description.isOurs(head('/v1/embeddings')), 'an answer of Ollama')
  })

  it('knows the events and the bodies of requests', () => {
    const problemsOfEvent = (name: string, data: string) =>
      description.problemsOfEvent('/queue/events', name, data)
    const problemsOfRequest = (body: object) =>
      description.problemsOfRequest('POST', '/admin/queue/update', JSON.stringify(body))
    assert.deepEqual(problemsOfEvent('requests', '{"total":0,"requests":[]}'), [])
    assert.deepEqual(problemsOfEvent('sample', 'null'), [])
    assert.notDeepEqual(problemsOfEvent('requests', '{"total":0}'), [])
    assert.notDeepEqual(problemsOfEvent('gossip', '{}'), [])
    assert.deepEqual(problemsOfRequest({ model: '*', queue_limit: 4 }), [])
    assert.notDeepEqual(problemsOfRequest({ model: '*' }), [])
  })
})
