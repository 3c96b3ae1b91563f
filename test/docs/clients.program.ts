import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test'
import { askedWaitMs, generate, post } from '../../docs/clients/retry.ts'
import { keyRing, secretOf } from '../conformance/key-ring.ts'
import { occupy, quiet } from '../conformance/occupied.ts'
import { node, Pair } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { Recorder } from './recorder.ts'

const folder = join(import.meta.dirname, '..', '..', 'docs', 'clients')
const model = 'llama3.2'
const prompt = 'why is the sky blue'

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program to its end; fails when it cannot be found. */
function runToEnd([program, ...args]: readonly [string, ...string[]], key?: string): Promise<Ended> {
  const env = { ...process.env, OLLAMA_API_KEY: key }
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (part) => {
    said.stdout += part
  })
  child.stderr.on('data', (part) => {
    said.stderr += part
  })
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${program} must be in PATH: ${error.message}`)))
    child.once('close', (code) => resolve({ code, ...said }))
  })
}

/** A port of this machine where nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')
  return address.port
}

const PROGRAMS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'retry.ts': [process.execPath, '--import', 'tsx', join(folder, 'retry.ts')],
  'retry.py': ['python3', join(folder, 'retry.py')],
}

describe('the examples of docs/clients', () => {
  let pair: Pair
  let recorder: Recorder
  let url: string
  before(async () => {
    pair = await Pair.start(node, {
      simulate: ['--load-time', '0', '--token-rate', '500', '--prompt-rate', '100000'],
      serve: ['--parallel', '1', '--max-queue', '0'],
    })
    recorder = new Recorder(pair.proxy.port)
    url = await recorder.listen()
  })
  after(async () => {
    recorder?.close()
    await pair?.stop()
  })
  beforeEach(async () => {
    await quiet(pair)
    recorder.attempts.splice(0)
  })

  /** Takes the only slot, until the test is over at the latest. */
  const occupyFor = async (t: TestContext) => {
    const holder = await occupy(pair)
    t.after(() => holder.leave('rst'))
    return holder
  }

  for (const [name, command] of Object.entries(PROGRAMS)) {
    const ask = (...more: string[]) => runToEnd([...command, '--url', url, '--base-ms', '1', ...more, prompt])
    const statuses = () => recorder.attempts.map(({ status }) => status)

    describe(name, () => {
      it('is refused, waits as long as Retry-After says, and is served', async (t) => {
        const holder = await occupyFor(t)
        const asked = ask()
        await until('it is refused', () => recorder.attempts.length === 1)
        holder.leave('rst')
        const { code, stdout, stderr } = await asked
        assert.deepEqual([code, statuses()], [0, [503, 200]], stderr)
        const [refused, served] = recorder.attempts
        assert.ok(refused && served)
        const waited = served.askedAt - refused.answeredAt
        assert.ok(refused.retryAfter >= 1, `Retry-After: ${refused.retryAfter}`)
        assert.ok(
          waited >= refused.retryAfter * 1_000,
          `asked for ${refused.retryAfter} s, waited ${waited} ms`,
        )
        assert.ok(waited < refused.retryAfter * 1_000 + 3_000, `waited ${waited} ms`)
        assert.match(stderr, /^attempt 1: 503 queue_full: .+ Again in [\d.]+ s\.\n$/)
        assert.ok(stdout.trim().length > 20, stdout)
      })

      it('gives up after its tries and says why', async (t) => {
        t.after(() => pair.faults({ refuse: false }))
        await pair.faults({ refuse: true })
        const { code, stdout, stderr } = await ask('--tries', '3')
        assert.deepEqual([code, stdout, statuses()], [1, '', [502, 502, 502]])
        assert.match(stderr, /\n502 upstream_error: [^\n]+\n$/)
      })

      it('gives up at once when it would have to wait beyond its total time', async (t) => {
        await occupyFor(t)
        const { code, stderr } = await ask('--total-ms', '500')
        assert.deepEqual([code, statuses()], [1, [503]])
        assert.match(stderr, /^503 queue_full: [^\n]+\n$/)
      })

      it('tries again where nobody listens, as often as it may', async () => {
        const port = await deadPort()
        const { code, stderr } = await ask('--url', `http://127.0.0.1:${port}`, '--tries', '3')
        assert.equal(code, 1)
        assert.equal(stderr.match(/nobody listens at/g)?.length, 3, stderr)
      })

      it('does not repeat a call that was wrong', async () => {
        const { code, stdout, stderr } = await ask('--model', 'nope')
        assert.deepEqual([code, stdout, statuses()], [1, '', [404]])
        assert.match(stderr, /^404 model 'nope' not found\n$/)
      })

      it('does not repeat an answer that broke off', async () => {
        await pair.faults({ cut: { calls: 1, after: 2 } })
        const { code, stdout, stderr } = await ask()
        assert.deepEqual([code, statuses()], [1, [200]])
        assert.ok(stdout.length > 0, 'what came before the break is shown')
        assert.equal(stderr, 'the answer broke off in the middle of a line\n')
      })

      it('refuses a command line that it does not understand', async () => {
        const { code, stderr } = await ask('--tries', 'many')
        assert.deepEqual([code, statuses()], [2, []])
        assert.match(stderr, /--tries.*must be a whole number/)
      })
    })
  }

  describe('before an Ollama that stays silent', () => {
    let silent: Pair
    let witness: Recorder
    let silentUrl: string
    before(async () => {
      silent = await Pair.start(node, { simulate: [], serve: ['--timeout', '0.3'] })
      await silent.faults({ stall: true })
      witness = new Recorder(silent.proxy.port)
      silentUrl = await witness.listen()
    })
    after(async () => {
      witness?.close()
      await silent?.stop()
    })

    for (const [name, command] of Object.entries(PROGRAMS)) {
      it(`${name} does not repeat a call that Ollama had until its time was up`, async () => {
        witness.attempts.splice(0)
        const { code, stderr } = await runToEnd([...command, '--url', silentUrl, '--base-ms', '1', prompt])
        assert.deepEqual([code, witness.attempts.map(({ status }) => status)], [1, [504]])
        assert.match(stderr, /^504 timeout: Request timed out\. [^\n]+\n$/)
      })
    }
  })

  describe('retry.ts, imported', () => {
    it('is left at once by a signal while it waits', async (t) => {
      await occupyFor(t)
      const leaving = new AbortController()
      const asked = post(
        `${url}/api/generate`,
        { model, prompt },
        {
          signal: leaving.signal,
          onRetry: () => leaving.abort(),
        },
      )
      await assert.rejects(asked, { name: 'AbortError' })
      assert.equal(recorder.attempts.length, 1)
    })

    it('hands an answer on piece by piece, and hangs up when nobody wants more', async () => {
      const { aborted } = await pair.simulated()
      for await (const piece of generate({ url, model, prompt })) {
        assert.ok(piece.length > 0)
        break
      }
      await quiet(pair)
      assert.equal((await pair.simulated()).aborted, aborted + 1)
    })
  })

  it('read the headers alike: the longest of all that is said, nothing when it cannot be read', async () => {
    const now = Date.UTC(2026, 0, 1)
    const cases: readonly (readonly [Record<string, string>, number])[] = [
      [{}, 0],
      [{ 'retry-after': '7' }, 7],
      [{ 'retry-after': '2', 'retry-after-ms': '1300' }, 2],
      [{ 'retry-after-ms': '1300' }, 1.3],
      [{ 'retry-after': new Date(now + 90_000).toUTCString() }, 90],
      [{ 'retry-after': new Date(now - 90_000).toUTCString() }, 0],
      [{ 'retry-after': 'soon', 'retry-after-ms': 'x' }, 0],
      [{ 'retry-after': '-3' }, 0],
    ]
    const expected = cases.map(([, seconds]) => seconds)
    assert.deepEqual(
      cases.map(([headers]) => askedWaitMs(new Headers(headers), now) / 1_000),
      expected,
    )
    const script = `import json, sys
sys.path.insert(0, sys.argv[1])
import retry
print(json.dumps([retry.asked_wait_s(headers, ${now / 1_000}) for headers in json.loads(sys.argv[2])]))`
    const headers = JSON.stringify(cases.map(([headers]) => headers))
    const { stdout, stderr } = await runToEnd(['python3', '-B', '-c', script, folder, headers])
    assert.equal(stderr, '')
    assert.deepEqual(JSON.parse(stdout), expected)
  })
})

describe('the examples of docs/clients, where a key is needed', () => {
  let pair: Pair
  before(async () => {
    pair = await Pair.start(node, {
      simulate: ['--load-time', '0', '--token-rate', '500', '--prompt-rate', '100000'],
      serve: ['--parallel', '1'],
      variables: keyRing({ alice: {} }),
    })
  })
  after(() => pair?.stop())

  for (const [name, command] of Object.entries(PROGRAMS)) {
    it(`${name} sends the key of OLLAMA_API_KEY, and does not try again with a wrong one`, async () => {
      const ask = (key?: string) => runToEnd([...command, '--url', pair.proxy.url, prompt], key)
      assert.equal((await ask(secretOf('alice'))).code, 0)
      for (const key of [undefined, secretOf('mallory')]) {
        const { code, stderr } = await ask(key)
        assert.equal(code, 1)
        assert.match(stderr, /^401 invalid_api_key: This server needs a key/)
      }
    })
  }
})
