import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { until } from '../support/until.ts'
import { busyPages, health } from './support/pages.ts'
import { deadUrl, program, ran } from './support/program.ts'
import { answerJson, type Script, scriptedProxy } from './support/scripted-proxy.ts'

async function aProxy(t: TestContext, pages: Script = busyPages()) {
  const proxy = await scriptedProxy(pages)
  t.after(() => proxy.close())
  return proxy
}

describe('top', () => {
  it('prints one plain frame with --once, and so it does into a pipe', async (t) => {
    const { url } = await aProxy(t)
    for (const flags of [['--once'], []]) {
      const { code, stdout, stderr } = await ran(t, ['top', '--url', url, ...flags])
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, /^ollama-guard-proxy 1\.2\.3 \(node\) {3}healthy/)
      assert.match(stdout, /^llama2 +█+ 4\/4 /m)
      assert.match(stdout, /^k3f9a1-3 .*waiting/m)
      assert.ok(!stdout.includes('\x1b'))
    }
  })

  it('prints the pages as they are with --json --once', async (t) => {
    const pages = busyPages()
    const { url } = await aProxy(t, pages)
    const { code, stdout } = await ran(t, ['top', '--json', '--once', '--url', url])
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(stdout), {
      stats: pages['/queue/stats'],
      requests: pages['/queue/requests'],
      alerts: pages['/queue/alerts'],
      health,
    })
  })

  it('prints an object a refresh with --json, through a restart, until a signal', async (t) => {
    const proxy = await aProxy(t)
    const {
      process: child,
      output,
      ended,
    } = program(t, ['top', '--json', '--interval', '0.05', '--url', proxy.url])
    const lines = () => output.stdout.split('\n').length - 1
    await until('three refreshes', () => lines() >= 3, 20_000)
    proxy.close()
    await until('the loss is told', () => output.stderr.includes('trying again'))
    const before = lines()
    const again = await scriptedProxy(busyPages(), proxy.port)
    t.after(() => again.close())
    await until('it is back', () => lines() > before)
    child.kill('SIGTERM')
    assert.equal(await ended, 143)
    assert.equal(output.stderr, `${proxy.url} does not answer: connection refused; trying again\n`)
    for (const line of output.stdout.trimEnd().split('\n'))
      assert.equal(JSON.parse(line).health.status, 'healthy')
  })

  it('ends when the reader of its JSON goes away', async (t) => {
    const { url } = await aProxy(t)
    const { process: child, ended } = program(t, ['top', '--json', '--interval', '0.05', '--url', url])
    child.stdout?.destroy()
    assert.equal(await ended, 0)
  })

  it('ends with 2 and names the address when nobody answers', async (t) => {
    const url = await deadUrl()
    for (const flags of [['--once'], ['--once', '--json'], []]) {
      const ended = await ran(t, ['top', '--url', url, ...flags])
      assert.deepEqual(ended, { code: 2, stdout: '', stderr: `${url} does not answer: connection refused\n` })
    }
  })

  it('says which pages are missing, and has null for them in JSON', async (t) => {
    const old = await aProxy(t, { '/health': health, '/queue/stats': busyPages()['/queue/stats'] })
    const frame = await ran(t, ['top', '--once', '--url', old.url])
    assert.equal(frame.code, 0)
    assert.match(frame.stdout, /this proxy has no\s+\/queue\/requests/)
    const { stats, requests, alerts } = JSON.parse(
      (await ran(t, ['top', '--once', '--json', '--url', old.url])).stdout,
    )
    assert.deepEqual([typeof stats, requests, alerts], ['object', null, null])

    const off = (response: Parameters<typeof answerJson>[0]) =>
      answerJson(response, 404, { error: 'stats_disabled', message: '' })
    const disabled = { '/queue/stats': off, '/queue/requests': off, '/queue/alerts': off }
    const quiet = await aProxy(t, { '/health': health, ...disabled })
    const { code, stdout } = await ran(t, ['top', '--once', '--url', quiet.url])
    assert.equal(code, 0)
    assert.match(stdout, /switched off \(enable_queue_stats: false\)/)
  })
})
