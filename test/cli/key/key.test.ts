import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { hashOf } from '../../../src/callers/keys.ts'
import { ran } from '../support/program.ts'

const ED25519 = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`
const SECRET = `sk-ogp-alice-${'K9gGyX8O'.repeat(5)}xyz`
const HASH = `sha256:${'0a'.repeat(32)}`

let folder = ''
let config = ''
let file = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-key-'))
  config = join(folder, 'config.yaml')
  file = join(folder, 'keys.yaml')
  writeFileSync(config, `keys_file: ${file}\nkeys: { ops: { hash: "${HASH}" } }\n`)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const key = (t: TestContext, ...args: string[]) => ran(t, ['key', ...args, '--config', config])
const keys = () => parse(readFileSync(file, 'utf8'))

describe('key add', () => {
  it('makes the file, prints the secret alone on stdout, and writes its hash and every field', async (t) => {
    const { code, stdout, stderr } = await key(
      t,
      ...['add', 'ci', '--models', "llama3.2, 'qwen3*'".replaceAll("'", ''), '--may', 'infer,view'],
      ...['--parallel', '2', '--queue', '0', '--class', 'batch', '--slot-seconds-day', '7200'],
      ...['--max-class', 'interactive', '--weight', '2.5'],
      ...[
        '--slot-seconds-month',
        '100000',
        '--tokens-day',
        '5',
        '--tokens-month',
        '6',
        '--users',
        'open-webui',
      ],
    )
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^sk-ogp-ci-[\w-]{43}\n$/)
    assert.deepEqual(keys(), {
      ci: {
        hash: `sha256:${await hashOf(stdout.trim())}`,
        models: ['llama3.2', 'qwen3*'],
        may: ['infer', 'view'],
        parallel: 2,
        queue: 0,
        class: 'batch',
        max_class: 'interactive',
        weight: 2.5,
        slot_seconds: { day: 7200, month: 100_000 },
        tokens: { day: 5, month: 6 },
        users: 'open-webui',
      },
    })
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const everything = stderr + readFileSync(file, 'utf8') + readFileSync(config, 'utf8')
    assert.ok(!everything.includes(stdout.trim()))
    assert.match(stderr, /A running proxy reads the file by itself/)
    assert.deepEqual(readdirSync(folder).sort(), ['config.yaml', 'keys.yaml'])
  })

  it('makes no secret for a key of an address or an ed25519 key, as a text or in a file', async (t) => {
    const pub = join(folder, 'id_ed25519.pub')
    writeFileSync(pub, `${ED25519} alice@laptop\n`)
    for (const args of [
      ['add', 'text', '--ed25519', ED25519],
      ['add', 'file', '--ed25519', pub],
      ['add', 'plc', '--address', '192.0.2.20,2001:db8::/64'],
    ]) {
      const { code, stdout, stderr } = await key(t, ...args)
      assert.deepEqual([code, stdout], [0, ''], stderr)
      if (args[1] === 'file') assert.match(stderr, /warning: the keys text, file have the same ed25519 key/)
    }
    assert.deepEqual(keys(), {
      text: { ed25519: ED25519 },
      file: { ed25519: `${ED25519} alice@laptop` },
      plc: { address: ['192.0.2.20', '2001:db8::/64'] },
    })
  })

  it('refuses a name that exists in either place, and writes nothing', async (t) => {
    const text = `# mine\nalice: { hash: "${HASH}" }\n`
    writeFileSync(file, text)
    const inFile = await key(t, 'add', 'alice')
    assert.deepEqual([inFile.code, inFile.stdout], [1, ''])
    assert.match(inFile.stderr, /^there is a key alice in .*keys\.yaml; "key rotate alice"/)
    const inConfig = await key(t, 'add', 'ops')
    assert.deepEqual([inConfig.code, inConfig.stdout], [1, ''])
    assert.match(inConfig.stderr, /^there is a key ops in .*config\.yaml/)
    assert.equal(readFileSync(file, 'utf8'), text)
  })

  it('names each flag that is wrong, repeats no private key, and makes no file', async (t) => {
    const secret = join(folder, 'id_ed25519')
    writeFileSync(secret, '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1\n')
    const { code, stdout, stderr } = await key(
      t,
      ...['add', 'ci', '--models', '[', '--may', 'all', '--parallel', '0', '--tokens-day', 'many'],
      ...['--address', '192.0.2.300', '--ed25519', secret],
    )
    assert.deepEqual([code, stdout], [2, ''])
    const flags = stderr
      .trimEnd()
      .split('\n')
      .map((line) => /^flag (--[\w-]+): expected /.exec(line)?.[1])
    assert.deepEqual(flags.sort(), [
      '--address',
      '--ed25519',
      '--may',
      '--models',
      '--parallel',
      '--tokens-day',
    ])
    assert.doesNotMatch(stderr, /BEGIN|b3Bl/)
    const name = await key(t, 'add', '192.0.2.1')
    assert.equal(name.code, 2)
    assert.match(name.stderr, /^name "192\.0\.2\.1": expected a name of letters/)
    assert.ok(!existsSync(file))
  })

  it('refuses a name that no key can have before it makes a secret, and repeats no secret', async (t) => {
    for (const name of ['__proto__', 'constructor', 'a'.repeat(65), 'none', 'other', SECRET]) {
      const { code, stdout, stderr } = await key(t, 'add', name)
      assert.deepEqual([code, stdout], [2, ''], name)
      assert.match(stderr, /^name ".+": expected /)
      assert.ok(!stderr.includes(SECRET), stderr)
    }
    assert.ok(!existsSync(file))
  })

  it('leaves a file alone that is no YAML, or that the proxy would refuse', async (t) => {
    for (const text of ['alice: { hash: \n', `alice: { paralel: 1, hash: "${HASH}" }\n`]) {
      writeFileSync(file, text)
      const { code, stdout, stderr } = await key(t, 'add', 'ci')
      assert.deepEqual([code, stdout], [78, ''])
      assert.match(stderr, /keys\.yaml:1: /)
      assert.equal(readFileSync(file, 'utf8'), text)
    }
  })

  it('refuses a configuration that is wrong elsewhere, and one whose keys_file is another file', async (t) => {
    const other = await key(t, 'add', 'ci', '--file', join(folder, 'other.yaml'))
    assert.equal(other.code, 2)
    assert.match(other.stderr, /leave --file out/)
    writeFileSync(config, 'proxy_prt: 1\n')
    const wrong = await key(t, 'add', 'ci')
    assert.deepEqual([wrong.code, wrong.stdout], [78, ''])
    assert.match(wrong.stderr, /proxy_prt: unknown key/)
  })

  it('writes --file where the configuration names none, and says which line to add', async (t) => {
    writeFileSync(config, 'proxy_port: 8080\n')
    const { code, stderr } = await key(t, 'add', 'ci', '--file', file)
    assert.equal(code, 0)
    assert.ok(stderr.includes(`Add this line to ${config}:\n  keys_file: ${JSON.stringify(file)}\n`), stderr)
    writeFileSync(config, `keys_file: ${JSON.stringify(file)}\n`)
    assert.match((await key(t, 'list')).stdout, /^ci +secret/m)
    const itself = await key(t, 'add', 'x', '--file', config)
    assert.equal(itself.code, 2)
  })

  it('takes the rights of others away and says so', async (t) => {
    writeFileSync(file, '')
    chmodSync(file, 0o644)
    const { stderr } = await key(t, 'add', 'ci')
    assert.match(stderr, /warning: other users could read .*keys\.yaml before/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('at the same moment as others loses no key', async (t) => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const all = await Promise.all(names.map((name) => key(t, 'add', name)))
    assert.deepEqual(
      all.map(({ code }) => code),
      names.map(() => 0),
    )
    assert.deepEqual(Object.keys(keys()).sort(), names)
  })
})

describe('key list', () => {
  it('shows the keys of both places and no hash', async (t) => {
    writeFileSync(
      file,
      `alice: { hash: "${HASH}", ed25519: "${ED25519} laptop", models: [llama3.2], parallel: 2, tokens: { day: 5 } }\n` +
        'plc: { address: 192.0.2.20, may: [infer, view], class: batch, max_class: batch, weight: 0.5, slot_seconds: { month: 9 } }\n',
    )
    const { code, stdout, stderr } = await key(t, 'list')
    assert.deepEqual([code, stderr], [0, ''])
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/))
    assert.deepEqual(rows, [
      ['NAME', 'KNOWN BY', 'MODELS', 'MAY', 'LIMITS', 'BUDGETS', 'IN'],
      ['ops', 'secret', 'all', 'infer', '-', '-', config],
      ['alice', 'secret, ed25519 (laptop)', 'llama3.2', 'infer', 'parallel 2', '5 tokens a day', file],
      [
        'plc',
        '192.0.2.20',
        'all',
        'infer, view',
        'batch, at most batch, weight 0.5',
        '9 slot-seconds a month',
        file,
      ],
    ])
    const json = await key(t, 'list', '--json')
    assert.equal(json.code, 0)
    assert.deepEqual(
      JSON.parse(json.stdout).keys.map((each: { name: string }) => each.name),
      ['ops', 'alice', 'plc'],
    )
    assert.deepEqual(
      JSON.parse(json.stdout).keys.map((each: Record<string, unknown>) => [each.max_class, each.weight]),
      [
        ['normal', 1],
        ['normal', 1],
        ['batch', 0.5],
      ],
    )
    assert.doesNotMatch(stdout + json.stdout, /0a0a|sha256/)
  })
})

describe('key list with a secret at a wrong place', () => {
  it('does not show the secret', async (t) => {
    writeFileSync(
      file,
      `alice: { hash: "${HASH}", ed25519: "${ED25519} ${SECRET}", models: ["${SECRET}"] }\n`,
    )
    const plain = await key(t, 'list')
    const json = await key(t, 'list', '--json')
    assert.deepEqual([plain.code, json.code], [0, 0])
    assert.match(plain.stdout, /sk-\*\*\*/)
    assert.ok(!(plain.stdout + json.stdout).includes(SECRET))
  })
})

describe('key revoke', () => {
  it('repeats no secret in the place of a name', async (t) => {
    const { code, stderr } = await key(t, 'revoke', SECRET)
    assert.equal(code, 1)
    assert.match(stderr, /^there is no key sk-\*\*\* in /)
  })

  it('removes the key and keeps the comments of others', async (t) => {
    writeFileSync(
      file,
      `# team\n\n# Alice is here\nalice: { hash: "${HASH}" }\n# Bob left\nbob: { address: 192.0.2.1 }\n`,
    )
    const { code, stdout, stderr } = await key(t, 'revoke', 'bob')
    assert.deepEqual([code, stdout], [0, ''], stderr)
    assert.equal(readFileSync(file, 'utf8'), `# team\n\n# Alice is here\nalice: { hash: "${HASH}" }\n`)
  })

  it('says when another key has the same secret', async (t) => {
    writeFileSync(file, `alice: { hash: "${HASH}" }\n`)
    const { stderr } = await key(t, 'revoke', 'alice')
    assert.match(stderr, /warning: the secret is still valid, because the key ops has the same one/)
  })

  it('refuses a name that it does not find, or finds in the configuration', async (t) => {
    const missing = await key(t, 'revoke', 'bob')
    assert.deepEqual([missing.code, missing.stderr], [1, `there is no key bob in ${file}\n`])
    const elsewhere = await key(t, 'revoke', 'ops')
    assert.equal(elsewhere.code, 1)
    assert.match(elsewhere.stderr, /^the key ops stands in .*config\.yaml/)
    assert.ok(!existsSync(file))
  })
})

describe('key rotate', () => {
  it('changes the hash and nothing else', async (t) => {
    const text = `# Alice\nalice: { hash: "${HASH}", parallel: 2 } # laptop\n`
    writeFileSync(file, text)
    const { code, stdout } = await key(t, 'rotate', 'alice')
    assert.equal(code, 0)
    assert.match(stdout, /^sk-ogp-alice-[\w-]{43}\n$/)
    const hash = `sha256:${await hashOf(stdout.trim())}`
    assert.equal(readFileSync(file, 'utf8'), text.replace(HASH, hash))
  })

  it('refuses a key without a secret', async (t) => {
    writeFileSync(file, 'plc: { address: 192.0.2.1 }\n')
    const { code, stdout, stderr } = await key(t, 'rotate', 'plc')
    assert.deepEqual([code, stdout, stderr], [1, '', 'the key plc has no secret\n'])
  })
})

describe('key', () => {
  it('ends with 2 for a command or a name that is missing or wrong', async (t) => {
    for (const [args, message] of [
      [[], /^key: a command is missing: add, list, revoke, rotate\n/],
      [['revok', 'a'], /^key: unknown command revok; did you mean revoke\?\n/],
      [['add'], /^Missing required positional argument: NAME\n/],
      [['add', 'a', 'b'], /^unexpected argument b\n/],
    ] as const) {
      const { code, stderr } = await ran(t, ['key', ...args])
      assert.equal(code, 2)
      assert.match(stderr, message)
    }
  })

  it('shows its commands and their flags', async (t) => {
    assert.match(
      (await ran(t, ['key', '--help'])).stdout,
      /USAGE ollama-guard-proxy key add\|list\|revoke\|rotate/,
    )
    assert.match(
      (await ran(t, ['key', 'add', '--help'])).stdout,
      /key add \[OPTIONS\] <NAME>[\s\S]*--slot-seconds-day/,
    )
  })
})
