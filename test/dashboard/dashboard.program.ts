import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { node, Pair } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { audit } from './support/audit.ts'
import { launchBrowser, OpenPage } from './support/browser.ts'
import { Callers } from './support/callers.ts'

const MODEL = 'llama3.2'
const SLOW = ['--parallel', '16', '--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000']

describe('the dashboard', () => {
  let browser: Browser
  before(async () => {
    browser = await launchBrowser()
  })
  after(() => browser?.close())

  describe('in front of a proxy on this machine', () => {
    let pair: Pair
    let callers: Callers
    let opened: OpenPage
    before(async () => {
      pair = await Pair.start(node, { simulate: SLOW, serve: ['--parallel', '2', '--max-queue', '6'] })
      callers = new Callers(pair.proxy.url)
      opened = await OpenPage.open(browser, pair.proxy.url)
    })
    after(async () => {
      await opened.close().finally(async () => {
        await callers.leave()
        await pair.stop()
      })
    })

    it('says that no model was called yet', async () => {
      assert.equal(await opened.page.locator('#models-none').textContent(), 'No model was called yet.')
      assert.equal(await opened.page.locator('#calls-none').textContent(), 'No call is running or waiting.')
      assert.equal(await opened.page.locator('[data-figure=reachable]').textContent(), 'answers')
    })

    it('shows a flood: the running and waiting calls, and the number of refused calls', async () => {
      callers.crowd(12, 'flood')
      const card = opened.card(MODEL)
      await card.getByText('Slots 2 of 2').waitFor()
      await card.getByText('Line 6 of 6').waitFor()
      const refused = card.locator('div', { has: opened.page.getByText('Refused', { exact: true }) })
      await refused.last().getByText('4', { exact: true }).waitFor()
      await opened.page.getByText('2 running, 6 waiting').waitFor()
      await opened.rows().nth(7).waitFor()
      assert.deepEqual(await opened.page.locator('#calls-rows td[data-label=Position]').allTextContents(), [
        '–',
        '–',
        '1',
        '2',
        '3',
        '4',
        '5',
        '6',
      ])
    })

    it('starts waiting calls when a limit is raised, without asking for a token', async () => {
      const card = opened.card(MODEL)
      await card.getByLabel('Slots').fill('3')
      await card.getByRole('button', { name: 'Apply' }).click()
      await opened.said('llama3.2 has 3 slots and a line of 6.')
      const stats = await pair.stats(MODEL)
      assert.deepEqual([stats.parallel_limit, stats.active_requests, stats.queued_requests], [3, 3, 5])
      await card.getByText('Slots 3 of 3').waitFor()
      assert.equal(await card.getByLabel('Line').inputValue(), '6')
    })

    it('keeps an edited field while the figures change', async () => {
      const card = opened.card(MODEL)
      await card.getByLabel('Line').fill('9')
      await pair.update({ model: MODEL, queue_limit: 7 })
      await card.getByText('of 7').waitFor()
      assert.equal(await card.getByLabel('Line').inputValue(), '9')
      await card.getByLabel('Line').fill('7')
      await pair.update({ model: MODEL, queue_limit: 8 })
      await card.getByText('of 8').waitFor()
      await opened.page.locator('h1').click()
      await until('the field follows', async () => (await card.getByLabel('Line').inputValue()) === '8')
    })

    it('marks a limit that is too low, and sends nothing', async () => {
      const card = opened.card(MODEL)
      await card.getByLabel('Slots').fill('0')
      await card.getByRole('button', { name: 'Apply' }).click()
      assert.equal(
        await card.getByLabel('Slots').evaluate((input: HTMLInputElement) => input.validity.rangeUnderflow),
        true,
      )
      await card.getByLabel('Slots').fill('3')
      assert.equal((await pair.stats(MODEL)).parallel_limit, 3)
    })

    it('cancels a waiting call after a confirmation', async () => {
      const waiting = callers.call('waits-1')
      await opened.rows('waits-1').getByRole('button').click()
      await opened.page.getByRole('button', { name: 'Keep it' }).click()
      await opened.rows('waits-1').getByRole('button').click()
      assert.match((await opened.page.locator('#cancel-what').textContent()) ?? '', /^Call waits-1 of /)
      await opened.page.getByRole('button', { name: 'Cancel the call' }).click()
      const { status, body } = await waiting
      assert.equal(status, 499)
      assert.equal(JSON.parse(body).code, 'cancelled')
      await opened.rows('waits-1').waitFor({ state: 'detached' })
      await opened.said('Call waits-1 is cancelled; it was waiting.')
    })

    it('cancels a running call with the keyboard alone', async () => {
      const { page } = opened
      await pair.update({ model: MODEL, parallel_limit: 4, queue_limit: 9 })
      await page.locator('h1').click()
      const running = callers.call('keys-1', 'mistral')
      await opened.rows('keys-1').filter({ hasText: 'running' }).waitFor()
      const button = opened.rows('keys-1').getByRole('button')
      for (let presses = 0; ; presses++) {
        if (await button.evaluate((each) => each === document.activeElement)) break
        assert.ok(presses < 100, 'the button is reached with Tab')
        await page.keyboard.press('Tab')
      }
      assert.notEqual(await button.evaluate((each) => getComputedStyle(each).outlineStyle), 'none')
      await page.keyboard.press('Enter')
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      const { status, body } = await running
      assert.equal(status, 200)
      assert.match(body.trim().split('\n').at(-1) ?? '', /^\{"error":/)
      await opened.rows('keys-1').waitFor({ state: 'detached' })
      assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), 'BODY')
    })

    it('pauses and resumes one model, and all', async () => {
      const card = opened.card(MODEL)
      await card.getByRole('button', { name: `Pause ${MODEL}` }).click()
      await opened.said('llama3.2 is paused.')
      assert.equal((await pair.stats(MODEL)).paused, true)
      await card.getByText('paused', { exact: true }).waitFor()
      await card.getByRole('button', { name: `Resume ${MODEL}` }).click()
      await opened.said('llama3.2 is resumed.')
      assert.equal((await pair.stats(MODEL)).paused, false)
      await opened.page.getByRole('button', { name: 'Pause all' }).click()
      await until(
        'both are paused',
        async () => (await pair.stats(MODEL)).paused && (await pair.stats('mistral')).paused,
      )
      await opened.page.getByRole('button', { name: 'Resume all' }).click()
      await until(
        'both are resumed',
        async () => !(await pair.stats(MODEL)).paused && !(await pair.stats('mistral')).paused,
      )
    })

    it('is readable and whole at every width, by day and by night', async () => {
      callers.crowd(6, 'again')
      await opened.rows().nth(5).waitFor()
      for (const colorScheme of ['light', 'dark'] as const) {
        await opened.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        for (const width of [360, 820, 1440]) {
          await opened.page.setViewportSize({ width, height: 900 })
          assert.deepEqual(await audit(opened.page), [], `${colorScheme}, ${width} px`)
        }
      }
      const ground = () => opened.page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      const night = await ground()
      await opened.page.emulateMedia({ colorScheme: 'light' })
      assert.notEqual(await ground(), night)
    })

    it('sends requests to this proxy alone, and no data in an address', () => {
      assert.ok(opened.asked.length > 5)
      for (const url of opened.asked) {
        if (url.startsWith('data:')) continue
        assert.equal(new URL(url).origin, pair.proxy.url)
        assert.equal(new URL(url).search, '')
      }
    })
  })
})
