import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { ConfigFile } from '../conformance/config-file.ts'
import { node, Pair, startProxy } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { audit } from './support/audit.ts'
import { launchBrowser, OpenPage } from './support/browser.ts'
import { Callers } from './support/callers.ts'

const MODEL = 'llama3.2'
const SLOW = ['--parallel', '16', '--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000']

describe('the dashboard of a proxy', () => {
  let browser: Browser
  before(async () => {
    browser = await launchBrowser()
  })
  after(() => browser?.close())

  it('asks for the admin token when there is one, says when it is wrong, and keeps it', async () => {
    const config = await ConfigFile.write('admin_token: open-sesame-1234\n')
    const pair = await Pair.start(node, { simulate: SLOW, serve: ['--config', config.path] })
    const callers = new Callers(pair.proxy.url)
    try {
      callers.crowd(1, 'token')
      const opened = await OpenPage.open(browser, pair.proxy.url, { expected: ['/admin/queue/pause'] })
      const { page } = opened
      const pause = page.getByRole('button', { name: `Pause ${MODEL}` })
      const give = async (token: string) => {
        await page.getByLabel('Token', { exact: true }).fill(token)
        await page.keyboard.press('Enter')
      }
      await pause.click()
      await page.getByText('needs the admin token').waitFor()
      await page.keyboard.press('Escape')
      await opened.said('Nothing was changed: no admin token was given.')

      await pause.click()
      await give('wrong')
      await page.locator('#token-why').filter({ hasText: 'Wrong token' }).waitFor()
      assert.equal((await pair.stats(MODEL)).paused, false)
      await give('falsch–ä')
      await page.locator('#token-why').filter({ hasText: 'Wrong token' }).waitFor()
      await give('open-sesame-1234')
      await opened.said('llama3.2 is paused.')
      assert.equal((await pair.stats(MODEL)).paused, true)

      await page.getByRole('button', { name: `Resume ${MODEL}` }).click()
      await opened.said('llama3.2 is resumed.')
      assert.equal(await page.locator('dialog[open]').count(), 0)

      await page.getByRole('button', { name: 'Forget the key' }).click()
      await pause.click()
      await page.getByText('needs the admin token').waitFor()
      assert.ok(opened.asked.every((url) => !url.includes('sesame')))
      await opened.close()
    } finally {
      await callers.leave()
      await pair.stop()
      await config.remove()
    }
  })

  it('connects an operator with the token when the proxy has no free connection for others', async () => {
    const config = await ConfigFile.write('admin_token: open-sesame-1234\n')
    const pair = await Pair.start(node, { simulate: SLOW, serve: ['--config', config.path] })
    const crowd = new AbortController()
    try {
      const events = `${pair.proxy.url}/queue/events`
      for (let count = 0; count < 8; count++)
        assert.equal((await fetch(events, { signal: crowd.signal })).status, 200)
      const opened = await OpenPage.open(browser, pair.proxy.url, {
        expected: ['/queue/events'],
        says: 'Too many pages and tools are connected to this proxy.',
      })
      const { page } = opened
      const give = page.getByRole('button', { name: 'Give the admin token' })
      await give.click()
      await page.getByText('the page can connect').waitFor()
      assert.deepEqual(await audit(page), [])
      await page.getByLabel('Token', { exact: true }).fill('open-sesame-1234')
      await page.keyboard.press('Enter')
      await opened.connection('Live')
      assert.equal(await give.isVisible(), false)
      await page.getByText('No model was called yet.').waitFor()
      assert.ok(opened.asked.every((url) => !url.includes('sesame')))
      await opened.close()
    } finally {
      crowd.abort()
      await pair.stop()
      await config.remove()
    }
  })

  it('survives a restart of the proxy, and another server at its port meanwhile', async () => {
    const pair = await Pair.start(node, { simulate: SLOW, serve: ['--parallel', '1'] })
    const callers = new Callers(pair.proxy.url)
    let other: Server | undefined
    let second: Awaited<ReturnType<typeof startProxy>> | undefined
    try {
      callers.crowd(3, 'before')
      const opened = await OpenPage.open(browser, pair.proxy.url, { expected: ['/queue/events'] })
      await opened.card(MODEL).getByText('Line 2 of').waitFor()
      const { port } = pair.proxy
      await pair.proxy.stop('SIGKILL')
      await opened.connection('Connection to the proxy lost')
      await opened.page.locator('main.stale').waitFor()
      assert.equal(await opened.card(MODEL).getByText('Line 2 of').count(), 1, 'the last figures stay')
      assert.deepEqual(await audit(opened.page), [], 'dimmed, they can still be read')

      // The other server's answer is no event stream. A browser's EventSource would give up.
      let asked = 0
      other = createServer((_request, response) => {
        asked++
        response.writeHead(502).end()
      }).listen(port, '127.0.0.1')
      await until('the page asks the other server', () => asked > 0)
      const closed = once(other, 'close')
      other.close()
      other.closeAllConnections()
      await closed

      second = await startProxy(node, pair.simulator.url, ['--port', String(port)])
      await opened.connection('The proxy was restarted at')
      assert.equal(await opened.page.locator('main.stale').count(), 0)
      await opened.page.getByText('No model was called yet.').waitFor()
      callers.crowd(1, 'after')
      await opened.rows('after-0').waitFor()
      await opened.close()
    } finally {
      await callers.leave()
      other?.close()
      await second?.stop('SIGKILL')
      await pair.stop()
    }
  })
})
