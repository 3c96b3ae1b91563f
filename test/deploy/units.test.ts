import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { EXIT_CONFIG, EXIT_USAGE } from '../../src/cli/exit-codes.ts'
import { DRAIN_MS } from '../../src/runtimes/process/drain.ts'
import { readPlist } from './plist.ts'

const folder = join(import.meta.dirname, '..', '..', 'docs', 'deploy')
const SERVICE = 'ollama-guard-proxy.service'
const MAIN = '/opt/ollama-guard-proxy/dist/main.js'

/** The directives of a unit in their order; throws for a line that is none. */
function readUnit(text: string): [section: string, key: string, value: string][] {
  const directives: [string, string, string][] = []
  let section = ''
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? []
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (name !== undefined) section = name
    else if (key !== undefined && value !== undefined) directives.push([section, key, value])
    else throw new Error(`no directive: ${line}`)
  }
  return directives
}

describe('the systemd unit', () => {
  const text = readFileSync(join(folder, SERVICE), 'utf8')
  const service = new Map(
    readUnit(text)
      .filter(([section]) => section === 'Service')
      .map(([, key, value]) => [key, value]),
  )

  it('is understood by systemd, where there is one', () => {
    const temporary = mkdtempSync(join(tmpdir(), 'guard-unit-'))
    try {
      const copy = join(temporary, SERVICE)
      writeFileSync(copy, text.replace('/usr/bin/node', process.execPath))
      const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', copy], { encoding: 'utf8' })
      // A machine without systemd has the other checks of this file.
      if (error !== undefined && 'code' in error && error.code === 'ENOENT') return
      assert.equal(error, undefined)
      // Unknown keys are told, yet do not fail.
      const ours = stderr.split('\n').filter((line) => line.includes(SERVICE))
      assert.deepEqual(ours, [])
      assert.equal(status, 0, stderr)
    } finally {
      rmSync(temporary, { recursive: true })
    }
  })

  it('starts the proxy, asks it to stop, and gives it longer than it takes to drain', () => {
    assert.equal(service.get('ExecStart'), `/usr/bin/node ${MAIN} serve`)
    assert.equal(service.get('ExecReload'), '/bin/kill -HUP $MAINPID')
    assert.equal(service.get('KillSignal'), 'SIGTERM')
    assert.ok(Number(service.get('TimeoutStopSec')) * 1_000 > DRAIN_MS)
  })

  it('starts it again after a crash, not after a mistake in flags or configuration', () => {
    assert.equal(service.get('Restart'), 'on-failure')
    assert.deepEqual(service.get('RestartPreventExitStatus')?.split(' ').map(Number), [
      EXIT_USAGE,
      EXIT_CONFIG,
    ])
  })

  it('forbids what the proxy has no need of, and nothing that it needs', () => {
    for (const key of ['DynamicUser', 'NoNewPrivileges', 'ProtectHome', 'PrivateDevices', 'PrivateTmp'])
      assert.equal(service.get(key), 'yes', key)
    assert.equal(service.get('ProtectSystem'), 'strict')
    assert.equal(service.get('CapabilityBoundingSet'), '')
    assert.equal(service.has('MemoryDenyWriteExecute'), false)
    assert.equal(service.has('ProcSubset'), false)
    assert.match(service.get('RestrictAddressFamilies') ?? '', /\bAF_NETLINK\b/)
  })

  it('has a key once only, but for lists', () => {
    const keys = readUnit(text).map(([section, key]) => `${section}.${key}`)
    const twice = keys.filter((key, index) => keys.indexOf(key) !== index)
    assert.deepEqual(twice, ['Service.SystemCallFilter'])
  })
})

describe('the launchd agent', () => {
  const text = readFileSync(join(folder, 'com.ollama-guard-proxy.plist'), 'utf8')
  const read = readPlist(text)
  assert.ok(typeof read === 'object' && !Array.isArray(read))
  const agent = read

  it('is named after its label', () => {
    assert.equal(agent.Label, 'com.ollama-guard-proxy')
  })

  it('starts the proxy at login and again after a crash', () => {
    assert.deepEqual(agent.ProgramArguments, ['/opt/homebrew/bin/node', MAIN, 'serve'])
    assert.equal(agent.RunAtLoad, true)
    assert.deepEqual(agent.KeepAlive, { SuccessfulExit: false })
  })

  it('gives it longer than it takes to drain', () => {
    assert.ok(Number(agent.ExitTimeOut) * 1_000 > DRAIN_MS)
  })

  it('names whole paths only: launchd knows neither ~ nor variables', () => {
    const paths = [...text.matchAll(/<string>([^<]*\/[^<]*)<\/string>/g)].map(([, path]) => path)
    assert.ok(paths.length >= 4)
    for (const path of paths) assert.match(path ?? '', /^\/[^~$]*$/)
  })

  it('is refused by our own reader when an element is broken', () => {
    for (const broken of [text.replace('</array>', ''), text.replace('<true/>', '<maybe/>'), `${text}<dict>`])
      assert.throws(() => readPlist(broken))
  })
})
