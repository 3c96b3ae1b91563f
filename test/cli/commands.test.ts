import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { NODE_MAIN } from '../support/main-program.ts'

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let folder = ''
/** What the proxies of a test have said so far. */
const outputs = new Map<ChildProcess, { stdout: string; stderr: string }>()
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-cli-'))
})
afterEach(() => {
  for (const child of outputs.keys()) child.kill('SIGKILL')
  outputs.clear()
  rmSync(folder, { recursive: true, force: true })
})

/** The command line as a process of its own, in a folder of its own, with no setting from outside. */
function guard(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { PATH = '', SystemRoot = '' } = process.env
  const options = { cwd: folder, env: { PATH, SystemRoot, ...env } }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...NODE_MAIN, ...args], options, (error, stdout, stderr) => {
      const code = error ? error.code : 0
      if (typeof code === 'number') resolve({ code, stdout, stderr })
      else reject(error)
    })
  })
}

function write(text: string): string {
  const path = join(folder, 'config.yaml')
  writeFileSync(path, text)
  return path
}

describe('check', () => {
  it('prints the effective configuration and ends with 0', async () => {
    write('proxy_port: 9001\nadmin_token: hunter2\n')
    const { code, stdout, stderr } = await guard(['check', '--parallel=3'], { OLLAMA_MAX_QUEUE: '5' })
    assert.equal(stderr, '')
    assert.equal(code, 0)
    const { config_file, values, sources } = JSON.parse(stdout)
    assert.equal(config_file, 'config.yaml')
    assert.deepEqual([values.proxy_port, sources.proxy_port], [9001, 'config.yaml'])
    assert.deepEqual([values.ollama_max_queue, sources.ollama_max_queue], [5, 'environment'])
    assert.deepEqual([values.ollama_num_parallel, sources.ollama_num_parallel], [3, 'flag'])
    assert.equal(values.admin_token, '***')
  })

  it('prints what is allowed but hardly meant to stderr, and ends with 0 all the same', async () => {
    write('max_queue_bytes: 1MiB\n')
    const { code, stdout, stderr } = await guard(['check'], { OLLAMA_NUM_PARALLEL: '"0"', LOG_LEVEL: 'INFO' })
    assert.equal(code, 0)
    assert.equal(JSON.parse(stdout).values.ollama_num_parallel, 'auto')
    const lines = stderr.split('\n')
    assert.equal(lines[0], 'warning: environment OLLAMA_NUM_PARALLEL: 0 is read as auto')
    assert.match(
      lines[1] ?? '',
      /^warning: config\.yaml:1: max_queue_bytes: max_queue_bytes \(1048576 bytes\)/,
    )
    assert.equal(lines.length, 3)
  })

  it('prints every problem on a line of its own to stderr and ends with 78', async () => {
    write('proxy_prt: 1\nlog_level: loud\n')
    const { code, stdout, stderr } = await guard(['check', '--port', 'x'])
    assert.equal(code, 78)
    assert.equal(stdout, '')
    assert.deepEqual(stderr.trimEnd().split('\n'), [
      'config.yaml:1: proxy_prt: unknown key; did you mean proxy_port?',
      'config.yaml:2: log_level: expected one of debug, info, warn, error, got "loud"',
      'flag --port: expected an integer from 0 to 65535, got "x"',
    ])
  })

  it('reads the file that --config names, and misses it aloud', async () => {
    const { code, stderr } = await guard(['check', '--config', 'nowhere.yaml'])
    assert.deepEqual([code, stderr], [78, 'flag --config: nowhere.yaml does not exist\n'])
  })

  it('sees that ollama_url is the proxy itself', async () => {
    const { code, stderr } = await guard(['check'], { OLLAMA_URL: 'http://127.0.0.1:8080' })
    assert.equal(code, 78)
    assert.match(stderr, /^environment OLLAMA_URL: .*this proxy itself/)
  })
})

describe('setup', () => {
  it('writes a file that loads cleanly with the figures it printed', async () => {
    const { code, stdout, stderr } = await guard(['setup'])
    assert.deepEqual([code, stderr], [0, ''])
    const text = readFileSync(join(folder, 'config.yaml'), 'utf8')
    const { config } = loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile: () => text })
    assert.match(stdout, new RegExp(`ollama_num_parallel: ${config.ollama_num_parallel}\\n`))
    assert.match(stdout, new RegExp(`max_queue_bytes: ${config.max_queue_bytes / 2 ** 20}MiB\\n`))
    assert.match(text, /^# Written by .*setup/m)
    assert.equal((await guard(['check'])).code, 0)
  })

  it('leaves a file that exists as it is, and says how to replace it', async () => {
    const path = write('# mine\n')
    const { code, stderr } = await guard(['setup'])
    assert.equal(code, 1)
    assert.match(stderr, /config\.yaml exists and was not changed; --force replaces it/)
    assert.equal(readFileSync(path, 'utf8'), '# mine\n')
  })

  it('replaces it with --force', async () => {
    const path = write('# mine\n')
    assert.equal((await guard(['setup', '--force'])).code, 0)
    assert.match(readFileSync(path, 'utf8'), /^ollama_num_parallel: [124]$/m)
  })

  const tokenIn = (path: string) =>
    loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile: () => readFileSync(path, 'utf8') }).config
      .admin_token

  it('writes an admin token of 256 bits, another each time, for the owner of the file alone', async () => {
    const tokens = new Set<string | undefined>()
    for (const name of ['one.yaml', 'two.yaml']) {
      const { stdout } = await guard(['setup', '--config', name])
      const path = join(folder, name)
      const token = tokenIn(path) ?? ''
      assert.equal(Buffer.from(token, 'base64url').length, 32)
      assert.ok(!stdout.includes(token))
      if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
      tokens.add(token)
    }
    assert.equal(tokens.size, 2)
  })

  it('keeps the token of the file that it replaces, and takes the rights of others away', async () => {
    const path = write('admin_token: open-sesame\n')
    chmodSync(path, 0o644)
    const { code, stdout } = await guard(['setup', '--force'])
    assert.equal(code, 0)
    assert.match(stdout, /admin_token: the token of the old file/)
    assert.equal(tokenIn(path), 'open-sesame')
    if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  it('makes a token where the file that it replaces does not load', async () => {
    const path = write('admin_token: [\n')
    assert.equal((await guard(['setup', '--force'])).code, 0)
    assert.equal(tokenIn(path)?.length, 43)
  })

  it('writes where --config says, and says when it cannot', async () => {
    assert.equal((await guard(['setup', '--config', 'other.yaml'])).code, 0)
    assert.ok(existsSync(join(folder, 'other.yaml')))
    assert.ok(!existsSync(join(folder, 'config.yaml')))
    const { code, stderr } = await guard(['setup', '--config', join('none', 'x.yaml')])
    assert.equal(code, 1)
    assert.match(stderr, /x\.yaml cannot be written: ENOENT/)
  })
})

describe('the command line', () => {
  it('prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    assert.deepEqual(await guard(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it('ends with 2 and a suggestion for a command or a flag that does not exist', async () => {
    const command = await guard(['chek'])
    assert.equal(command.code, 2)
    assert.match(command.stderr, /^unknown command chek; did you mean check\?\n/)
    const flag = await guard(['check', '--prot', '80'])
    assert.equal(flag.code, 2)
    assert.match(flag.stderr, /^unknown flag --prot; did you mean --port\?\n/)
  })

  it('ends with 2 for a flag without its value', async () => {
    const { code, stderr } = await guard(['check', '--port'])
    assert.equal(code, 2)
    assert.match(stderr, /^flag --port needs a value\n/)
  })

  it('names every command and flag in its help, without colour in a pipe', async () => {
    const { code, stdout } = await guard(['--help'])
    assert.equal(code, 0)
    for (const word of [
      'serve',
      'check',
      'setup',
      'status',
      'top',
      'usage',
      'bench',
      'simulate',
      '--upstream',
      '--max-queue',
      '--demo',
      'OLLAMA_URL',
    ]) {
      assert.ok(stdout.includes(word), word)
    }
    assert.ok(!stdout.includes('\x1b'))
  })
})

describe('serve', () => {
  it('does not start on a wrong configuration', async () => {
    const { code, stderr } = await guard([], { PROXY_PORT: 'x' })
    assert.deepEqual(
      [code, stderr],
      [78, 'environment PROXY_PORT: expected an integer from 0 to 65535, got "x"\n'],
    )
  })

  it('refuses two upstreams at once', async () => {
    assert.equal((await guard(['--demo', '--upstream', 'http://other:1'])).code, 2)
  })

  it('says which file it cannot log to', async () => {
    writeFileSync(join(folder, 'logs'), 'a file where a folder should be')
    const { code, stderr } = await guard(['serve', '--port', '0'], { LOG_FILE: join('logs', 'x.log') })
    assert.equal(code, 1)
    assert.match(stderr, /log_file .*x\.log cannot be written \(.*\); change log_file \(LOG_FILE\)\n$/)
  })

  it('guards the simulator with --demo, keeps stdout for log lines and drains on a signal', async () => {
    const { child, url, said } = await start(['--demo', '--port', '0'])
    assert.match(said(), /Simulated: /)
    assert.equal(said().match(/^ {2}curl /gm)?.length, 3)
    const answer = await fetch(`${url}/api/generate`, {
      method: 'POST',
      body: '{"model":"llama3.2","prompt":"hi","stream":false,"options":{"num_predict":1}}',
    })
    assert.equal(answer.status, 200)
    await answer.arrayBuffer()
    child.kill('SIGTERM')
    const { code, stdout } = await ended(child)
    assert.equal(code, 0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.filter(({ event }) => event === 'call').map(({ outcome }) => outcome),
      ['done'],
    )
  })

  it('stays up when no Ollama answers, and says what to do', async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const address = free.address()
    free.close()
    const port = typeof address === 'object' ? address?.port : undefined
    const { child, url, said } = await start(
      ['--port', '0', '--upstream', `http://127.0.0.1:${port}`],
      /--demo/,
    )
    assert.match(said(), /No Ollama answers at .*502/)
    const answer = await fetch(`${url}/api/generate`, { method: 'POST', body: '{"model":"m","prompt":"hi"}' })
    assert.equal(answer.status, 502)
    await answer.arrayBuffer()
    child.kill('SIGTERM')
    assert.equal((await ended(child)).code, 0)
  })

  it('names the address that is taken and the key to change, and ends with 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    const { code, stderr } = await guard(['--port', port])
    taken.close()
    assert.equal(code, 1)
    assert.match(
      stderr,
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: another program .*proxy_port`),
    )
  })
})

/** A proxy that runs, once its banner is out to the end. */
async function start(args: readonly string[], lastLine = /\/health$/m) {
  const { PATH = '', SystemRoot = '' } = process.env
  const child = spawn(process.execPath, [...NODE_MAIN, ...args], {
    cwd: folder,
    env: { PATH, SystemRoot },
  })
  const output = { stdout: '', stderr: '' }
  outputs.set(child, output)
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk
  })
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
    output.stderr += chunk
    if (lastLine.test(output.stderr)) break
  }
  const url = /listens on (\S+)/.exec(output.stderr)?.[1]
  assert.ok(url, output.stderr)
  return { child, url, said: () => output.stderr }
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  const [code] = await once(child, 'close')
  return { code, stdout: outputs.get(child)?.stdout ?? '' }
}
