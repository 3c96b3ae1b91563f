import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import type { ReloadResult } from '../../../src/config/changes.ts'
import { appHarness, type Change } from '../support/app-harness.ts'

const post = (result: ReloadResult, change: Change = {}, headers: Record<string, string> = {}) =>
  appHarness({ reload: async () => result, ...change }).app.request('/admin/reload', {
    method: 'POST',
    headers,
  })

describe('POST /admin/reload', () => {
  test('tells what was applied and what needs a restart', async () => {
    const response = await post({
      status: 'reloaded',
      applied: ['ollama_max_queue'],
      needsRestart: ['proxy_port'],
    })
    assert.equal(response.status, 200)
    assert.equal(
      await response.text(),
      '{"status":"reloaded","applied":["ollama_max_queue"],"needs_restart":["proxy_port"]}',
    )
  })

  test('answers 400 with every problem, in the language of who asked', async () => {
    const problems = [
      { where: 'config.yaml:1', key: 'language', message: 'expected one of auto, en' },
      { where: 'config.yaml:3', key: null, message: 'not valid YAML' },
    ]
    const response = await post({ status: 'invalid', problems }, {}, { 'accept-language': 'zh' })
    assert.equal(response.status, 400)
    assert.deepEqual(await response.json(), {
      error: 'invalid_config',
      message: '配置无效，未作任何更改。',
      problems,
    })
  })

  test('is refused while the proxy drains', async () => {
    const response = await post({ status: 'draining' })
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '5'])
    assert.equal(((await response.json()) as { error: string }).error, 'shutting_down')
  })

  test('is for admins alone', async () => {
    let asked = 0
    const reload = async (): Promise<ReloadResult> => {
      asked++
      return { status: 'draining' }
    }
    const refused = [
      await post({ status: 'draining' }, { reload, config: { admin_token: 'secret' } }),
      await post({ status: 'draining' }, { reload, peer: { address: '10.0.0.7' } }),
      await post({ status: 'draining' }, { reload }, { origin: 'https://evil.example', host: 'localhost' }),
    ]
    assert.deepEqual(
      refused.map(({ status }) => status),
      [401, 403, 403],
    )
    assert.equal(asked, 0)
    const token = { authorization: 'Bearer secret' }
    await post({ status: 'draining' }, { reload, config: { admin_token: 'secret' } }, token)
    assert.equal(asked, 1)
  })

  test('is 405 to other methods, and 404 where nothing can be read again', async () => {
    const { app } = appHarness({ reload: async () => ({ status: 'draining' }) })
    const response = await app.request('/admin/reload')
    assert.deepEqual([response.status, response.headers.get('allow')], [405, 'POST'])
    const { app: fixed, passed } = appHarness()
    assert.equal((await fixed.request('/admin/reload', { method: 'POST' })).status, 404)
    assert.deepEqual(passed, [])
  })
})
