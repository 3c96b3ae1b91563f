import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import { audit } from './support/audit.ts'
import { launchBrowser, OpenPage } from './support/browser.ts'
import { health, NO_ALERTS, NO_HISTORY, ScriptedProxy, stats, waiting } from './support/scripted-proxy.ts'

const EVIL = '<img src=x onerror=document.title="owned">\u202e'
const UNUSED = { today: 0, month: 0, day_budget: null, month_budget: null }

/** An entry of `callers` in /queue/stats: a key without limits and without calls. */
const aCaller = (caller: string, change: object = {}) => ({
  caller,
  key: true,
  active: 0,
  queued: 0,
  parallel_limit: null,
  queue_limit: null,
  slot_seconds: UNUSED,
  tokens: UNUSED,
  ...change,
})
const anAddress = (address: string, change: object = {}) => aCaller(address, { key: false, ...change })

/** A page of /queue/stats with these callers. */
const withCallers = (callers: readonly object[], mode = 'enforce', refused: object = {}) => ({
  ...stats({ llama2: [1, 0] }),
  callers,
  auth: { mode, refused },
})

describe('the callers on the dashboard', () => {
  let browser: Browser
  before(async () => {
    browser = await launchBrowser()
  })
  after(() => browser?.close())

  async function open(t: TestContext, page: object) {
    const first = {
      history: NO_HISTORY,
      stats: page,
      requests: waiting([]),
      alerts: NO_ALERTS,
      health: health(new Date('2026-03-04T05:06:07Z')),
    }
    const proxy = await ScriptedProxy.start(() => first)
    let opened: OpenPage | undefined
    t.after(async () => {
      try {
        await opened?.close()
      } finally {
        proxy.stop()
      }
    })
    opened = await OpenPage.open(browser, proxy.url)
    const tab = opened.page
    await opened.card('llama2').waitFor()
    /** The rows as the texts of their cells, as they show. Paragraphs have an empty line between them. */
    const rows = async () => {
      const found = await tab.locator('#callers-rows tr').all()
      return Promise.all(
        found.map((row) =>
          row
            .locator('td')
            .evaluateAll((cells) => cells.map((cell) => (cell as HTMLElement).innerText.trim())),
        ),
      )
    }
    const names = () => tab.locator('#callers-rows td[data-label=Caller]').allTextContents()
    /** Shows another page of /queue/stats, and waits until it is there. */
    const show = async (next: object) => {
      proxy.send('stats', { ...next, default_queue_limit: ++shown })
      await tab.getByText(`line of ${shown}`).waitFor()
    }
    let shown = 100
    return { proxy, tab, rows, names, show }
  }

  it('are rows with their calls, their limits and their use, at every width, by day and by night', async (t) => {
    const page = withCallers([
      aCaller('nightly', {
        share: 0.846,
        queued: 12,
        parallel_limit: 1,
        queue_limit: 50,
        slot_seconds: { today: 7_200.4, month: 9_000, day_budget: 7_200, month_budget: null },
        tokens: { today: 10, month: 500_000, day_budget: null, month_budget: 2_000_000 },
      }),
      aCaller('alice', {
        share: 0,
        active: 1,
        parallel_limit: 4,
        slot_seconds: { today: 12.34, month: 45.6, day_budget: 60, month_budget: 100 },
        tokens: { ...UNUSED, today: 1_234 },
      }),
      aCaller(EVIL),
      anAddress('10.0.0.7', { active: 3 }),
    ])
    const { tab, rows } = await open(t, page)
    assert.deepEqual(await rows(), [
      [
        'nightly',
        '85 %',
        '0 of 1',
        '12 of 50',
        '7,200 of 7,200 today, used up',
        '10 today\n\n500K of 2M this month',
      ],
      ['alice', '0 %', '1 of 4', '0', '12 of 60 today\n\n46 of 100 this month', '1,234 today'],
      [EVIL, '–', '0', '0', '0 today', '0 today'],
    ])
    const bars = await tab
      .locator('#callers .bar:visible > span')
      .evaluateAll((parts) => parts.map((part) => (part as HTMLElement).style.width))
    assert.deepEqual(bars, ['84.6%', '100%', '25%', '0%', '20.6%', '45.6%'])
    assert.equal(await tab.locator('body img').count(), 0)
    assert.equal(await tab.title(), 'ollama-guard-proxy')
    await tab.getByRole('table', { name: 'Callers' }).getByRole('columnheader', { name: 'Tokens' }).waitFor()
    await tab.getByRole('link', { name: 'Callers' }).waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const width of [360, 560, 820, 1024, 1280]) {
        await tab.setViewportSize({ width, height: 900 })
        assert.deepEqual(await audit(tab), [], `${colorScheme}, ${width} px`)
      }
    }
  })

  it('are hidden where nobody has a key, except several addresses of a proxy without keys', async (t) => {
    const { tab, names, show } = await open(t, stats({ llama2: [1, 0] }))
    const isShown = () => tab.locator('#callers').isVisible()
    assert.equal(await isShown(), false, 'an older proxy tells nothing of callers')
    assert.equal(await tab.getByRole('link', { name: 'Callers' }).isVisible(), false)
    await show(withCallers([anAddress('10.0.0.7')], 'off'))
    assert.equal(await isShown(), false)
    await show(withCallers([anAddress('10.0.0.7'), anAddress('10.0.0.8', { active: 1 })], 'off'))
    assert.deepEqual(await names(), ['10.0.0.8', '10.0.0.7'])
    await show(withCallers([anAddress('10.0.0.7'), anAddress('10.0.0.8')], 'enforce'))
    assert.equal(await isShown(), false)
    await show(withCallers([anAddress('10.0.0.7'), anAddress('10.0.0.8'), aCaller('alice')], 'observe'))
    assert.deepEqual(await names(), ['alice'])
    const sharing = [anAddress('10.0.0.7', { share: 0.2 }), anAddress('10.0.0.8'), aCaller('alice')]
    await show(withCallers(sharing, 'observe'))
    assert.deepEqual((await names()).sort(), ['10.0.0.7', 'alice'])
    await show(stats({ llama2: [1, 0] }))
    assert.equal(await isShown(), false)
  })

  it('come with how the slots are shared, and with the classes where there are several', async (t) => {
    const waits = { p50: 7_800, p95: 9_300, p99: 9_400 }
    const none = { active: 0, queued: 0, share: 0, wait_time_ms: { p50: 0, p95: 0, p99: 0 } }
    const fair = (batch: object, change: object = {}) => ({
      ...withCallers([aCaller('alice')]),
      ...{ fairness: 'on', reserve: 1, jain: 0.9, ...change },
      classes: {
        interactive: { ...none, weight: 8 },
        normal: { ...none, weight: 3, active: 1, queued: 2, share: 0.25, wait_time_ms: waits },
        batch: { ...none, weight: 1, ...batch },
      },
    })
    const { tab, show } = await open(t, fair({ share: 0.75 }))
    const cells = () =>
      tab
        .locator('#classes-rows tr')
        .evaluateAll((rows) =>
          rows.map((row) => [...row.children].map((cell) => (cell as HTMLElement).innerText.trim())),
        )
    assert.deepEqual(await cells(), [
      ['interactive', '0 %', '8', '0', '0', '0 ms', '0 ms'],
      ['normal', '25 %', '3', '1', '2', '7.8 s', '9.3 s'],
      ['batch', '75 %', '1', '0', '0', '0 ms', '0 ms'],
    ])
    await tab.getByRole('table', { name: 'Classes' }).getByRole('columnheader', { name: 'Weight' }).waitFor()
    assert.equal(
      await tab.locator('#callers-fairness').textContent(),
      "Callers that wait share the slots by weight. Jain's index of the last five minutes: 0.9 (1: all had the same for their weight). Calls of the class batch never take the last slot of a model.",
    )
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const width of [360, 820, 1280]) {
        await tab.setViewportSize({ width, height: 900 })
        assert.deepEqual(await audit(tab), [], `${colorScheme}, ${width} px`)
      }
    }
    await show(fair({}))
    assert.equal(await tab.locator('#classes-table').isVisible(), false, 'all calls are of one class')
    await show(fair({ queued: 1 }, { fairness: 'off' }))
    assert.equal(await tab.locator('#classes-table').isVisible(), true)
    await tab.getByText('Fair shares are off: calls go in the order of their arrival.').waitFor()
  })

  it('come with how many requests would have been refused while keys are observed', async (t) => {
    const { tab, show } = await open(t, withCallers([], 'observe'))
    const line = tab.locator('#callers-observed')
    await line.getByText('So far no request would have been refused.').waitFor()
    assert.equal(await tab.locator('#callers-table').isVisible(), false)
    await show(
      withCallers([], 'observe', { no_key: 3, model_not_allowed: 1_200, route_not_allowed: 5, later: 1 }),
    )
    assert.equal(
      await line.textContent(),
      'Keys are only observed. Since the start, 1,204 requests would have been refused: 1,200 for a model that the key does not allow, 3 without a key, 1 later.',
    )
    for (const width of [360, 1280]) {
      await tab.setViewportSize({ width, height: 900 })
      assert.deepEqual(await audit(tab), [], `${width} px`)
    }
    await show(withCallers([aCaller('alice')], 'enforce', { no_key: 3 }))
    assert.equal(await line.isVisible(), false)
  })

  it('are 25 of many until the others are asked for', async (t) => {
    const many = Array.from({ length: 300 }, (_, index) => aCaller(`key-${String(index).padStart(3, '0')}`))
    const busy = aCaller('key-299', { active: 1 })
    const { tab, names, show } = await open(t, withCallers([...many.slice(0, 299), busy]))
    assert.equal((await names()).length, 25)
    assert.deepEqual((await names()).slice(0, 2), ['key-299', 'key-000'])
    await tab.getByRole('button', { name: 'Show all 300' }).click()
    assert.equal((await names()).length, 300)
    await tab.evaluate(() => {
      for (const row of document.querySelectorAll('#callers-rows tr')) row.setAttribute('data-seen', '')
    })
    await show(withCallers(many.slice(10)))
    assert.equal((await names()).length, 290)
    assert.equal(await tab.locator('#callers-rows tr[data-seen]').count(), 290, 'rows are kept')
    await tab.getByRole('button', { name: 'Show the first 25 only' }).click()
    assert.equal((await names()).length, 25)
  })
})
