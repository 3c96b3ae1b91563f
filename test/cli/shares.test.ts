import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import type { CallerWithShare } from '../../src/pages/callers.ts'
import type { FairFigures } from '../../src/pages/fairness.ts'
import type { LiveQueue } from '../../src/pages/monitor.ts'
import type { StatsPage } from '../../src/pages/queue.ts'
import { until } from '../support/until.ts'
import { program, ran } from './support/program.ts'

const hashOf = (secret: string) => `sha256:${createHash('sha256').update(secret).digest('hex')}`

const CONFIG = `
ollama_num_parallel: 4
keys:
  alice: { hash: "${hashOf('a')}", class: batch }
  bob: { hash: "${hashOf('b')}" }
  carol: { hash: "${hashOf('c')}" }
`

it('a proxy that runs shows who has the slots, while the calls run and when they are over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'guard-shares-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const config = join(folder, 'config.yaml')
  writeFileSync(config, CONFIG)
  const proxy = program(t, ['--demo', '--port', '0', '--config', config])
  await until('the banner', () => /\/health$/m.test(proxy.output.stderr), 20_000)
  const url = /listens on (\S+)/.exec(proxy.output.stderr)?.[1] ?? assert.fail(proxy.output.stderr)
  const read = async <P>(path: string) => (await (await fetch(url + path)).json()) as P
  const shares = async () => {
    const { callers = [] } = await read<StatsPage>('/queue/stats')
    return new Map(callers.map((each: CallerWithShare) => [each.caller, each]))
  }

  const leaving = new AbortController()
  const call = async (secret: string) => {
    const answer = await fetch(`${url}/api/generate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: '{"model":"llama3.2","prompt":"hi","options":{"num_predict":4096}}',
      signal: leaving.signal,
    })
    await answer.arrayBuffer()
  }
  const calls = ['a', 'a', 'a', 'b'].map(call)
  await until('four calls run', async () => {
    const { requests } = await read<LiveQueue>('/queue/requests')
    return requests.filter(({ state }) => state === 'running').length === 4
  })
  calls.push(call('c'))
  await until('a call waits', async () => (await shares()).get('carol')?.queued === 1)
  // The calls did not begin in the same moment, so their times become equal little by little.
  await until(
    'alice has three slots of four',
    async () => Math.abs(((await shares()).get('alice')?.share ?? 0) - 0.75) <= 0.02,
    30_000,
  )

  const { classes, fairness, jain } = await read<FairFigures>('/queue/stats')
  assert.equal(fairness, 'on')
  // Of three callers with 3, 1 and nothing: 16 / (3 * 10).
  assert.ok(Math.abs(jain - 16 / 30) < 0.03, `${jain}`)
  assert.deepEqual([classes.batch?.active, classes.normal?.active, classes.normal?.queued], [3, 1, 1])
  assert.ok(Math.abs((classes.batch?.share ?? 0) - 0.75) <= 0.02)
  const { requests } = await read<LiveQueue>('/queue/requests')
  const waiting = requests.filter(({ state }) => state === 'waiting')
  assert.deepEqual(
    waiting.map(({ caller, class: of, position }) => [caller, of, position]),
    [['carol', 'normal', 1]],
  )
  const top = await ran(t, ['top', '--once', '--url', url])
  assert.match(top.stdout, /^alice +█{7,8}░+ +7\d% +3 /m)

  leaving.abort()
  assert.ok((await Promise.allSettled(calls)).every(({ status }) => status === 'rejected'))
  await until('the calls are over', async () => {
    const { total } = await read<LiveQueue>('/queue/requests')
    return total === 0
  })
  const after = await shares()
  const seconds = (name: string) => after.get(name)?.slot_seconds_5m ?? Number.NaN
  assert.ok(seconds('alice') > 2 * seconds('bob'), 'what was held does not go with the call')
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const counted = (caller: string, of: string) => {
    const sample = `^ollama_guard_slot_seconds_total\\{caller="${caller}",class="${of}"\\} (.*)$`
    return Number(new RegExp(sample, 'm').exec(metrics)?.[1])
  }
  for (const [caller, of] of [
    ['alice', 'batch'],
    ['bob', 'normal'],
  ] as const)
    assert.ok(Math.abs(counted(caller, of) - seconds(caller)) < 0.02, `${counted(caller, of)} of ${caller}`)
  assert.equal(counted('alice', 'normal'), 0)
})
