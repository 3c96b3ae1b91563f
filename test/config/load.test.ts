import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AlertRules } from '../../src/alerts/rules.ts'
import { describeConfig } from '../../src/config/describe.ts'
import { type ConfigInput, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'
import { DEFAULT_RULES } from './support/default-rules.ts'

interface Given extends Partial<Omit<ConfigInput, 'readFile'>> {
  readonly files?: Readonly<Record<string, string | Error>>
}

function load({ files = {}, ...given }: Given = {}) {
  const readFile = (path: string) => {
    const found = files[path] ?? coded('ENOENT')
    if (typeof found !== 'string') throw found
    return found
  }
  return loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile, ...given })
}

function coded(code: string): Error {
  return Object.assign(new Error(`${code}: no luck`), { code })
}

const yaml = (...lines: string[]) => ({ 'config.yaml': `${lines.join('\n')}\n` })

function problems(given: Given): string[] {
  try {
    load(given)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return assert.fail('expected problems')
}

describe('sources', () => {
  it('ranks flag over environment over file over default', () => {
    const given = {
      files: yaml('proxy_port: 1001', 'proxy_host: file', 'ollama_max_queue: 7'),
      env: { PROXY_PORT: '1002', PROXY_HOST: 'env' },
      flags: { port: '1003' },
    }
    const { config, sources, configFile } = load(given)
    assert.equal(config.proxy_port, 1003)
    assert.equal(config.proxy_host, 'env')
    assert.equal(config.ollama_max_queue, 7)
    assert.equal(config.request_timeout, 300)
    assert.equal(sources.proxy_port, 'flag')
    assert.equal(sources.proxy_host, 'environment')
    assert.equal(sources.ollama_max_queue, 'config.yaml')
    assert.equal(sources.request_timeout, 'default')
    assert.equal(configFile, 'config.yaml')
  })

  it('starts on the defaults of the contract without a file', () => {
    const { config, configFile } = load()
    assert.equal(configFile, null)
    assert.deepEqual(config, {
      ollama_url: 'http://127.0.0.1:11434',
      proxy_host: '127.0.0.1',
      proxy_port: 8080,
      ollama_num_parallel: 'auto',
      ollama_max_queue: 512,
      request_timeout: 300,
      stream_idle_timeout: 300,
      max_body_size: 100 * 2 ** 20,
      max_queue_bytes: 512 * 2 ** 20,
      enable_queue_stats: true,
      models: {},
      turns: 'auto',
      turn: { max_wait: 120, max_switching: 15, together: [] },
      fairness: 'on',
      classes: { interactive: 8, normal: 3, batch: 1 },
      reserve: 0,
      class_from: DEFAULT_RULES,
      waiting: { when: 'auto', after: 20, every: 15 },
      alerts: {
        window: 60,
        rejection_rate: { warning: 1, critical: 5 },
        average_wait: { warning: 5, critical: 10 },
        queue_depth: { warning: 80, critical: 95 },
        memory: { warning: 80, critical: 90 },
        parallel_too_high: 'on',
        reloads: 'on',
        loading: 'on',
        model_stuck: 'on',
      },
      keys: {},
      manage: 'local',
      trusted_proxies: [],
      forward_identity: false,
      log_level: 'info',
      language: 'auto',
    })
  })

  it('takes an empty file, and one of comments, for the defaults', () => {
    for (const text of ['', '\n', '# nothing\n', '---\n', '\ufeff']) {
      assert.deepEqual(load({ files: { 'config.yaml': text } }).config, load().config)
    }
  })

  it('names the file by --config, else by CONFIG_FILE, else config.yaml', () => {
    const files = { 'config.yaml': 'proxy_port: 1', 'a.yaml': 'proxy_port: 2', 'b.yaml': 'proxy_port: 3' }
    assert.equal(load({ files }).config.proxy_port, 1)
    assert.equal(load({ files, env: { CONFIG_FILE: 'a.yaml' } }).config.proxy_port, 2)
    const both = load({ files, env: { CONFIG_FILE: 'a.yaml' }, flags: { config: 'b.yaml' } })
    assert.equal(both.config.proxy_port, 3)
    assert.equal(both.configFile, 'b.yaml')
  })

  it('counts an environment variable that is set but empty as unset', () => {
    const { sources } = load({
      env: { PROXY_PORT: '', ADMIN_TOKEN: '', ADMIN_TOKEN_FILE: '', CONFIG_FILE: '' },
    })
    assert.equal(sources.proxy_port, 'default')
    assert.equal(sources.admin_token, 'default')
  })

  it('does not read OLLAMA_HOST', () => {
    assert.equal(load({ env: { OLLAMA_HOST: 'http://other:1' } }).config.ollama_url, 'http://127.0.0.1:11434')
  })

  it('reads every way to write a boolean in the environment', () => {
    const read = (ENABLE_QUEUE_STATS: string) =>
      load({ env: { ENABLE_QUEUE_STATS } }).config.enable_queue_stats
    for (const yes of ['true', '1', 'yes', 'on', 'TRUE']) assert.equal(read(yes), true, yes)
    for (const no of ['false', '0', 'no', 'off', 'Off']) assert.equal(read(no), false, no)
  })

  it('keeps text that looks like a number where text is wanted', () => {
    const { config } = load({ env: { LOG_FILE: '2026', ADMIN_TOKEN: '12345', PROXY_HOST: '1' } })
    assert.deepEqual([config.log_file, config.admin_token, config.proxy_host], ['2026', '12345', '1'])
  })

  it('reads the token from the file that ADMIN_TOKEN_FILE names, without its line break', () => {
    const { config, sources } = load({
      files: { '/run/token': 'secret\r\n' },
      env: { ADMIN_TOKEN_FILE: '/run/token' },
    })
    assert.equal(config.admin_token, 'secret')
    assert.equal(sources.admin_token, 'environment')
  })

  it('takes null as unset where nothing is the default', () => {
    const { config, sources } = load({ files: yaml('log_file: null', 'admin_token:', 'models:') })
    assert.equal(config.log_file, undefined)
    assert.deepEqual(config.models, {})
    assert.equal(sources.log_file, 'default')
  })

  it('cannot be changed afterwards, at any depth', () => {
    const loaded = load({ files: yaml('models: { a: { queue_limit: 1 } }') })
    assert.ok(Object.isFrozen(loaded))
    assert.ok(Object.isFrozen(loaded.config))
    assert.ok(Object.isFrozen(loaded.sources))
    assert.ok(Object.isFrozen(loaded.config.models.a))
  })
})

describe('values', () => {
  const value = (line: string) => load({ files: yaml(line) }).config

  it('reads sizes as bytes or with a binary unit of any case', () => {
    assert.equal(value('max_body_size: 1').max_body_size, 1)
    assert.equal(value('max_body_size: "2048"').max_body_size, 2048)
    assert.equal(value('max_body_size: 64KiB').max_body_size, 65_536)
    assert.equal(value('max_body_size: 100mib').max_body_size, 104_857_600)
    assert.equal(value('max_queue_bytes: 8GIB').max_queue_bytes, 8_589_934_592)
    assert.equal(load({ env: { MAX_BODY_SIZE: '1GiB' } }).config.max_body_size, 2 ** 30)
  })

  it('refuses every other size', () => {
    for (const size of [
      '1MB',
      '1M',
      '1.5GiB',
      '-1',
      '0',
      '0KiB',
      'KiB',
      '1 GiB',
      '1e3KiB',
      '[1]',
      'true',
      '1.5',
      '9007199254740993',
    ]) {
      const [problem, ...more] = problems({ files: yaml(`max_queue_bytes: ${size}`) })
      assert.match(
        problem ?? '',
        /^config\.yaml:1: max_queue_bytes: expected bytes or a size like 64KiB/,
        size,
      )
      assert.equal(more.length, 0)
    }
    assert.match(
      problems({ files: yaml('max_body_size: 5GiB') })[0] ?? '',
      /at most 4GiB \(the largest possible buffer\), got "5GiB"/,
    )
  })

  it('takes decimals of seconds, and 0 only where it means off', () => {
    assert.equal(value('request_timeout: 0.5').request_timeout, 0.5)
    assert.equal(value('stream_idle_timeout: 0').stream_idle_timeout, 0)
    for (const bad of ['0', '-1', '.nan', '.inf', '2147484', '"300"', '5s']) {
      assert.match(
        problems({ files: yaml(`request_timeout: ${bad}`) })[0] ?? '',
        /expected seconds > 0 and at most 2147483/,
        bad,
      )
    }
  })

  it('drops the slash at the end of ollama_url and keeps a path in front', () => {
    assert.equal(value('ollama_url: http://ollama:11434/').ollama_url, 'http://ollama:11434')
    assert.equal(value('ollama_url: HTTPS://Host/prefix//').ollama_url, 'https://host/prefix')
  })

  it('refuses addresses that cannot be one, without repeating credentials', () => {
    const url = (written: string) => problems({ files: yaml(`ollama_url: ${written}`) }).join()
    assert.match(
      url('localhost:11434'),
      /http:\/\/ or https:\/\/, got "localhost:11434"; did you mean http:\/\/localhost:11434\?$/,
    )
    assert.match(url('ftp://host'), /begins with http:\/\/ or https:\/\/, got "ftp:\/\/host"$/)
    assert.match(url('"http://h/?a=1"'), /query or a fragment/)
    assert.match(url('"http://h/#a"'), /query or a fragment/)
    assert.match(url('11434'), /got 11434$/)
    for (const leaking of ['http://me:hunter2@host', 'http://me:hunter2@host:bad']) {
      assert.match(url(leaking), /user name or a password/)
      assert.doesNotMatch(url(leaking), /hunter2/)
    }
  })

  it('takes names and addresses to listen on, and nothing that has a scheme, brackets or a port', () => {
    for (const host of ['0.0.0.0', 'localhost', '::', '::1', 'fe80::1%eth0', 'my-host.lan']) {
      assert.equal(load({ flags: { host } }).config.proxy_host, host)
    }
    for (const host of ['http://x', 'x:80', '[::1]', 'a b', '-x', '/']) {
      assert.match(
        problems({ flags: { host } })[0] ?? '',
        /^flag --host: expected a host name or address/,
        host,
      )
    }
  })

  it('keeps the names of models as they were written', () => {
    const lines = [
      'models:',
      '  LLAMA3:70b: { parallel_limit: 2 }',
      '  "registry.ollama.ai/library/x": { queue_limit: 0 }',
    ]
    assert.deepEqual(load({ files: yaml(...lines) }).config.models, {
      'LLAMA3:70b': { parallel_limit: 2 },
      'registry.ollama.ai/library/x': { queue_limit: 0 },
    })
  })
})

describe('problems', () => {
  it('shows five mistakes of a file as five lines with file, line and key', () => {
    const lines = [
      '# comment',
      'ollama_max_quue: 3',
      'proxy_port: 70000',
      '',
      'models:',
      '  llama2: { parallel_limit: 0 }',
      'request_timeout: soon',
      'language: de',
    ]
    assert.deepEqual(problems({ files: yaml(...lines) }), [
      'config.yaml:2: ollama_max_quue: unknown key; did you mean ollama_max_queue?',
      'config.yaml:3: proxy_port: expected an integer from 0 to 65535, got 70000',
      'config.yaml:6: models.llama2.parallel_limit: expected an integer from 1 to 10000, got 0',
      'config.yaml:7: request_timeout: expected seconds > 0 and at most 2147483 (the longest possible timer), got "soon"',
      'config.yaml:8: language: expected one of auto, en, zh, vi, ja, ko, ru, ar, got "de"',
    ])
  })

  it('names the variable and the flag, and tells of all sources at once', () => {
    const given = {
      files: yaml('log_level: loud'),
      env: { OLLAMA_MAX_QUEUE: 'many', OLLAMA_NUM_PARALLEL: '-1', ENABLE_QUEUE_STATS: 'maybe' },
      flags: { timeout: '0' },
    }
    assert.deepEqual(problems(given), [
      'config.yaml:1: log_level: expected one of debug, info, warn, error, got "loud"',
      'environment OLLAMA_NUM_PARALLEL: expected "auto" or an integer from 1 to 10000, got "-1"',
      'environment OLLAMA_MAX_QUEUE: expected an integer from 0 to 1000000, got "many"',
      'environment ENABLE_QUEUE_STATS: expected true or false, got "maybe"',
      'flag --timeout: expected seconds > 0 and at most 2147483 (the longest possible timer), got "0"',
    ])
  })

  it('tells of a bad value even when a stronger source overrides it', () => {
    assert.equal(problems({ files: yaml('proxy_port: x'), flags: { port: '1' } }).length, 1)
  })

  it('does not convert between types in a file', () => {
    assert.equal(
      problems({ files: yaml('proxy_port: "80"', 'enable_queue_stats: yes', 'ollama_max_queue: 1.5') })
        .length,
      3,
    )
  })

  it('refuses a key that is there without a value', () => {
    assert.match(
      problems({ files: yaml('proxy_port:') })[0] ?? '',
      /^config\.yaml:1: proxy_port: .*got nothing$/,
    )
  })

  it('suggests nothing for a key that is near none', () => {
    assert.deepEqual(problems({ files: yaml('colour: red') }), ['config.yaml:1: colour: unknown key'])
  })

  it('finds unknown and wrong limits of a model', () => {
    assert.deepEqual(problems({ files: yaml('models:', '  a:', '    paralel_limit: 1', '  b: 3') }), [
      'config.yaml:3: models.a.paralel_limit: unknown key; did you mean parallel_limit?',
      'config.yaml:4: models.b: expected a map of parallel_limit and queue_limit, got 3',
    ])
  })

  it('refuses duplicate keys at any depth', () => {
    const lines = ['proxy_port: 1', 'proxy_port: 2', 'models:', '  a: {}', '  a: {}']
    assert.deepEqual(problems({ files: yaml(...lines) }), [
      'config.yaml:2: proxy_port: this key occurs twice',
      'config.yaml:5: models.a: this key occurs twice',
    ])
  })

  it('refuses keys that are not text', () => {
    const found = problems({ files: yaml('1: 2', 'models:', '  7: {}', '? [a]', ': b') })
    assert.deepEqual(
      found.map((line) => line.slice(0, 30)),
      ['config.yaml:1: expected a text', 'config.yaml:3: models: expecte', 'config.yaml:4: expected a text'],
    )
  })

  it('refuses what is not a map at the top, and what is not YAML', () => {
    const text = (content: string) => problems({ files: { 'config.yaml': content } })
    assert.deepEqual(text('# x\n- a\n'), [
      'config.yaml:2: expected keys and values at the top level, got a list',
    ])
    assert.deepEqual(text('hello\n'), [
      'config.yaml:1: expected keys and values at the top level, got a single value',
    ])
    assert.match(text('proxy_port: 1\nproxy_host: "x\n')[0] ?? '', /^config\.yaml:\d: not valid YAML: /)
    assert.match(text('a: 1\n---\nb: 2\n')[0] ?? '', /^config\.yaml:2: not valid YAML: .*multiple documents/)
    assert.match(text('log_file: !!js x\n')[0] ?? '', /^config\.yaml:1: not valid YAML: Unresolved tag/)
  })

  it('refuses an alias bomb before it goes off', () => {
    const row = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(`*${of}`).join(', ')}]`
    const lines = ['a: &a [1, 2]', row('b', 'a'), row('c', 'b'), row('d', 'c'), row('e', 'd')]
    assert.ok(problems({ files: yaml(...lines) }).some((line) => /Excessive alias count/.test(line)))
    assert.match(
      problems({ files: yaml('log_file: *nowhere') })[0] ?? '',
      /^config\.yaml:1: log_file: Unresolved alias/,
    )
  })

  it('keeps a problem on one line whatever the file holds', () => {
    assert.equal(problems({ files: yaml('"a\\nb\\x1b[31m": 1') }).length, 1)
    assert.doesNotMatch(problems({ files: yaml('"a\\x1b[31m": 1') })[0] ?? '', /\p{Cc}/u)
  })

  it('says which name led to a file that is missing or cannot be read', () => {
    assert.deepEqual(problems({ flags: { config: 'no.yaml' } }), ['flag --config: no.yaml does not exist'])
    assert.deepEqual(problems({ env: { CONFIG_FILE: 'no.yaml' } }), [
      'environment CONFIG_FILE: no.yaml does not exist',
    ])
    assert.deepEqual(problems({ files: { 'config.yaml': coded('EISDIR') } }), [
      'config.yaml: config.yaml is a directory',
    ])
    assert.deepEqual(problems({ files: { t: coded('EACCES') }, env: { ADMIN_TOKEN_FILE: 't' } }), [
      'environment ADMIN_TOKEN_FILE: t cannot be read: permission denied',
    ])
  })

  it('refuses two homes of the token, an empty one and one that cannot travel, and never shows it', () => {
    const both = problems({ env: { ADMIN_TOKEN: 'hunter2', ADMIN_TOKEN_FILE: 't' } })
    assert.deepEqual(both, ['environment ADMIN_TOKEN: ADMIN_TOKEN_FILE is set too; set only one of the two'])
    assert.equal(problems({ files: { t: '\n' }, env: { ADMIN_TOKEN_FILE: 't' } }).length, 1)
    const unfit = problems({ files: yaml('admin_token: hunter 2') }).join()
    assert.match(unfit, /^config\.yaml:1: admin_token: expected text of printable ASCII/)
    assert.doesNotMatch(unfit, /hunter/)
  })

  it('stops a proxy that would call itself, at the line that did it', () => {
    assert.match(
      problems({ files: yaml('proxy_port: 11434') })[0] ?? '',
      /^config\.yaml:1: proxy_port: ollama_url http:\/\/127\.0\.0\.1:11434 is/,
    )
    assert.match(
      problems({ env: { OLLAMA_URL: 'http://localhost:8080' } })[0] ?? '',
      /^environment OLLAMA_URL: /,
    )
    assert.match(
      problems({ flags: { upstream: 'http://10.1.2.3:8080' }, ownAddresses: ['10.1.2.3'] })[0] ?? '',
      /^flag --upstream: /,
    )
    assert.equal(load({ env: { OLLAMA_URL: 'http://10.1.2.3:8080' } }).config.proxy_port, 8080)
  })
})

describe('alerts', () => {
  const alerts = (...lines: string[]) => load({ files: yaml('alerts:', ...lines) }).config.alerts
  const flaws = (...lines: string[]) => problems({ files: yaml('alerts:', ...lines) })

  it('keeps the default of every threshold that is left out', () => {
    const { alerts: defaults } = load().config
    assert.deepEqual(alerts('  rejection_rate: { critical: 7.5 }', '  window: 120'), {
      ...defaults,
      window: 120,
      rejection_rate: { warning: 1, critical: 7.5 },
    })
    assert.deepEqual(alerts(), defaults)
  })

  it('watches nothing of a metric that is off', () => {
    assert.equal(alerts('  memory: off').memory, 'off')
  })

  it('has metrics that are on or off', () => {
    const { model_stuck, parallel_too_high, reloads } = alerts('  reloads: off\n  model_stuck: off')
    assert.deepEqual([model_stuck, parallel_too_high, reloads], ['off', 'on', 'off'])
    assert.match(
      flaws('  reloads: 3')[0] ?? '',
      /^config\.yaml:2: alerts\.reloads: expected .*on.*off.*, got 3$/,
    )
    assert.equal(flaws('  parallel_too_high: { warning: 1 }').length, 1)
  })

  it('is what the alerts and the history take', () => {
    const rules: AlertRules = alerts()
    assert.equal(rules.window, 60)
  })

  it('names both thresholds where critical is below warning, also when one of them is the default', () => {
    assert.deepEqual(flaws('  memory: { warning: 60, critical: 50 }', '  average_wait: { warning: 11 }'), [
      'config.yaml:2: alerts.memory: critical (50) must not be below warning (60)',
      'config.yaml:3: alerts.average_wait: critical (10) must not be below warning (11)',
    ])
    assert.deepEqual(alerts('  memory: { warning: 60, critical: 60 }').memory, { warning: 60, critical: 60 })
  })

  it('tells of every mistake at its own line, and which key was meant', () => {
    assert.deepEqual(
      flaws(
        '  windw: 60',
        '  window: 301',
        '  queue_depth:',
        '    waring: 3',
        '    critical: 101',
        '  rejection_rate: of',
        '  average_wait: { warning: 0 }',
        '  memory:',
      ),
      [
        'config.yaml:2: alerts.windw: unknown key; did you mean window?',
        'config.yaml:3: alerts.window: expected seconds from 10 to 300, got 301',
        'config.yaml:5: alerts.queue_depth.waring: unknown key; did you mean warning?',
        'config.yaml:6: alerts.queue_depth.critical: expected percent from 0.01 to 100, got 101',
        'config.yaml:7: alerts.rejection_rate: expected a map of warning and critical, or off, got "of"',
        'config.yaml:8: alerts.average_wait.warning: expected seconds from 0.01 to 2147483, got 0',
        'config.yaml:9: alerts.memory: expected a map of warning and critical, or off, got nothing',
      ],
    )
    assert.match(problems({ files: yaml('alerts: off') })[0] ?? '', /expected a map of window.*got "off"$/)
  })

  it('posts to an address of any path and query, which is never shown', () => {
    const given = {
      env: { ALERT_WEBHOOK: 'https://Hooks.example/T0/s3cret?sig=s3cret', ALERT_WEBHOOK_SECRET_FILE: '/key' },
      files: { '/key': 'hush\n' },
    }
    const { config } = load(given)
    assert.equal(config.alert_webhook, 'https://hooks.example/T0/s3cret?sig=s3cret')
    assert.equal(config.alert_webhook_secret, 'hush')
    assert.equal(load().config.alert_webhook, undefined)
    const { values } = describeConfig(load(given))
    assert.deepEqual([values.alert_webhook, values.alert_webhook_secret], ['***', '***'])
  })

  it('refuses other addresses without repeating them', () => {
    for (const bad of [
      'hooks.example/s3cret',
      'ftp://h/s3cret',
      'http://me:s3cret@h/',
      'http://h/#s3cret',
      '1',
    ]) {
      const [problem = '', ...more] = problems({ env: { ALERT_WEBHOOK: bad } })
      assert.match(problem, /^environment ALERT_WEBHOOK: must /)
      assert.doesNotMatch(problem, /s3cret/)
      assert.equal(more.length, 0)
    }
  })
})

describe('turns', () => {
  const flaws = (...lines: string[]) => problems({ files: yaml(...lines) })
  const turn = (...lines: string[]) => load({ files: yaml('turn:', ...lines) }).config.turn

  it('are on or off, in the file, the environment and the flags', () => {
    assert.equal(load({ files: yaml('turns: off') }).config.turns, 'off')
    assert.equal(load({ env: { TURNS: 'OFF' } }).config.turns, 'off')
    assert.equal(load({ env: { TURNS: 'off' }, flags: { turns: 'auto' } }).config.turns, 'auto')
    assert.deepEqual(flaws('turns: of'), ['config.yaml:1: turns: expected one of auto, off, got "of"'])
    assert.match(problems({ flags: { turns: 'no' } })[0] ?? '', /^flag --turns: expected one of auto, off/)
  })

  it('have three settings, each with its default', () => {
    assert.deepEqual(turn(), { max_wait: 120, max_switching: 15, together: [] })
    assert.deepEqual(turn('  max_switching: 0'), { max_wait: 120, max_switching: 0, together: [] })
    assert.deepEqual(turn('  max_wait: 0.5', '  together:'), {
      max_wait: 0.5,
      max_switching: 15,
      together: [],
    })
  })

  it('keep the names of models that fit together as they were written', () => {
    const { together } = turn('  together:', '    - [LLAMA3.2, nomic-embed-text]', '    - [a, b, me/c:7b]')
    assert.deepEqual(together, [
      ['LLAMA3.2', 'nomic-embed-text'],
      ['a', 'b', 'me/c:7b'],
    ])
    assert.ok(Object.isFrozen(together[0]))
  })

  it('tell of every mistake at its own line', () => {
    const noModel = 'expected a model that runs on this machine, by its name in ollama list, got'
    assert.deepEqual(
      flaws(
        'turn:',
        '  max_wait: 0',
        '  max_switching: 100.5',
        '  together:',
        '    - [llama3.2, nomic-embed-text]',
        '    - [a]',
        '    - [a, "a:latest"]',
        '    - a',
        '    -',
        '      - b',
        '      - "x:cloud"',
        '      - 7',
        '      - a//b',
        '      -',
        '  maxwait: 3',
      ),
      [
        'config.yaml:2: turn.max_wait: expected seconds > 0 and at most 2147483 (the longest possible timer), got 0',
        'config.yaml:3: turn.max_switching: expected percent from 0 to 100, got 100.5',
        'config.yaml:6: turn.together.1: expected a list of 2 to 100 model names, got a list of 1',
        'config.yaml:7: turn.together.2: expected at least two different models, got a list of 2',
        'config.yaml:8: turn.together.3: expected a list of 2 to 100 model names, got "a"',
        `config.yaml:11: turn.together.4.1: ${noModel} "x:cloud"`,
        `config.yaml:12: turn.together.4.2: ${noModel} 7`,
        `config.yaml:13: turn.together.4.3: ${noModel} "a//b"`,
        `config.yaml:14: turn.together.4.4: ${noModel} nothing`,
        'config.yaml:15: turn.maxwait: unknown key; did you mean max_wait?',
      ],
    )
    assert.deepEqual(flaws('turn: [a, b]'), [
      'config.yaml:1: turn: expected a map of max_wait, max_switching and together, got a list of 2',
    ])
    assert.deepEqual(flaws('turn: { together: { a: b } }'), [
      'config.yaml:1: turn.together: expected at most 100 lists of model names, got a map',
    ])
  })

  it('have at most 100 sets of at most 100 names', () => {
    const set = (names: number) => `[${Array.from({ length: names }, (_, i) => `m${i}`).join(', ')}]`
    const sets = (count: number) => `turn: { together: [${Array(count).fill(set(2)).join(', ')}] }`
    assert.equal(load({ files: yaml(sets(100)) }).config.turn.together.length, 100)
    assert.equal(turn(`  together: [${set(100)}]`).together[0]?.length, 100)
    assert.deepEqual(flaws(sets(101)), [
      'config.yaml:1: turn.together: expected at most 100 lists of model names, got a list of 101',
    ])
    assert.deepEqual(flaws(`turn: { together: [${set(101)}] }`), [
      'config.yaml:1: turn.together.0: expected a list of 2 to 100 model names, got a list of 101',
    ])
  })

  it('warn where no call can wait so long that a turn ends', () => {
    const lines = ['request_timeout: 60', 'turn: { max_wait: 60 }']
    const [warning, ...more] = load({ files: yaml(...lines) }).warnings
    assert.deepEqual([warning?.where, warning?.key, more], ['config.yaml:2', 'turn', []])
    assert.match(warning?.message ?? '', /^max_wait \(60 s\) is not below request_timeout \(60 s\): /)
    for (const other of [
      ['request_timeout: 61', lines[1]],
      [...lines, 'turns: off'],
      ['request_timeout: 60'],
    ])
      assert.deepEqual(load({ files: yaml(...other.filter((line) => line !== undefined)) }).warnings, [])
  })
})

describe('the environment', () => {
  const from = (env: Readonly<Record<string, string>>) => load({ env })

  it('loses one pair of quotes around a value, as docker --env-file leaves them there', () => {
    const env = {
      OLLAMA_NUM_PARALLEL: '"4"',
      OLLAMA_URL: "'http://ollama:11434'",
      REQUEST_TIMEOUT: ' "1.5" ',
      ENABLE_QUEUE_STATS: "'off'",
      MAX_BODY_SIZE: '" 1GiB "',
      OLLAMA_AUTHORIZATION: '"Bearer abc"',
      ADMIN_TOKEN: "'a'b'",
    }
    const { config, warnings } = from(env)
    assert.equal(config.ollama_num_parallel, 4)
    assert.equal(config.ollama_url, 'http://ollama:11434')
    assert.equal(config.request_timeout, 1.5)
    assert.equal(config.enable_queue_stats, false)
    assert.equal(config.max_body_size, 2 ** 30)
    assert.equal(config.ollama_authorization, 'Bearer abc')
    assert.equal(config.admin_token, "a'b")
    assert.equal(warnings.length, 1)
  })

  it('loses them around the names of files too', () => {
    const env = { CONFIG_FILE: '"a.yaml"', ADMIN_TOKEN_FILE: "'/token'" }
    const { config } = load({ env, files: { 'a.yaml': 'proxy_port: 2', '/token': '"kept"\n' } })
    assert.equal(config.proxy_port, 2)
    assert.equal(config.admin_token, '"kept"')
  })

  it('counts a pair of quotes with nothing inside as unset', () => {
    const { sources } = from({ PROXY_PORT: '""', ADMIN_TOKEN: "''", LOG_FILE: '" "' })
    assert.deepEqual([sources.proxy_port, sources.admin_token, sources.log_file], Array(3).fill('default'))
  })

  it('keeps a quote that has no other, and the second pair', () => {
    for (const url of ['"http://h:1', "http://h:1'", '"http://h:1\'', '\'"http://h:1"\''])
      assert.equal(problems({ env: { OLLAMA_URL: url } }).length, 1, url)
  })

  it('reads words in any case, which the file does not', () => {
    const { config } = from({ LOG_LEVEL: 'INFO', LOG_FORMAT: 'Json', PROXY_LANGUAGE: 'ZH' })
    assert.deepEqual([config.log_level, config.log_format, config.language], ['info', 'json', 'zh'])
    assert.equal(problems({ files: yaml('log_level: INFO', 'log_format: Json', 'language: ZH') }).length, 3)
    assert.match(problems({ env: { LOG_LEVEL: 'LOUD' } })[0] ?? '', /expected one of debug/)
  })

  it('reads 0 slots as auto, as Ollama does, and says so; nobody else may write 0', () => {
    for (const zero of ['0', '"0"', ' 0 ']) {
      const { config, sources, warnings } = from({ OLLAMA_NUM_PARALLEL: zero })
      assert.equal(config.ollama_num_parallel, 'auto')
      assert.equal(sources.ollama_num_parallel, 'environment')
      assert.deepEqual(warnings, [
        { where: 'environment OLLAMA_NUM_PARALLEL', key: null, message: '0 is read as auto' },
      ])
    }
    assert.equal(problems({ files: yaml('ollama_num_parallel: 0') }).length, 1)
    assert.equal(problems({ flags: { parallel: '0' } }).length, 1)
  })
})

describe('limits that nothing could keep', () => {
  it('are refused, for every model and for one', () => {
    const huge = Number.MAX_SAFE_INTEGER
    const lines = [
      `ollama_num_parallel: ${huge}`,
      `ollama_max_queue: ${huge}`,
      `models: { a: { parallel_limit: ${huge}, queue_limit: 1000001 }, b: { parallel_limit: 1e300 } }`,
    ]
    assert.deepEqual(problems({ files: yaml(...lines) }), [
      `config.yaml:1: ollama_num_parallel: expected "auto" or an integer from 1 to 10000, got ${huge}`,
      `config.yaml:2: ollama_max_queue: expected an integer from 0 to 1000000, got ${huge}`,
      `config.yaml:3: models.a.parallel_limit: expected an integer from 1 to 10000, got ${huge}`,
      'config.yaml:3: models.a.queue_limit: expected an integer from 0 to 1000000, got 1000001',
      'config.yaml:3: models.b.parallel_limit: expected an integer from 1 to 10000, got 1e+300',
    ])
    const most = yaml('ollama_num_parallel: 10000', 'ollama_max_queue: 1000000')
    assert.equal(load({ files: most }).config.ollama_max_queue, 1_000_000)
  })

  it('of memory are a warning where a body would be larger than all that wait together', () => {
    const { warnings } = load({ files: yaml('max_body_size: 2MiB', 'max_queue_bytes: 1MiB') })
    assert.equal(warnings.length, 1)
    assert.equal(warnings[0]?.where, 'config.yaml:2')
    assert.match(
      warnings[0]?.message ?? '',
      /^max_queue_bytes \(1048576 bytes\) is smaller than max_body_size/,
    )
    assert.equal(load({ env: { MAX_BODY_SIZE: '1GiB' } }).warnings[0]?.where, 'environment MAX_BODY_SIZE')
    assert.deepEqual(load({ files: yaml('max_body_size: 1MiB', 'max_queue_bytes: 1MiB') }).warnings, [])
  })
})

describe('ollama_authorization', () => {
  const unfit = (OLLAMA_AUTHORIZATION: string) => problems({ env: { OLLAMA_AUTHORIZATION } })

  it('comes from the environment, from a file that it names, or from config.yaml, and is never shown', () => {
    const file = { OLLAMA_AUTHORIZATION_FILE: '/auth' }
    for (const loaded of [
      load({ env: { OLLAMA_AUTHORIZATION: 'Basic dXNlcjpodW50ZXIy' } }),
      load({ env: file, files: { '/auth': 'Bearer hunter2\r\n' } }),
      load({ files: yaml('ollama_authorization: Bearer hunter2') }),
    ]) {
      assert.match(loaded.config.ollama_authorization ?? '', /^(Basic \S+|Bearer hunter2)$/)
      assert.equal(describeConfig(loaded).values.ollama_authorization, '***')
    }
    assert.equal(load().config.ollama_authorization, undefined)
    assert.equal(problems({ env: { ...file, OLLAMA_AUTHORIZATION: 'Bearer x' } }).length, 1)
  })

  it('is one line of printable ASCII with a scheme, and no error repeats it', () => {
    for (const bad of [
      'hunter2',
      'Bearer',
      'Bearer hunter2\r\nX-Evil: 1',
      'Bearer hünter2',
      'Bearer hunter2\u0000',
    ])
      assert.deepEqual(
        unfit(bad).map((line) => line.replace(/ must be a scheme and its credentials.*$/, '')),
        ['environment OLLAMA_AUTHORIZATION:'],
      )
    const several = problems({
      env: { OLLAMA_AUTHORIZATION_FILE: '/a' },
      files: { '/a': 'Bearer hunter2\nBearer b\n' },
    })
    assert.match(several.join(), /^environment OLLAMA_AUTHORIZATION_FILE: must be .* on one line/)
    assert.doesNotMatch([...several, ...unfit('hunter2 ü')].join(), /hunter2|ü/)
    const { config } = load({ env: { OLLAMA_AUTHORIZATION: 'Digest username="a b", realm="c"' } })
    assert.equal(config.ollama_authorization, 'Digest username="a b", realm="c"')
  })
})

describe('describeConfig', () => {
  it('hides secrets, names sources, keeps the order of the schema, and is the same every time', () => {
    const given = { files: yaml('admin_token: hunter2', 'proxy_port: 1'), flags: { language: 'ru' } }
    const text = JSON.stringify(describeConfig(load(given)))
    assert.equal(text, JSON.stringify(describeConfig(load(given))))
    assert.doesNotMatch(text, /hunter2/)
    const { config_file, values, sources } = describeConfig(load(given))
    assert.equal(config_file, 'config.yaml')
    assert.equal(values.admin_token, '***')
    assert.equal(values.log_file, null)
    assert.equal(values.max_body_size, 104_857_600)
    assert.equal(sources.admin_token, 'config.yaml')
    assert.equal(sources.language, 'flag')
    assert.deepEqual(Object.keys(values).slice(0, 3), ['ollama_url', 'ollama_authorization', 'proxy_host'])
    assert.deepEqual(Object.keys(values), Object.keys(sources))
    assert.equal(Object.keys(values).length, 36)
  })

  it('shows an unset token as unset', () => {
    assert.equal(describeConfig(load()).values.admin_token, null)
  })
})
