import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { until } from '../support/until.ts'
import { aFinishedCall, filesWith, lineOf } from './replay/support.ts'
import { program, ran } from './support/program.ts'

/** A burst that one slot has served, by two callers. */
const BURST = Array.from({ length: 40 }, (_, index) =>
  lineOf(
    aFinishedCall({
      ...{ at: 1_000 * (index + 1), totalMs: 1_000 * (index + 1), waitMs: 1_000 * index },
      ...{ firstByteMs: 1_000 * index + 100, caller: index % 4 === 3 ? 'bob' : 'alice' },
    }),
  ),
).join('')

async function replay(t: TestContext, flags: readonly string[], env: Record<string, string> = {}) {
  return ran(t, ['replay', ...filesWith(t, BURST), ...flags], env)
}

describe('replay', () => {
  it('prints one column without --set', async (t) => {
    const { code, stdout, stderr } = await replay(t, [])
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^40 calls, 2 callers, 1 model, from 2026-01-01T00:00:00\.000Z to /)
    assert.match(stdout, /Slots of a model: as configured 1 \(auto: as the log shows\)\n/)
    assert.match(stdout, /\n +as configured\ncalls that got a slot +40\n/)
    assert.match(stdout, /\nThe log itself: waits 19\.00 \/ 37\.00 \/ 39\.00 s, /)
    assert.match(stdout, /Replay cannot know, or assumes:\n- whether a refused client returns/)
  })

  it('prints both runs side by side, the same each time', async (t) => {
    const flags = ['--set', 'ollama_num_parallel=2', '--set=ollama_max_queue=20']
    const [one, other] = [await replay(t, flags), await replay(t, flags)]
    assert.equal(one.stdout, other.stdout)
    assert.match(one.stdout, /\nWith --set: ollama_num_parallel=2 ollama_max_queue=20\.\n/)
    assert.match(
      one.stdout,
      /\n +as configured +with --set\ncalls that got a slot +40 +22\nrefused: queue_full +0 +18\n/,
    )
  })

  it('prints one JSON object', async (t) => {
    const { stdout } = await replay(t, ['--json', '--set', 'ollama_num_parallel=4'])
    const report = JSON.parse(stdout)
    const [configured, set] = report.runs
    assert.deepEqual([configured.name, configured.parallel, configured.set], ['as configured', 1, []])
    assert.deepEqual([set.name, set.parallel, set.set], ['with --set', 4, ['ollama_num_parallel=4']])
    assert.deepEqual(report.recorded.wait_ms, { p50: 19_000, p95: 37_000, p99: 39_000 })
    assert.deepEqual(set.wait_ms, { p50: 4_000, p95: 9_000, p99: 9_000 })
    assert.deepEqual(
      configured.callers.map(({ name, calls, slot_seconds }: Record<string, unknown>) => [
        name,
        calls,
        slot_seconds,
      ]),
      [
        ['alice', 30, 30],
        ['bob', 10, 10],
      ],
    )
    assert.deepEqual(
      configured.classes.map(({ name }: { name: string }) => name),
      ['normal'],
    )
    assert.ok(Array.isArray(report.not_known))
  })

  it('uses the configuration that the proxy would use', async (t) => {
    const { stdout } = await replay(t, ['--json'], { OLLAMA_NUM_PARALLEL: '2', OLLAMA_MAX_QUEUE: '8' })
    const [run] = JSON.parse(stdout).runs
    assert.deepEqual([run.parallel, run.parallel_from, run.refused], [2, 'configuration', { queue_full: 30 }])
  })

  it('refuses a wrong --set as the configuration is refused, before it reads a file', async (t) => {
    const { code, stderr } = await ran(t, [
      'replay',
      'no-such-file',
      '--set',
      'ollama_max_queu=6',
      '--set',
      'turns=of',
    ])
    assert.equal(code, 78)
    assert.equal(
      stderr,
      'flag --set: ollama_max_queu: unknown key; did you mean ollama_max_queue?\nflag --set: turns: expected one of auto, off, got "of"\n',
    )
  })

  it('says why there is nothing to replay', async (t) => {
    const said = async (...texts: string[]) => {
      const { code, stdout, stderr } = await ran(t, ['replay', ...filesWith(t, ...texts)])
      assert.deepEqual([code, stdout], [1, ''])
      return stderr
    }
    assert.match(await said(''), /^no calls in \S+0\.log\n$/)
    assert.match(
      await said('one\ntwo\n'),
      /0\.log: left out, because they are no calls: lines 2\nno calls in /,
    )
    const text = '2026-01-01T00:00:00.000Z info  llama2 done 200 request_id=id-1\n'
    assert.match(await said(text.repeat(20)), /20 lines, the first are 1, 2, .*set log_format to json\n$/s)
    const refused = {
      outcome: 'refused',
      reason: 'queue_full',
      firstByteMs: null,
      totalMs: 1,
      status: 503,
    } as const
    assert.match(await said(lineOf(aFinishedCall(refused))), /^no call got a slot, so nothing tells how long/)
    const { code, stderr } = await ran(t, ['replay', join(import.meta.dirname, 'no-such-file')])
    assert.equal(code, 1)
    assert.match(stderr, /^a file cannot be read: ENOENT: /)
  })

  it('needs a file', async (t) => {
    const { code, stderr } = await ran(t, ['replay'])
    assert.equal(code, 2)
    assert.match(stderr, /FILE/)
  })

  it('reads the log that serve --demo writes', { timeout: 120_000 }, async (t) => {
    const [log = ''] = filesWith(t, '')
    const proxy = program(t, ['serve', '--demo'], { PROXY_PORT: '0', LOG_FORMAT: 'json', LOG_FILE: log })
    await until('the proxy listens', () => /"message":"listening"/.test(proxy.output.stdout), 60_000)
    const url = /"url":"(http:[^"]+)"/.exec(proxy.output.stdout)?.[1]
    const call = { model: 'llama3.2', prompt: 'hello', options: { num_predict: 5 } }
    const asked = Array.from({ length: 8 }, () =>
      fetch(`${url}/api/generate`, { method: 'POST', body: JSON.stringify(call) }).then((answer) =>
        answer.text(),
      ),
    )
    await Promise.all(asked)
    proxy.process.kill('SIGTERM')
    await proxy.ended
    const { code, stdout, stderr } = await ran(t, ['replay', log, '--json', '--set', 'ollama_num_parallel=8'])
    assert.deepEqual([code, stderr], [0, ''])
    const { calls, recorded, runs } = JSON.parse(stdout)
    assert.deepEqual([calls, recorded.ran, runs[0].ran, runs[0].loads], [8, 8, 8, 1])
  })
})
