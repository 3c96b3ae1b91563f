import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changesBetween } from '../../src/config/changes.ts'
import { loadConfig } from '../../src/config/load.ts'
import { options } from '../../src/config/schema.ts'

/** The configuration from the text of a file; undefined: there is none. */
function aConfig(text: string | undefined, env = {}, flags = {}) {
  const readFile = (path: string) => {
    if (path === 'keys.yaml') return ''
    if (text === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' })
    return text
  }
  return loadConfig({ flags, env, readFile, ownAddresses: [] })
}

describe('changes of the configuration', () => {
  it('are told apart: what can be put in force, what needs a restart, each in the order of the schema', () => {
    const { applied, needsRestart } = changesBetween(
      aConfig('log_level: debug'),
      aConfig(
        'language: ja\nalerts: { memory: off }\nproxy_port: 9000\nadmin_token: abc\nollama_max_queue: 7\nollama_url: http://x:1',
      ),
    )
    assert.deepEqual(applied, ['ollama_max_queue', 'alerts', 'log_level', 'language'])
    assert.deepEqual(needsRestart, ['ollama_url', 'proxy_port', 'admin_token'])
  })

  it('are limits, turns, shares, signs of life, thresholds, callers, log level and language, and of no other option', () => {
    const text = [
      'ollama_url: http://x:1',
      'ollama_authorization: Bearer x',
      'proxy_host: "::1"',
      'proxy_port: 1',
      'ollama_num_parallel: 1',
      'ollama_max_queue: 1',
      'request_timeout: 1',
      'first_byte_timeout: 1',
      'stream_idle_timeout: 1',
      'max_body_size: 1',
      'max_queue_bytes: 1',
      'enable_queue_stats: false',
      'models: { a: { queue_limit: 1 } }',
      'turns: off',
      'turn: { max_wait: 1 }',
      'fairness: off',
      'classes: { batch: 2 }',
      'reserve: 1',
      'class_from: [{ header: X-A }]',
      'waiting: { when: off }',
      'alerts: { window: 30 }',
      'alert_webhook: http://x:1',
      'alert_webhook_secret: x',
      'admin_token: x',
      'auth: off',
      'keys: { a: { address: 192.0.2.1 } }',
      'keys_file: keys.yaml',
      'manage: keys',
      'trusted_proxies: 192.0.2.1',
      'open_webui_jwt_secret: x',
      'forward_identity: true',
      'usage_dir: x',
      'log_level: error',
      'log_format: text',
      'log_file: x',
      'language: en',
    ]
    const { applied, needsRestart } = changesBetween(aConfig(''), aConfig(text.join('\n')))
    assert.deepEqual(applied, [
      'ollama_num_parallel',
      'ollama_max_queue',
      'models',
      'turns',
      'turn',
      'fairness',
      'classes',
      'reserve',
      'class_from',
      'waiting',
      'alerts',
      'auth',
      'keys',
      'keys_file',
      'manage',
      'trusted_proxies',
      'open_webui_jwt_secret',
      'forward_identity',
      'log_level',
      'language',
    ])
    assert.equal(applied.length + needsRestart.length, options.length)
  })

  it('are none where a value is only written otherwise, or somewhere else', () => {
    const before = aConfig('max_body_size: 1MiB')
    const now = aConfig(
      'max_body_size: 1048576\nlanguage: auto\nalerts: { window: 60 }\nturn: { together: }',
      {
        LOG_LEVEL: 'info',
      },
    )
    const { applied, needsRestart, effective } = changesBetween(before, now)
    assert.deepEqual([applied, needsRestart], [[], []])
    assert.deepEqual(
      [effective.sources.language, effective.sources.log_level],
      ['config.yaml', 'environment'],
    )
  })

  it('are none where a flag or the environment decides, whatever the file says', () => {
    const env = { OLLAMA_MAX_QUEUE: '5', PROXY_PORT: '9001' }
    const flags = { parallel: '2' }
    const { applied, needsRestart, effective } = changesBetween(
      aConfig('', env, flags),
      aConfig('ollama_max_queue: 9\nproxy_port: 9000\nollama_num_parallel: 8', env, flags),
    )
    assert.deepEqual([applied, needsRestart], [[], []])
    assert.equal(effective.config.ollama_max_queue, 5)
  })

  it('that need a restart leave the old value and its source in force, and are told until they are undone', () => {
    const started = aConfig('request_timeout: 10\nadmin_token: old')
    const first = changesBetween(started, aConfig('request_timeout: 20\nollama_max_queue: 7'))
    assert.deepEqual(first.needsRestart, ['request_timeout', 'admin_token'])
    const { config, sources } = first.effective
    assert.deepEqual([config.request_timeout, config.admin_token, config.ollama_max_queue], [10, 'old', 7])
    assert.deepEqual([sources.admin_token, sources.ollama_max_queue], ['config.yaml', 'config.yaml'])

    const again = changesBetween(first.effective, aConfig('request_timeout: 20\nollama_max_queue: 7'))
    assert.deepEqual([again.applied, again.needsRestart], [[], ['request_timeout', 'admin_token']])
    const undone = changesBetween(again.effective, aConfig('request_timeout: 10\nadmin_token: old'))
    assert.deepEqual([undone.applied, undone.needsRestart], [['ollama_max_queue'], []])
  })

  it('may come with a file where there was none', () => {
    const { applied, effective } = changesBetween(aConfig(undefined), aConfig('language: ko'))
    assert.deepEqual(applied, ['language'])
    assert.equal(effective.configFile, 'config.yaml')
  })
})
