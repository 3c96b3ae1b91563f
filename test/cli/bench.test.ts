import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { node, Pair } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { deadUrl, program, ran } from './support/program.ts'
import { scriptedProxy } from './support/scripted-proxy.ts'

let pair: Pair
before(async () => {
  pair = await Pair.start(node, {
    simulate: ['--parallel', '2', '--load-time', '0', '--token-rate', '500', '--models', 'llama3.2,mistral'],
    serve: ['--parallel', '2', '--max-queue', '3'],
  })
})
after(() => pair.stop())

async function report(t: TestContext, args: readonly string[]) {
  const { code, stdout, stderr } = await ran(t, ['bench', '--json', ...args])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

describe('bench', () => {
  it('streams from a real proxy and tells the same as the proxy does', async (t) => {
    const asked = [
      '--url',
      pair.proxy.url,
      '--rate',
      '15',
      '--duration',
      '2',
      '--tokens',
      '10',
      '--seed',
      '5',
    ]
    const told = await report(t, [...asked, '--model', 'mistral'])
    await until('the proxy has counted', async () => (await pair.stats('mistral')).active_requests === 0)
    const stats = await pair.stats('mistral')
    assert.equal(told.answered, stats.total_processed)
    assert.equal(told.refused.total, stats.total_rejected)
    assert.equal(told.sent, told.answered + told.refused.total)
    assert.equal(told.tokens_out, told.answered * 10)
    assert.ok(told.token_gap_ms.p50 > 0 && told.total_ms.p50 >= told.first_byte_ms.p50)
    assert.equal(told.failed.total + told.timed_out + told.aborted + told.not_sent, 0)
  })

  it('sees refusals as such when it brings more than there is room for', async (t) => {
    const { proxy } = pair
    const told = await report(t, [
      '--url',
      proxy.url,
      '--rate',
      '60',
      '--duration',
      '1.5',
      '--tokens',
      '100',
      '--no-stream',
    ])
    assert.ok(told.refused.by['503 queue_full'] > 0, JSON.stringify(told))
    assert.equal(told.sent, told.answered + told.refused.total)
    assert.equal(told.token_gap_ms, null)
    assert.equal(told.stream, false)
  })

  it('replays a trace, with its models, at another speed', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'guard-bench-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const trace = join(folder, 'trace.csv')
    writeFileSync(trace, 'seconds,prompt_tokens,output_tokens,model\n10,5,3\n12,5,4,mistral\n14,5,5\n')
    const before = await pair.stats('mistral')
    const told = await report(t, ['--url', pair.proxy.url, '--trace', trace, '--speed', '10'])
    assert.deepEqual(
      [told.sent, told.answered, told.tokens_out, told.trace, told.seed],
      [3, 3, 12, trace, null],
    )
    assert.deepEqual(told.models, ['llama3.2', 'mistral'])
    assert.ok(told.sending_seconds >= 0.4 && told.sending_seconds < 4, String(told.sending_seconds))
    const processed = async () => (await pair.stats('mistral')).total_processed
    await until('the proxy has counted', async () => (await processed()) === before.total_processed + 1)
  })

  it('brings the same arrivals for the same seed', async (t) => {
    const run = () =>
      report(t, ['--url', pair.proxy.url, '--rate', '20', '--duration', '1', '--tokens', '1', '--seed', '11'])
    assert.equal((await run()).arrivals, (await run()).arrivals)
  })

  it('prints a report to read, and what it is about to do before it', async (t) => {
    const load = ['--rate', '5', '--duration', '1', '--tokens', '2', '--seed', '5']
    const args = ['bench', '--url', pair.proxy.url, ...load]
    const { code, stdout, stderr } = await ran(t, args)
    assert.equal(code, 0)
    assert.match(
      stderr,
      /^Sending about 5 calls over 1\.0 s, at most 1000 at once, to http:.*\/api\/chat \(streams\): llama3\.2\n/,
    )
    assert.match(stdout, /^answered +\d+ +100\.0 %$/m)
  })

  it('ends with 2 when nobody is there, and says why in the report', async (t) => {
    const url = await deadUrl()
    const { code, stdout } = await ran(t, [
      'bench',
      '--url',
      url,
      '--rate',
      '20',
      '--duration',
      '0.5',
      '--json',
    ])
    assert.equal(code, 2)
    const { sent, failed } = JSON.parse(stdout)
    assert.ok(sent > 0)
    assert.deepEqual(failed, { total: sent, by: { 'connection refused': sent } })
  })

  it('stops sending at the first signal and still waits for answers', async (t) => {
    const held: (() => void)[] = []
    const server = await scriptedProxy({
      '/api/chat': (response: { end: (text: string) => void }) => held.push(() => response.end('{}')),
    })
    t.after(() => server.close())
    const bench = program(t, ['bench', '--url', server.url, '--rate', '20', '--duration', '60', '--json'])
    await until('some calls are open', () => held.length >= 3, 20_000)
    bench.process.kill('SIGINT')
    await until('it says so', () => bench.output.stderr.includes('Nothing more is sent.'), 20_000)
    const open = Number(/Waiting for (\d+) calls/.exec(bench.output.stderr)?.[1])
    await until('all have arrived', () => held.length >= open)
    for (const release of held) release()
    assert.equal(await bench.ended, 0)
    const told = JSON.parse(bench.output.stdout)
    assert.deepEqual([told.answered, told.aborted, told.interrupted], [open, 0, true])
  })

  it('ends at the second signal, with a report of what there is', async (t) => {
    let arrived = 0
    const server = await scriptedProxy({ '/api/chat': () => void arrived++ })
    t.after(() => server.close())
    const bench = program(t, ['bench', '--url', server.url, '--rate', '20', '--duration', '60', '--json'])
    await until('some calls are open', () => arrived >= 3, 20_000)
    bench.process.kill('SIGINT')
    await until('it says so', () => bench.output.stderr.includes('Nothing more is sent.'), 20_000)
    bench.process.kill('SIGINT')
    assert.equal(await bench.ended, 130)
    const told = JSON.parse(bench.output.stdout)
    assert.equal(told.aborted, told.sent)
    assert.equal(told.interrupted, true)
  })

  it('counts what would be too many at once, and what took too long', async (t) => {
    const server = await scriptedProxy({ '/api/chat': () => {} })
    t.after(() => server.close())
    const limits = ['--max-in-flight', '2', '--timeout', '2']
    const load = ['--rate', '20', '--duration', '1', '--seed', '1']
    const { code, stdout } = await ran(t, ['bench', '--json', '--url', server.url, ...load, ...limits])
    const told = JSON.parse(stdout)
    // Not one was answered.
    assert.equal(code, 2)
    assert.deepEqual([told.sent, told.timed_out, told.not_sent > 0, told.kept_rate], [2, 2, true, false])
  })

  it('says everything that is wrong with its flags and ends with 2', async (t) => {
    const { code, stdout, stderr } = await ran(t, ['bench', '--rate', 'fast', '--tokens', '0'])
    assert.deepEqual([code, stdout], [2, ''])
    assert.deepEqual(stderr.trimEnd().split('\n'), [
      'flag --url: must name the address to load',
      'flag --rate: "fast" must be a number',
      'flag --tokens: "0" must be 1 or more',
    ])
  })
})
