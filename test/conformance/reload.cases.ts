import assert from 'node:assert/strict'
import { rename, rm, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { quiet } from './occupied.ts'
import { Pair, type Target } from './pair.ts'

interface Reloaded {
  readonly status: number
  readonly body: {
    readonly status?: string
    readonly applied?: readonly string[]
    readonly needs_restart?: readonly string[]
    readonly error?: string
    readonly problems?: readonly { where: string; key: string | null; message: string }[]
  }
}

interface ShownConfig {
  readonly values: Readonly<Record<string, unknown>>
  readonly sources: Readonly<Record<string, string>>
}

export function reloads(target: Target): void {
  if (target.gaps?.lifecycle) {
    describe('a reload', () => {
      it('is not there: a Worker’s variables change with its deployment', async () => {
        const pair = await Pair.start(target, { simulate: [], serve: [] })
        try {
          const answer = await fetch(`${pair.proxy.url}/admin/reload`, { method: 'POST' })
          assert.equal(answer.status, 404)
        } finally {
          await pair.stop()
        }
      })
    })
    return
  }

  describe('a reload', () => {
    const START = 'ollama_num_parallel: 2\nollama_max_queue: 40\nlanguage: en\n'
    let file: ConfigFile
    let pair: Pair
    before(async () => {
      file = await ConfigFile.write(START)
      pair = await Pair.start(target, {
        simulate: ['--parallel', '16', '--load-time', '0', '--token-rate', '100', '--prompt-rate', '100000'],
        serve: ['--config', file.path],
      })
    })
    after(async () => {
      await pair.stop()
      await file.remove()
    })

    const call = async (tokens: number) => {
      const body = JSON.stringify({ model: 'llama3.2', prompt: 'x', options: { num_predict: tokens } })
      const response = await fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', body })
      return { status: response.status, whole: (await response.text()).includes('"done":true') }
    }
    const post = async (): Promise<Reloaded> => {
      const answer = await fetch(`${pair.proxy.url}/admin/reload`, { method: 'POST' })
      return { status: answer.status, body: (await answer.json()) as Reloaded['body'] }
    }
    const page = async (path: string): Promise<unknown> => (await fetch(pair.proxy.url + path)).json()
    const config = async () => (await page('/config')) as ShownConfig
    /** As careful editors save: a new file is put in the place of the old one. */
    const replace = async (text: string) => {
      await writeFile(`${file.path}.new`, text)
      await rename(`${file.path}.new`, file.path)
    }
    /** The log lines of reloads so far, one for each. */
    const told = () =>
      pair.proxy.output
        .split('\n')
        .filter((line) => /"message":"[^"]*configuration/.test(line))
        .map((line) => JSON.parse(line) as { level: string; message: string })
    /** Saves and asks for a reload; resolves when the one that the save itself brings is over, too. */
    const saveAndPost = async (text: string): Promise<Reloaded> => {
      const before = told().length
      await writeFile(file.path, text)
      const reloaded = await post()
      await until('both are told of', () => told().length >= before + 2)
      return reloaded
    }
    const parallel = async (limit: number) =>
      until(`${limit} slots`, async () => (await pair.stats()).parallel_limit === limit)

    it('by file, by signal and by request changes the limits under a flood, and loses no call', async () => {
      const calls = Array.from({ length: 36 }, () => call(40))
      await until('full', async () => (await pair.stats()).active_requests === 2)

      await replace('ollama_num_parallel: 4\nollama_max_queue: 50\nlanguage: en\n')
      await parallel(4)
      assert.equal((await pair.stats()).active_requests, 4)

      const models = 'models: { "LLAMA3.2:latest": { parallel_limit: 7 } }\n'
      await writeFile(file.path, `ollama_num_parallel: 4\nollama_max_queue: 50\nlanguage: en\n${models}`)
      pair.proxy.process.kill('SIGHUP')
      await parallel(7)
      await until('the save is told of, too', () => told().length === 3)
      const { body } = await saveAndPost('ollama_num_parallel: 9\nollama_max_queue: 50\nlanguage: en\n')
      assert.deepEqual(body.applied, ['ollama_num_parallel', 'models'])
      assert.equal((await pair.stats()).parallel_limit, 9, 'the model follows the default again')
      const answers = await Promise.all(calls)
      assert.ok(
        answers.every(({ status, whole }) => status === 200 && whole),
        JSON.stringify(answers),
      )
      assert.equal((await pair.simulated()).peakOnWire, 9)

      await saveAndPost(START)
      await pair.resetSimulator()
      const later = await Promise.all(Array.from({ length: 10 }, () => call(20)))
      assert.ok(later.every(({ status, whole }) => status === 200 && whole))
      assert.equal((await pair.simulated()).peakOnWire, 2)
      await quiet(pair)
    })

    it('is one for each save, and of an unchanged file changes nothing that an operator set', async () => {
      await pair.update({ model: 'llama3.2', parallel_limit: 5 })
      await pair.update({ model: '*', queue_limit: 60 })
      const before = told().length
      await replace(`${START}#`)
      await until('read again', () => told().length > before)
      assert.deepEqual((await saveAndPost(START)).body, {
        status: 'reloaded',
        applied: [],
        needs_restart: [],
      })
      assert.equal(told().length, before + 3, 'the first save, the second and the request')
      const { parallel_limit } = await pair.stats()
      const { default_queue_limit } = (await page('/queue/stats')) as { default_queue_limit: number }
      assert.deepEqual([parallel_limit, default_queue_limit], [5, 60])
    })

    it('of a bad file changes nothing, answers with every problem and logs why', async () => {
      const shown = await config()
      const { status, body } = await saveAndPost(
        'ollama_max_queue: 9\nollama_num_parallel: lots\nlanguages: ja\n',
      )
      assert.deepEqual([status, body.error], [400, 'invalid_config'])
      assert.deepEqual(
        body.problems?.map(({ where, key }) => [where.replace(/^.*\//, ''), key]),
        [
          ['config.yaml:2', 'ollama_num_parallel'],
          ['config.yaml:3', 'languages'],
        ],
      )
      for (const { level, message } of told().slice(-2)) {
        assert.equal(level, 'error')
        assert.match(
          message,
          /nothing changed: .*config\.yaml:2: ollama_num_parallel: .*config\.yaml:3: languages: /,
        )
      }
      assert.deepEqual(await config(), shown)
      const before = told().length
      await rm(file.path)
      assert.equal((await post()).status, 400)
      await until('both are told of', () => told().length >= before + 2)
      assert.deepEqual(await config(), shown)
    })

    it('changes language, log level and thresholds, and shows where they come from', async () => {
      const message = async () => ((await page('/queue/nothing')) as { message: string }).message
      assert.equal(await message(), 'There is nothing at this address.')
      await writeFile(
        file.path,
        `${START.replace('en', 'ja')}log_level: error\nalerts: { window: 30, memory: off }\n`,
      )
      assert.deepEqual((await post()).body.applied, ['alerts', 'log_level', 'language'])
      assert.equal(await message(), 'このアドレスには何もありません。')
      const alerts = (await page('/queue/alerts')) as {
        window_seconds: number
        thresholds: Record<string, unknown>
      }
      assert.deepEqual([alerts.window_seconds, alerts.thresholds.memory_percent], [30, null])
      const { values, sources } = await config()
      assert.deepEqual([values.log_level, sources.log_level], ['error', 'config.yaml'])

      const lines = () => pair.proxy.output.match(/"event":"call"/g)?.length ?? 0
      const before = lines()
      await call(1)
      await saveAndPost(START)
      await call(1)
      await until('the second call is logged', () => lines() > before)
      assert.equal(lines(), before + 1)
    })

    it('names what needs a restart, until it is undone, and goes on with what was', async () => {
      const first = await saveAndPost(`${START}request_timeout: 10\nproxy_host: 0.0.0.0\nproxy_port: 1\n`)
      for (const { status, body } of [first, await post()]) {
        // The port is fixed by a flag: nothing would be otherwise after a restart.
        assert.deepEqual([status, body.needs_restart], [200, ['proxy_host', 'request_timeout']])
      }
      const warned = /"level":"warn".*"needs_restart":"proxy_host,request_timeout"/
      await until('it is in the log', () => warned.test(pair.proxy.output))
      const { values, sources } = await config()
      assert.deepEqual([values.request_timeout, sources.request_timeout], [300, 'default'])
      assert.deepEqual((await saveAndPost(START)).body.needs_restart, [])
    })
  })

  it('a reload is refused while the proxy drains, and SIGHUP does not end it', async () => {
    const pair = await Pair.start(target, {
      simulate: ['--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000'],
      serve: ['--parallel', '1'],
    })
    try {
      const body = JSON.stringify({ model: 'llama3.2', prompt: 'x', options: { num_predict: 20 } })
      const running = fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', body })
      await until('runs', async () => (await pair.stats()).active_requests === 1)
      const ended = pair.proxy.stop('SIGTERM')
      await until('it drains', () => pair.proxy.output.includes('draining'))
      pair.proxy.process.kill('SIGHUP')
      const answer = await fetch(`${pair.proxy.url}/admin/reload`, { method: 'POST' })
      assert.equal(answer.status, 503)
      assert.match(await (await running).text(), /"done":true/)
      assert.equal(await ended, 0)
      assert.match(pair.proxy.output, /the configuration is not read again/)
    } finally {
      await pair.stop()
    }
  })
}
