import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeConfig } from '../../src/config/describe.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'

const HASH = `sha256:${'0a'.repeat(32)}`

function load(text: string, keys?: string, env: Readonly<Record<string, string>> = {}) {
  const readFile = (path: string) => {
    if (path === 'keys.yaml' && keys === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
    return path === 'keys.yaml' ? (keys ?? '') : text
  }
  return loadConfig({ flags: {}, env, ownAddresses: [], readFile })
}

function problems(...given: Parameters<typeof load>): string[] {
  try {
    load(...given)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return assert.fail('expected problems')
}

describe('keys', () => {
  it('take every field of the contract', () => {
    const alice = {
      hash: HASH,
      ed25519: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} alice@laptop`,
      address: ['192.0.2.20', '2001:db8::/64'],
      models: ['llama3.2', 'qwen3*', '!qwen3:235b'],
      may: ['infer', 'view', 'manage'],
      class: 'batch',
      max_class: 'interactive',
      weight: 2.5,
      parallel: 4,
      queue: 0,
      slot_seconds: { day: 7200, month: 100_000 },
      tokens: { month: 2_000_000 },
      users: 'open-webui',
    }
    assert.deepEqual(load(`keys: ${JSON.stringify({ alice })}`).config.keys, { alice })
  })

  it('are known by a hash, an SSH key or an address, and by nothing less', () => {
    assert.match(problems('keys: { a: { parallel: 1 } }')[0] ?? '', /nobody can be known by this key/)
    assert.deepEqual(load('keys: { a: { address: 192.0.2.1 } }').config.keys.a?.address, ['192.0.2.1'])
  })

  it('are refused with the line and the field, and no value is repeated', () => {
    const found = problems(
      ['keys:', '  a: { hash: sk-a-secret-in-clear }', `  b: { hash: "${HASH}", slot_seconds: 7200 }`].join(
        '\n',
      ),
    )
    assert.deepEqual(found, [
      'config.yaml:2: keys.a.hash: expected sha256: and 64 hexadecimal digits, as "key add" writes them',
      'config.yaml:3: keys.b.slot_seconds: expected a map of day and month, in slot-seconds',
    ])
  })

  it('have a weight above zero, and classes that there are', () => {
    const found = problems(
      [
        'keys:',
        '  a: { address: 192.0.2.1, weight: 0 }',
        '  b: { address: 192.0.2.2, max_class: btach }',
      ].join('\n'),
    )
    assert.deepEqual(found, [
      'config.yaml:2: keys.a.weight: expected a weight from 0.001 to 1000000',
      'config.yaml:3: keys.b.max_class: expected one of interactive, normal, batch',
    ])
  })

  it('know the nearest field, and names that begin with a letter alone', () => {
    assert.match(problems(`keys: { a: { hash: "${HASH}", paralel: 1 } }`)[0] ?? '', /did you mean parallel\?/)
    for (const name of ['192.0.2.1', '"fe80::1"', '_a', '"a b"', `"a${'b'.repeat(64)}"`])
      assert.match(problems(`keys: { ${name}: { hash: "${HASH}" } }`)[0] ?? '', /begins with a letter/)
  })

  it('have no name that means something else, in the file and in the environment', () => {
    for (const name of ['unknown', 'everybody', 'none', 'Other', 'constructor', 'hasOwnProperty'])
      assert.deepEqual(problems(`keys: { ${name}: { hash: "${HASH}" } }`), [
        `config.yaml:1: keys.${name}: expected another name: this word has a meaning of its own`,
      ])
    assert.match(problems('', undefined, { KEYS: `{"__proto__":{"hash":"${HASH}"}}` })[0] ?? '', /a letter/)
  })

  it('tell the problems of names and of fields at once', () => {
    assert.deepEqual(problems(`keys:\n  a: {}\n  sk-abc: { hash: "${HASH}" }`), [
      'config.yaml:2: keys.a: expected hash, ed25519 or address: nobody can be known by this key',
      'config.yaml:3: keys.sk-abc: expected a name that does not begin with sk-, as secrets do',
    ])
  })

  it('name models by their names and wildcards, and by nothing that no model can be called', () => {
    for (const glob of [
      '*',
      '!qwen3*',
      'hf.co/bartowski/Llama-3.2-1B:Q4_K_M',
      ' llama3.? ',
      'localhost:5000/a/b:c',
    ])
      assert.ok(load(`keys: { a: { hash: "${HASH}", models: ["${glob}"] } }`))
    for (const glob of ['', '!', '!!a', 'a b', '[ab]', 'a,b', '^llama.+$'])
      assert.deepEqual(problems(`keys: { a: { hash: "${HASH}", models: ["${glob}"] } }`), [
        'config.yaml:1: keys.a.models.0: expected a model name, with * and ? as wildcards and ! in front to exclude',
      ])
  })

  it('come as JSON in the environment', () => {
    const { config, sources } = load('', undefined, { KEYS: JSON.stringify({ a: { hash: HASH } }) })
    assert.deepEqual(config.keys, { a: { hash: HASH } })
    assert.equal(sources.keys, 'environment')
    assert.match(problems('', undefined, { KEYS: '{ a: ' })[0] ?? '', /^environment KEYS: expected a map/)
  })

  it('show their names and nothing else', () => {
    const { values } = describeConfig(load(`keys: { a: { hash: "${HASH}" } }`))
    assert.deepEqual(values.keys, { a: '***' })
  })

  it('do not show a secret that stands in another option', () => {
    const secret = 'sk-proj-0123456789abcdef'
    const text = `log_file: /logs/${secret}\nmodels: { ${secret}: { queue_limit: 1 } }\nlanguage: en`
    const { values } = describeConfig(load(text))
    assert.equal(values.log_file, '/logs/sk-***')
    assert.deepEqual(values.models, { 'sk-***': { queue_limit: 1 } })
    assert.match(problems(`log_level: ${secret}`)[0] ?? '', /, got "sk-\*\*\*"$/)
    assert.match(problems(`language: risk-assessment`)[0] ?? '', /, got "risk-assessment"$/)
  })
})

describe('keys_file', () => {
  const BOTH = `keys_file: keys.yaml\nkeys: { a: { hash: "${HASH}" } }`

  it('adds its keys to those of the configuration', () => {
    const { config } = load(BOTH, 'b: { address: 192.0.2.1 }')
    assert.deepEqual(Object.keys(config.keys), ['a', 'b'])
  })

  it('may be empty, and must be there: a lost file must not let everybody in', () => {
    assert.deepEqual(Object.keys(load(BOTH, '# no key yet').config.keys), ['a'])
    assert.match(
      problems(BOTH)[0] ?? '',
      /^config.yaml:1: keys_file: keys.yaml does not exist; "ollama-guard-proxy key add/,
    )
  })

  it('is read once while its text is the same, and again after each change', () => {
    const named = 'keys_file: keys.yaml'
    const text = `# ops\nb: { hash: "${HASH}" }\n`
    const { keys } = load(named, text).config
    assert.equal(load(named, text).config.keys, keys)
    assert.ok(Object.isFrozen(keys.b))
    assert.deepEqual(Object.keys(load(named, `${text}c: { hash: "${HASH}" }`).config.keys), ['b', 'c'])
    assert.deepEqual(Object.keys(load(named, '').config.keys), [])
    assert.deepEqual(Object.keys(load(named, text).config.keys), ['b'])
  })

  it('has its lines also where the text was read before', () => {
    const text = `# ops\n\na: { hash: "${HASH}" }\n`
    load('keys_file: keys.yaml', text)
    for (const _ of ['once', 'twice'])
      assert.deepEqual(problems(BOTH, text), ['keys.yaml:3: a: this key stands under keys, too'])
    const wrong = `${text}b: {}\n`
    for (const _ of ['once', 'twice']) assert.match(problems(BOTH, wrong)[0] ?? '', /^keys.yaml:4: b: /)
  })

  it('is checked like the configuration, with its own lines', () => {
    assert.deepEqual(problems(BOTH, `b: { hash: "${HASH}" }\na: { hash: "${HASH}" }\nc: {}`), [
      'keys.yaml:3: c: expected hash, ed25519 or address: nobody can be known by this key',
      'keys.yaml:2: a: this key stands under keys, too',
    ])
  })
})

describe('trusted_proxies', () => {
  it('takes one network or several, from the file and from the environment', () => {
    assert.deepEqual(load('trusted_proxies: 10.0.0.0/8').config.trusted_proxies, ['10.0.0.0/8'])
    const { config } = load('', undefined, { TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8' })
    assert.deepEqual(config.trusted_proxies, ['10.0.0.0/8', 'fd00::/8'])
  })

  it('refuses what is no address and no network', () => {
    for (const text of [
      '10.0.0.256',
      '10.0.0.0/33',
      'proxy.example',
      'fd00::/129',
      '::gggg',
      '10.0.0.0/8/8',
      '1.2.3',
    ])
      assert.match(problems(`trusted_proxies: "${text}"`)[0] ?? '', /expected addresses or networks/, text)
  })
})
