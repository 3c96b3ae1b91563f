import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { readPlist } from './plist.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = join(root, 'docs', 'deploy')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

/** What stands where a token would: made by the reader's own machine, or left for the reader to fill in. */
const NO_TOKEN = /^(?:\$\(openssl|…)/
const SETTING = /(?:ADMIN_TOKEN|admin_token)["']?(?:<\/key>\s*<string>|\s*[=:]\s*)["']?(\S+)/g

describe('the files of a deployment', () => {
  it('hold no token that two machines would share', () => {
    for (const name of readdirSync(folder))
      for (const [setting, value = ''] of read(name).matchAll(SETTING))
        assert.match(value, NO_TOKEN, `${name}: ${setting}`)
  })

  it('are read by this test as one would write a token into them', () => {
    for (const text of [
      'ADMIN_TOKEN=secret',
      'ADMIN_TOKEN: "secret"',
      'admin_token: secret',
      '<key>ADMIN_TOKEN</key>\n    <string>secret</string>',
      '"ADMIN_TOKEN": "secret"',
      'ADMIN_TOKEN: $' + '{ADMIN_TOKEN:-secret}',
    ]) {
      const [found] = text.matchAll(SETTING)
      assert.doesNotMatch(found?.[1] ?? '', NO_TOKEN, text)
    }
  })

  it('do not start without one: compose reads a file that must be there', () => {
    const { proxy } = parse(read('compose.yaml')).services
    assert.equal(proxy.env_file, 'admin.env')
    assert.equal('ADMIN_TOKEN' in proxy.environment, false)
  })

  it('do not start without one: systemd reads a file that must be there', () => {
    const files = read('ollama-guard-proxy.service').match(/^EnvironmentFile=.*$/gm)
    assert.deepEqual(files, ['EnvironmentFile=/etc/ollama-guard-proxy/environment'])
  })

  it('do not start without one: launchd names a file that must be there', () => {
    const agent = readPlist(read('com.ollama-guard-proxy.plist'))
    const file = '/opt/ollama-guard-proxy/admin-token'
    assert.ok(typeof agent === 'object' && !Array.isArray(agent))
    assert.deepEqual(agent.EnvironmentVariables, { NODE_ENV: 'production', ADMIN_TOKEN_FILE: file })
    const readFile = (path: string) => {
      if (path === file) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
      return ''
    }
    assert.throws(
      () => loadConfig({ flags: {}, env: { ADMIN_TOKEN_FILE: file }, ownAddresses: [], readFile }),
      /ADMIN_TOKEN_FILE: .*admin-token does not exist/,
    )
  })

  it('put none into the image, which everybody who has the image can read', () => {
    assert.doesNotMatch(read('Dockerfile'), /^(?:ENV|ARG|COPY|ADD)\b.*(?:admin|token)/im)
  })

  it('that hold a token are none of the repository', () => {
    const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n')
    for (const name of ['docs/deploy/admin.env', 'admin-token']) assert.ok(ignored.includes(name), name)
  })
})
