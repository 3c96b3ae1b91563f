import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FairSettings } from '../../src/admission/contract.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { changesBetween } from '../../src/config/changes.ts'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { applyChanges, Reloader } from '../../src/gate/reload.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { OLLAMA } from '../admission/support/builders.ts'
import { ManualClock } from '../support/manual-clock.ts'

const CALM = 'ollama_max_queue: 5\n'

/** A reloader over a file whose text can be changed; `gate` holds back what is put in force. */
function aReloader(started: { readonly text: string | undefined } = { text: CALM }) {
  const file = { text: started.text, reads: 0 }
  const read = (): LoadedConfig => {
    file.reads++
    const readFile = () => {
      if (file.text === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' })
      return file.text
    }
    return loadConfig({ flags: {}, env: {}, readFile, ownAddresses: [] })
  }
  const lines: string[] = []
  const at = (level: string) => (message: string, fields?: object) =>
    void lines.push([level, message, ...Object.values(fields ?? {})].join(' '))
  const state = { draining: false, gate: Promise.resolve() }
  const applied: string[][] = []
  const inForce = { loaded: read() }
  const reloader = new Reloader({
    inForce,
    read,
    apply: async (changes) => {
      applied.push([...changes.applied])
      await state.gate
    },
    draining: () => state.draining,
    log: { info: at('info'), warn: at('warn'), error: at('error') },
  })
  file.reads = 0
  return { reloader, inForce, file, lines, applied, state }
}

function aGate() {
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  return { gate, open }
}

describe('a reload', () => {
  it('puts in force what changed, names what needs a restart and logs both', async () => {
    const { reloader, inForce, file, lines, applied } = aReloader()
    file.text = 'ollama_max_queue: 6\nlanguage: ja\nproxy_port: 9000'
    assert.deepEqual(await reloader.reload(), {
      status: 'reloaded',
      applied: ['ollama_max_queue', 'language'],
      needsRestart: ['proxy_port'],
    })
    assert.deepEqual(applied, [['ollama_max_queue', 'language']])
    const { config, sources } = inForce.loaded
    assert.deepEqual([config.ollama_max_queue, config.proxy_port, sources.language], [6, 8080, 'config.yaml'])
    assert.deepEqual(lines, [
      'info configuration read again ollama_max_queue,language',
      'warn settings changed that need a restart proxy_port',
    ])
  })

  it('tells of a warning once, when it is new', async () => {
    const { reloader, file, lines } = aReloader()
    file.text = `${CALM}\nmax_queue_bytes: 1MiB`
    await reloader.reload()
    await reloader.reload()
    const warnings = lines.filter((line) => line.includes('is smaller than max_body_size'))
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /^warn config\.yaml:\d+: max_queue_bytes: /)
  })

  it('of a bad file changes nothing and tells every problem', async () => {
    const { reloader, inForce, file, lines, applied } = aReloader()
    const before = inForce.loaded
    file.text = 'ollama_max_queue: many\nlanguage: xx\nqueue: 1'
    const result = await reloader.reload()
    assert.ok(result.status === 'invalid')
    assert.deepEqual(
      result.problems.map(({ where, key }) => [where, key]),
      [
        ['config.yaml:1', 'ollama_max_queue'],
        ['config.yaml:2', 'language'],
        ['config.yaml:3', 'queue'],
      ],
    )
    assert.equal(inForce.loaded, before)
    assert.deepEqual(applied, [])
    assert.equal(lines.length, 1)
    assert.match(
      lines[0] ?? '',
      /^error .*nothing changed: config\.yaml:1: ollama_max_queue: .*; config\.yaml:2: language: .*; config\.yaml:3: queue: /,
    )
  })

  it('of a file that is gone changes nothing', async () => {
    const { reloader, inForce, file, lines, applied } = aReloader()
    file.text = undefined
    const result = await reloader.reload()
    assert.deepEqual(result, {
      status: 'invalid',
      problems: [{ where: 'config.yaml', key: null, message: 'is gone' }],
    })
    assert.deepEqual([applied, inForce.loaded.config.ollama_max_queue], [[], 5])
    assert.deepEqual(lines, ['error the configuration cannot be read, nothing changed: config.yaml: is gone'])
  })

  it('takes a file that was not there at the start', async () => {
    const { reloader, inForce, file } = aReloader({ text: undefined })
    assert.equal(inForce.loaded.configFile, null)
    file.text = CALM
    assert.equal((await reloader.reload()).status, 'reloaded')
    assert.equal(inForce.loaded.configFile, 'config.yaml')
  })

  it('reads nothing while the proxy drains', async () => {
    const { reloader, file, state } = aReloader()
    state.draining = true
    assert.deepEqual(await reloader.reload(), { status: 'draining' })
    assert.equal(file.reads, 0)
  })

  it('is one at a time: who asks meanwhile shares the next one, which sees the file as it is last', async () => {
    const { reloader, inForce, file, applied, state } = aReloader()
    const { gate, open } = aGate()
    state.gate = gate
    file.text = 'ollama_max_queue: 6'
    const first = reloader.reload()
    file.text = 'ollama_max_queue: 7'
    const second = reloader.reload()
    file.text = 'ollama_max_queue: 8\nlanguage: ko'
    const third = reloader.reload()
    assert.equal(file.reads, 1)
    open()
    await first
    assert.equal(await second, await third)
    assert.equal(file.reads, 2)
    assert.deepEqual(applied, [['ollama_max_queue'], ['ollama_max_queue', 'language']])
    assert.equal(inForce.loaded.config.ollama_max_queue, 8)
    await reloader.reload()
    assert.equal(file.reads, 3)
  })

  it('that breaks is told to who asked, and the next one works', async () => {
    const { reloader, inForce, file, state } = aReloader()
    state.gate = Promise.reject(new Error('broken'))
    file.text = 'ollama_max_queue: 6'
    const [first, second] = [reloader.reload(), reloader.reload()]
    await assert.rejects(first, /broken/)
    await assert.rejects(second, /broken/)
    state.gate = Promise.resolve()
    assert.equal((await reloader.reload()).status, 'reloaded')
    assert.equal(inForce.loaded.config.ollama_max_queue, 6)
  })
})

/** Keeps what it is told of fairness. */
class HeardAdmission extends LocalAdmission {
  readonly shared: FairSettings[] = []

  override share(settings: FairSettings): void {
    this.shared.push(settings)
    super.share(settings)
  }
}

describe('what changed', () => {
  const configOf = (text: string) =>
    loadConfig({ flags: {}, env: {}, readFile: () => text, ownAddresses: [] })

  /** Takes over one text after the other; the machine has room for three slots. */
  async function takeOver(...texts: readonly [string, ...string[]]) {
    const clock = new ManualClock()
    const admission = new HeardAdmission({
      clock,
      observer: new Stats(clock),
      upstream: OLLAMA,
      defaults: { parallel: 1, queue: 512 },
      maxWaitingBytes: 2 ** 20,
    })
    const told: unknown[] = []
    let [before, ...rest] = texts.map(configOf)
    for (const read of rest) {
      if (!before) break
      const changes = changesBetween(before, read)
      const changeable = {
        admission,
        callers: { reconfigure: () => {} },
        monitor: {
          reconfigure: (config: { alerts: { window: number } }) => void told.push(config.alerts.window),
        },
        setLogLevel: (level: string) => void told.push(level),
        slotsPerModel: async (configured: number | 'auto') => {
          told.push(configured)
          return configured === 'auto' ? 3 : configured
        },
      }
      await applyChanges(changeable, changes, before)
      before = changes.effective
    }
    return { told, defaults: admission.defaults, shared: admission.shared }
  }

  it('reaches everyone who lives by it', async () => {
    const { told, defaults } = await takeOver(
      '',
      'ollama_num_parallel: 6\nollama_max_queue: 9\nlog_level: warn\nalerts: { window: 30 }',
    )
    assert.deepEqual(defaults, { parallel: 6, queue: 9 })
    assert.deepEqual(told, [6, 30, 'warn'])
  })

  it('of fairness reaches the lanes, each of its settings by itself, and nothing else does', async () => {
    const { shared } = await takeOver(
      '',
      'fairness: off',
      'fairness: off\nclasses: { normal: 4 }',
      'fairness: off\nclasses: { normal: 4 }\nreserve: 1',
      'fairness: off\nclasses: { normal: 4 }\nreserve: 1\nclass_from: []\nollama_max_queue: 9',
    )
    const weights = { interactive: 8, normal: 4, batch: 1 }
    assert.deepEqual(shared, [
      { fair: false, weights: { ...weights, normal: 3 }, reserve: 0 },
      { fair: false, weights, reserve: 0 },
      { fair: false, weights, reserve: 1 },
    ])
  })

  it('of the slots is measured when it becomes "auto", and not while it stays so', async () => {
    const { told, defaults } = await takeOver(
      'ollama_num_parallel: 2',
      'ollama_max_queue: 9',
      'ollama_max_queue: 10\nollama_num_parallel: auto',
    )
    assert.deepEqual(defaults, { parallel: 3, queue: 10 })
    assert.deepEqual(told, ['auto', 60, 60])
  })
})
