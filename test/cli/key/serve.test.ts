import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test'
import { until } from '../../support/until.ts'
import { type Program, program, ran } from '../support/program.ts'

let folder = ''
let config = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-key-serve-'))
  config = join(folder, 'config.yaml')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)
const key = async (t: TestContext, ...args: string[]) => {
  const { code, stdout, stderr } = await ran(t, ['key', ...args, '--config', config])
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

/** A proxy in front of the simulator, once its banner is out. */
async function serve(t: TestContext, ...args: string[]): Promise<{ proxy: Program; url: string }> {
  const proxy = program(t, ['--demo', '--port', '0', '--config', config, ...args])
  await until('the banner', () => /\/health$/m.test(proxy.output.stderr), 20_000)
  const url = /listens on (\S+)/.exec(proxy.output.stderr)?.[1] ?? assert.fail(proxy.output.stderr)
  return { proxy, url }
}

async function statusWith(url: string, secret: string): Promise<number> {
  const answer = await fetch(`${url}/api/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: '{"model":"llama3.2","prompt":"hi","stream":false,"options":{"num_predict":1}}',
  })
  await answer.arrayBuffer()
  return answer.status
}

const readings = ({ output }: Program) => output.stdout.match(/configuration read again/g)?.length ?? 0
const readAfter = async (proxy: Program, change: () => Promise<unknown>) => {
  const before = readings(proxy)
  await change()
  await until('the change was read', () => readings(proxy) > before, 10_000)
}

describe('a proxy that runs', () => {
  it('serves a key of the command, and refuses it once it is rotated or revoked', async (t) => {
    writeFileSync(config, `keys_file: ${at('keys.yaml')}\n`)
    const first = await key(t, 'add', 'ci')
    const { proxy, url } = await serve(t)
    assert.match(proxy.output.stderr, /^Callers: everybody with a key \(auth is enforce, 1 key\)$/m)
    assert.equal(await statusWith(url, first), 200)

    let second = ''
    await readAfter(proxy, async () => {
      second = await key(t, 'rotate', 'ci')
    })
    assert.deepEqual([await statusWith(url, first), await statusWith(url, second)], [401, 200])

    await readAfter(proxy, () => key(t, 'revoke', 'ci'))
    assert.equal(await statusWith(url, second), 401)
    const said = proxy.output.stdout + proxy.output.stderr
    for (const secret of [first, second]) assert.ok(!said.includes(secret))
  })

  it('watches the keys_file that the configuration names now, and reads it at SIGHUP', async (t) => {
    writeFileSync(at('one.yaml'), '')
    writeFileSync(config, `keys_file: ${at('one.yaml')}\n`)
    const { proxy, url } = await serve(t)
    assert.match(proxy.output.stderr, /^Callers: nobody yet/m)

    // The file does not exist yet, so the configuration is refused until the command makes the file.
    writeFileSync(config, `keys_file: ${at('two.yaml')}\n`)
    await until('refused', () => /two\.yaml does not exist/.test(proxy.output.stdout), 10_000)
    let secret = ''
    await readAfter(proxy, async () => {
      secret = await key(t, 'add', 'ci')
    })
    assert.equal(await statusWith(url, secret), 200)

    if (process.platform === 'win32') return
    await readAfter(proxy, async () => proxy.process.kill('SIGHUP'))
    assert.equal(await statusWith(url, secret), 200)
  })

  it('warns of keys with one secret, of a file that others can read, and of a network without keys', async (t) => {
    const hash = `sha256:${'0a'.repeat(32)}`
    writeFileSync(at('keys.yaml'), `a: { hash: "${hash}" }\nb: { hash: "${hash}" }\n`)
    chmodSync(at('keys.yaml'), 0o644)
    writeFileSync(config, `auth: off\nproxy_host: 0.0.0.0\nkeys_file: ${at('keys.yaml')}\n`)
    const { proxy } = await serve(t)
    await until('the log', () => /"listening".*\n/.test(proxy.output.stdout))
    const { stderr, stdout } = proxy.output
    assert.match(stderr, /^Callers: everybody who reaches the proxy \(auth is off\)$/m)
    assert.match(stderr, /^From other machines, pull, create and delete are closed\./m)
    const warnings = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ level }) => level === 'warn')
      .map(({ message }) => message)
    assert.match(warnings[0], /^the keys a, b have the same secret/)
    assert.match(warnings[1], /keys\.yaml can be read by other users/)
    assert.match(warnings[2], /^everybody who reaches this machine/)
    assert.doesNotMatch(stdout + stderr, /0a0a/)
  })
})
