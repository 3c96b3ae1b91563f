import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page, Request } from 'playwright-core'
import { ConfigFile } from '../conformance/config-file.ts'
import { node, Pair } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { audit } from './support/audit.ts'
import { launchBrowser, OpenPage } from './support/browser.ts'

/** A page that comes through another proxy is not at the machine of this proxy, so a key is needed. */
const FROM_ELSEWHERE = { 'X-Forwarded-For': '192.0.2.7' }
const NEEDED = 'This server needs a key'
const PORTAL = 'sk-viewer-0123456789'
const TALKER = 'sk-talker-0123456789'
const TOKEN = 'open-sesame-1234'

const hash = (secret: string) => `"sha256:${createHash('sha256').update(secret).digest('hex')}"`
const KEYS = `auth: enforce
keys:
  portal: { hash: ${hash(PORTAL)}, may: [view] }
  talker: { hash: ${hash(TALKER)}, may: [infer] }
`

/** What the browser keeps of the page, outside the memory of the page. */
const kept = (page: Page) =>
  page.evaluate(() => ({
    tab: Object.values(sessionStorage),
    browser: Object.values(localStorage),
    cookies: document.cookie,
  }))

describe('the sign-in of the dashboard', () => {
  let browser: Browser
  before(async () => {
    browser = await launchBrowser()
  })
  after(() => browser?.close())

  /** Opens the page of a proxy with keys, from elsewhere. `asked`: the requests for events and changes. */
  async function withProxy(
    text: string,
    use: (parts: { pair: Pair; opened: OpenPage; page: Page; asked: Request[] }) => Promise<void>,
  ) {
    const config = await ConfigFile.write(text)
    const pair = await Pair.start(node, { simulate: [], serve: ['--config', config.path] })
    try {
      const opened = await OpenPage.open(browser, pair.proxy.url, {
        expected: ['/queue/events', '/admin/queue/pause'],
        says: 'The proxy shows its figures to keys that may view.',
        extraHTTPHeaders: FROM_ELSEWHERE,
      })
      const asked: Request[] = []
      opened.page.on('request', (request) => {
        if (/\/(?:queue|admin)\//.test(request.url())) asked.push(request)
      })
      await use({ pair, opened, page: opened.page, asked })
      for (const url of opened.asked) assert.doesNotMatch(url, /sesame|0123456789/)
      await opened.close()
    } finally {
      await pair.stop()
      await config.remove()
    }
  }

  /** Enters a key with the keyboard alone: the field has the focus. */
  async function enter(page: Page, key: string) {
    await page.locator('#key:focus').waitFor()
    await page.keyboard.type(key)
    await page.keyboard.press('Enter')
  }
  const says = (page: Page, text: string | RegExp) =>
    page.locator('#sign-in-why').filter({ hasText: text }).waitFor()

  it('asks for a key, says why a key is refused, and shows the figures with a right one', async () => {
    await withProxy(KEYS, async ({ opened, page, asked }) => {
      await says(page, NEEDED)
      for (const part of ['#figures', 'nav', '#pause-all', '#forget-key'])
        assert.equal(await page.locator(part).isVisible(), false, part)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        for (const width of [360, 820, 1280]) {
          await page.setViewportSize({ width, height: 900 })
          assert.deepEqual(await audit(page), [], `${colorScheme}, ${width} px`)
        }
      }
      await enter(page, 'sk-wrong')
      await says(page, `The proxy does not accept this key. ${NEEDED}`)
      await enter(page, 'falsch–ä')
      await says(page, `The proxy does not accept this key. ${NEEDED}`)
      await enter(page, TALKER)
      await says(page, /^Your key does not allow this/)
      assert.deepEqual(await kept(page), { tab: [], browser: [], cookies: '' }, 'a refused key is not kept')

      await enter(page, PORTAL)
      await opened.connection('Live')
      await page.getByText('No model was called yet.').waitFor()
      assert.equal(await page.locator('#sign-in').isVisible(), false)
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'figures')
      assert.deepEqual(await kept(page), { tab: [PORTAL], browser: [], cookies: '' })
      const sent = await Promise.all(asked.map((request) => request.headerValue('authorization')))
      assert.equal(sent.at(-1), `Bearer ${PORTAL}`)
    })
  })

  it('keeps the key in the tab over a reload, and forgets it on demand', async () => {
    await withProxy(KEYS, async ({ opened, page }) => {
      await enter(page, PORTAL)
      await opened.connection('Live')
      await page.reload()
      await opened.connection('Live')
      const another = await page.context().newPage()
      await another.goto(page.url())
      await says(another, NEEDED)
      await another.close()

      await page.getByRole('button', { name: 'Forget the key' }).click()
      await says(page, NEEDED)
      assert.deepEqual((await kept(page)).tab, [])
      assert.equal(await page.locator('.card').count(), 0, 'no figure stays')
      await page.reload()
      await says(page, NEEDED)
    })
  })

  it('does not ask the proxy again before the user has entered a key', async () => {
    await withProxy(KEYS, async ({ page, asked }) => {
      await says(page, NEEDED)
      await page.clock.install()
      await enter(page, 'sk-wrong')
      await says(page, 'does not accept')
      assert.equal(asked.length, 1)
      await page.clock.fastForward(120_000)
      await enter(page, 'sk-wrong')
      await until('the proxy is asked once more', () => asked.length > 1)
      assert.equal(asked.length, 2)
    })
  })

  it('takes the admin token as well, and asks for the token when a key may only view', async () => {
    await withProxy(`${KEYS}admin_token: ${TOKEN}\n`, async ({ pair, opened, page, asked }) => {
      await enter(page, PORTAL)
      await opened.connection('Live')
      const give = async (token: string) => {
        await page.getByLabel('Token', { exact: true }).fill(token)
        await page.keyboard.press('Enter')
      }
      const pause = page.getByRole('button', { name: 'Pause all' })
      await pause.click()
      await page.getByText('needs the admin token').waitFor()
      await give('wrong')
      await page.locator('#token-why').filter({ hasText: 'Wrong token' }).waitFor()
      await page.keyboard.press('Escape')
      await opened.said('Nothing was changed.')
      assert.deepEqual((await kept(page)).tab, [PORTAL], 'a wrong token does not take the place of the key')

      await pause.click()
      await give(TOKEN)
      await opened.said('All models are paused')
      assert.deepEqual((await kept(page)).tab, [TOKEN])
      await page.getByRole('button', { name: 'Resume all' }).click()
      await opened.said('All models are resumed')

      await page.getByRole('button', { name: 'Forget the key' }).click()
      await enter(page, TOKEN)
      await opened.connection('Live')
      assert.equal(await asked.at(-1)?.headerValue('authorization'), `Bearer ${TOKEN}`)

      // The connection breaks, and the page comes back with the token and without a question.
      const before = asked.length
      await pair.proxy.stop('SIGKILL')
      await opened.connection('Connection to the proxy lost')
      await until('the page asks again', () => asked.length > before)
      assert.equal(await asked.at(-1)?.headerValue('authorization'), `Bearer ${TOKEN}`)
      assert.deepEqual((await kept(page)).tab, [TOKEN])
      assert.equal(await page.locator('#sign-in').isVisible(), false)
    })
  })

  it('tells the holder of a key that nobody elsewhere can change the proxy', async () => {
    await withProxy(KEYS, async ({ opened, page }) => {
      await enter(page, PORTAL)
      await opened.connection('Live')
      await page.getByRole('button', { name: 'Pause all' }).click()
      await opened.said('The proxy has no admin token')
      assert.deepEqual((await kept(page)).tab, [PORTAL])
    })
  })
})
