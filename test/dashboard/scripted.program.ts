import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import { until } from '../support/until.ts'
import { audit } from './support/audit.ts'
import { launchBrowser, OpenPage } from './support/browser.ts'
import { health, NO_ALERTS, NO_HISTORY, ScriptedProxy, stats, waiting } from './support/scripted-proxy.ts'

const STARTED = new Date('2026-03-04T05:06:07Z')
const QUIET = {
  history: NO_HISTORY,
  stats: stats({}),
  requests: waiting([]),
  alerts: NO_ALERTS,
  health: health(STARTED),
}

const numbered = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`)

describe('the dashboard', () => {
  let browser: Browser
  before(async () => {
    browser = await launchBrowser()
  })
  after(() => browser?.close())

  /** Opens the page of a scripted proxy. `first` replaces events of a quiet proxy. */
  async function open(t: TestContext, first: object = {}, expected: readonly string[] = []) {
    let events: Readonly<Record<string, unknown>> = { ...QUIET, ...first }
    const proxy = await ScriptedProxy.start(() => events)
    let opened: OpenPage | undefined
    t.after(async () => {
      try {
        await opened?.close()
      } finally {
        proxy.stop()
      }
    })
    opened = await OpenPage.open(browser, proxy.url, { expected })
    return {
      proxy,
      opened,
      page: opened.page,
      next(change: object) {
        events = { ...events, ...change }
      },
    }
  }

  it('shows names that are markup as text', async (t) => {
    const name = '<img src=x onerror=document.title="owned">'
    const client = '<script>document.title="owned"</script>\u202e'
    const requests = waiting(['<b>id</b>'], { model: name, client })
    const { opened, page } = await open(t, { stats: stats({ [name]: [1, 2] }), requests })
    assert.equal(await page.locator('.card h3 bdi').textContent(), name)
    assert.equal(await page.locator('td[data-label=Client]').textContent(), client)
    await opened.rows().getByRole('button').click()
    assert.match((await page.locator('#cancel-what').textContent()) ?? '', /^Call <b>id<\/b> of <script>/)
    assert.equal(await page.locator('body img, body b img, body script').count(), 0)
    assert.equal(await page.title(), 'ollama-guard-proxy')
  })

  it('shows the slots in force, the reason, and the names that share the slots', async (t) => {
    const evil = '<img src=x onerror=document.title="owned">'
    const names = ['llama2', 'copy-a', 'copy-b', evil, 'copy-c']
    const shared = (name: string, change: object = {}) => ({
      runner: 'sha256-0123456789ab',
      aliases: names.filter((each) => each !== name),
      effective_limit: 3,
      limit_reason: 'measured',
      available_slots: 1,
      ...change,
    })
    const calls = Object.fromEntries(names.map((name) => [name, [0, 0] as const]))
    const one = { effective_limit: 1, available_slots: 0 }
    const cloud = { runner: 'cloud', parallel_limit: null, effective_limit: null, available_slots: null }
    const page = (change: object = {}) =>
      stats(
        { ...calls, llama2: [1, 2], 'copy-a': [1, 1], bert: [1, 0], 'gpt:cloud': [7, 0], auto: [1, 0] },
        {
          ...Object.fromEntries(names.map((name) => [name, shared(name, change)])),
          bert: { ...one, limit_reason: 'embedding' },
          'gpt:cloud': { ...cloud, limit_reason: 'cloud', aliases: ['other:cloud'] },
          auto: { limit_reason: 'memory', available_slots: 1 },
        },
      )
    const { proxy, opened, page: tab } = await open(t, { stats: page() })
    const card = opened.card('llama2')
    await card.getByText('Slots 2 of 3, 1 by other names').waitFor()
    await card.getByText('Line 3 of 40, 1 by other names').waitFor()
    await card.getByText('3 of 4 slots: Ollama runs 3 at once.').waitFor()
    const sharing =
      'Shares its slots with copy-a, copy-b, <img src=x onerror=document.title="owned"> and 1 other name.'
    await card.getByText(sharing).waitFor()
    await card.getByText('Slots, line and pause count for all names of the runner.').waitFor()
    assert.equal(await tab.title(), 'ollama-guard-proxy')
    const widths = (name: string) =>
      opened
        .card(name)
        .locator('.bar')
        .first()
        .evaluate((bar) => Array.from(bar.children, (part) => (part as HTMLElement).style.width))
    assert.deepEqual(await widths('llama2'), ['33.3%', '33.3%'])
    assert.deepEqual(await widths('copy-a'), ['33.3%', '33.3%'])

    await opened
      .card('bert')
      .getByText('1 of 4 slots: Ollama runs an embedding model one call at a time.')
      .waitFor()
    await opened.card('auto').getByText('Slots 3 of 4', { exact: true }).waitFor()
    await opened.card('auto').getByText('4 slots: auto, by the memory of this machine.').waitFor()
    assert.deepEqual(await widths('auto'), ['75%', '0%'], 'one call with three inputs has three slots')

    const remote = opened.card('gpt:cloud')
    await remote.getByText('Slots 7, no limit').waitFor()
    await remote.getByText('Runs in the cloud, no limit.').waitFor()
    await remote.getByText('Slots, line and pause count for all cloud models together.').waitFor()
    assert.equal(await remote.getByText('Shares its slots').count(), 0)
    assert.equal(await remote.locator('.bar').first().isVisible(), false)
    assert.equal(await remote.getByLabel('Slots').inputValue(), '')
    await remote.getByRole('button', { name: 'Apply' }).click()
    await opened.said('gpt:cloud has these limits already.')

    await tab.getByText('3 idle models').click()
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const width of [360, 820, 1440]) {
        await tab.setViewportSize({ width, height: 900 })
        assert.deepEqual(await audit(tab), [], `${colorScheme}, ${width} px`)
      }
    }

    // The limit of the cloud is set, and llama2 has its runner for itself again.
    const own = { aliases: [], effective_limit: 4, limit_reason: 'configured', available_slots: 3 }
    proxy.send(
      'stats',
      stats(
        { llama2: [1, 0], 'gpt:cloud': [7, 0] },
        {
          llama2: own,
          'gpt:cloud': {
            runner: 'cloud',
            aliases: ['*:cloud'],
            parallel_limit: 2,
            effective_limit: 2,
            available_slots: 0,
          },
        },
      ),
    )
    await remote.getByText('Runs in the cloud, 2 slots.').waitFor()
    await remote.getByText('Slots 7 of 2').waitFor()
    assert.equal(await remote.getByText('Shares its slots').isVisible(), false)
    assert.deepEqual(await widths('gpt:cloud'), ['100%', '0%'])
    assert.equal(await remote.getByLabel('Slots').inputValue(), '2')
    await card.getByText('Slots 1 of 4', { exact: true }).waitFor()
    assert.equal(await card.locator('.note:visible').count(), 0)
  })

  it('shows the busy models of 200 and folds the idle models away', async (t) => {
    const idle = Object.fromEntries(numbered(195, 'idle').map((model) => [model, [0, 0] as const]))
    const busy = Object.fromEntries(numbered(5, 'busy').map((model) => [model, [1, 0] as const]))
    const { proxy, opened, page } = await open(t, { stats: stats({ ...idle, ...busy }) })
    await page.getByText('195 idle models').waitFor()
    assert.equal(await page.locator('.card').count(), 5)
    await page.getByText('195 idle models').click()
    await page.locator('.card').nth(199).waitFor()
    const { 'idle-7': _, ...others } = idle
    proxy.send('stats', stats({ ...others, ...busy, 'idle-9': [2, 0] }))
    await page.getByText('193 idle models').waitFor()
    assert.equal(await page.locator('#models-busy').locator(opened.card('idle-9')).count(), 1)
    assert.equal(await page.locator('.card').count(), 199)
  })

  it('keeps the rows of 500 calls in order, and the focus on its row', async (t) => {
    const ids = numbered(500, 'call')
    const { proxy, opened, page } = await open(t, { requests: waiting(ids) })
    await page.getByRole('button', { name: 'Show all 500' }).click()
    await opened.rows().nth(499).waitFor()
    const button = opened.rows('call-250').getByRole('button')
    await button.focus()
    await page.evaluate(() => {
      for (const row of document.querySelectorAll('#calls-rows tr')) row.setAttribute('data-seen', '')
    })
    const turned = [...ids.slice(300), ...ids.slice(3, 300).reverse(), 'newcomer']
    proxy.send('requests', waiting(turned))
    await opened.rows('newcomer').waitFor()
    const order = await page.locator('#calls-rows td[data-label=Id]').allTextContents()
    assert.deepEqual(order, turned)
    assert.equal(await page.locator('#calls-rows tr[data-seen]').count(), 497, 'rows are kept')
    assert.ok(await button.evaluate((each) => each === document.activeElement))

    proxy.send('requests', waiting(['call-1', 'call-2', 'newcomer']))
    await opened.rows().nth(3).waitFor({ state: 'detached' })
    const focused = page.locator('#calls-rows tr button:focus')
    assert.equal(await focused.getAttribute('aria-label'), 'Cancel call newcomer', 'the row that came up')
    proxy.send('requests', waiting([]))
    await page.getByText('No call is running or waiting.').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'calls')
  })

  it('tells for each waiting call what the call waits for, at every width', async (t) => {
    const words = ['slot', 'turn', 'load', 'paused', 'stuck', 'budget', 'a-later-word', null]
    const [first] = (waiting(['call']) as { requests: object[] }).requests
    const requests = words.map((waiting_for, at) => ({ ...first, id: `call-${at}`, waiting_for }))
    const { page, opened } = await open(t, { requests: { total: requests.length, requests } })
    await opened.rows().nth(7).waitFor()
    assert.deepEqual(await page.locator('td[data-label="Waits for"]').allTextContents(), [
      ...['a slot', 'its turn', 'the load', 'the end of the pause', 'Ollama, which is stuck'],
      ...['max_switching', 'a-later-word', '–'],
    ])
    for (const width of [360, 820, 1440]) {
      await page.setViewportSize({ width, height: 900 })
      assert.deepEqual(await audit(page), [], `${width} px`)
    }
  })

  it('shows the caller and the user of a call, as text, and only where there are any', async (t) => {
    const evil = '<img src=x onerror=document.title="owned">\u202e'
    const [plain] = (waiting(['plain']) as { requests: object[] }).requests
    const byAddress = { ...plain, caller: '10.0.0.7', user: null, class: 'normal' }
    const requests = (...calls: readonly object[]) => ({ total: calls.length, requests: calls })
    const { proxy, opened, page } = await open(t, {
      requests: requests({ ...plain, id: 'older' }, byAddress),
    })
    await opened.rows('plain').waitFor()
    const columns = async () => (await page.locator('#calls-head th:visible').allTextContents()).slice(2, 6)
    assert.deepEqual(await columns(), ['Model', 'Client', 'Waits for', 'Waited'])

    const alice = { ...byAddress, id: 'hers', caller: 'alice' }
    proxy.send('requests', requests(byAddress, alice))
    await opened.rows('hers').waitFor()
    assert.deepEqual(await columns(), ['Model', 'Caller', 'Client', 'Waits for'])

    proxy.send('requests', requests({ ...byAddress, id: 'night', class: 'batch' }, alice))
    await opened.rows('night').waitFor()
    assert.deepEqual(await columns(), ['Model', 'Caller', 'Class', 'Client'])
    const classes = page.locator('#calls-rows td[data-label=Class]')
    assert.deepEqual(await classes.allTextContents(), ['batch', 'normal'])

    proxy.send('requests', requests(byAddress, alice, { ...alice, id: 'his', caller: 'portal', user: evil }))
    await opened.rows('his').waitFor()
    assert.deepEqual(await columns(), ['Model', 'Caller', 'User', 'Client'])
    const cells = (label: string) => page.locator(`#calls-rows td[data-label=${label}]`).allTextContents()
    assert.deepEqual(await cells('Caller'), ['10.0.0.7', 'alice', 'portal'])
    assert.deepEqual(await cells('User'), ['–', '–', evil])
    await opened.rows('his').getByRole('button').click()
    const what = (await page.locator('#cancel-what').textContent()) ?? ''
    assert.ok(what.startsWith(`Call his of portal, user ${evil} at 10.0.0.7 for llama2, waiting for `), what)
    assert.equal(await page.locator('#cancel-what bdi', { hasText: 'onerror' }).count(), 1)
    await page.keyboard.press('Escape')
    assert.equal(await page.locator('body img').count(), 0)
    const long = {
      ...{ id: 'b6c1a7e2-3c1f-4b8e-9a43-1b2f4a0e7d11', model: 'qwen3:30b-a3b-instruct-2507-q4_K_M' },
      ...{ user: 'maria.lopez@example.org', client: '2001:db8:85a3:8d3:1319:8a2e:370:7348' },
    }
    proxy.send('requests', requests({ ...alice, id: 'his', user: evil }, { ...alice, ...long }))
    await opened.rows('maria').waitFor()
    for (const width of [360, 820, 1024, 1280]) {
      await page.setViewportSize({ width, height: 900 })
      assert.deepEqual(await audit(page), [], `${width} px`)
    }
    assert.equal(await page.title(), 'ollama-guard-proxy')
  })

  it('shows what to do about an alert, and announces alerts that come and go', async (t) => {
    const alert = {
      id: 'rejection_rate:llama2',
      metric: 'rejection_rate',
      model: 'llama2',
      level: 'warning',
      since: STARTED.toISOString(),
      message: 'llama2 refuses 3.2 % of its calls (warning from 1 %)',
      action: 'Raise parallel_limit (now 4): POST /admin/queue/update {"model":"llama2","parallel_limit":5}',
    }
    const { proxy, page } = await open(t, {
      stats: stats({ llama2: [4, 31], mistral: [0, 2], idle: [0, 0] }),
      requests: waiting(numbered(60, 'call')),
      alerts: { ...NO_ALERTS, alerts: [alert] },
    })
    const alarm = page.locator('#alarm')
    await page.locator('#alerts').getByText(alert.message).waitFor()
    await page.locator('#alerts').getByText(alert.action).waitFor()
    assert.equal(await alarm.textContent(), `warning: ${alert.message} `)
    assert.equal(await page.title(), '(1) ollama-guard-proxy')

    const message = 'llama2 refuses 4.1 % of its calls (warning from 1 %)'
    proxy.send('alerts', { ...NO_ALERTS, alerts: [{ ...alert, message }] })
    await page.locator('#alerts').getByText(message).waitFor()
    assert.doesNotMatch((await alarm.textContent()) ?? '', /4\.1/, 'a change of a figure is not announced')
    proxy.send('alerts', { ...NO_ALERTS, alerts: [{ ...alert, message, level: 'critical' }] })
    await alarm.getByText('critical: llama2 refuses 4.1 %').waitFor()

    await page.getByText('1 idle model').click()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const width of [360, 820, 1440]) {
        await page.setViewportSize({ width, height: 900 })
        assert.deepEqual(await audit(page), [], `${colorScheme}, ${width} px`)
      }
      await page.getByRole('button', { name: 'Cancel call call-3', exact: true }).click()
      assert.deepEqual(await audit(page), [], `${colorScheme}, with a question`)
      await page.keyboard.press('Escape')
    }

    proxy.send('alerts', NO_ALERTS)
    await page.getByText('No alerts in the last 60 s.').waitFor()
    await alarm.getByText('Alert over: llama2 refuses').waitFor()
    assert.equal(await page.title(), 'ollama-guard-proxy')
  })

  it('draws samples, and says where there are none', async (t) => {
    const at = (seconds: number) => new Date(STARTED.getTime() + seconds * 1_000).toISOString()
    const sample = (seconds: number, wait: number | null) => ({
      at: at(seconds),
      memory_percent: 42,
      models: {
        llama2: {
          active: 2,
          queued: 5,
          arrived: 1,
          done: 1,
          refused: 0,
          tokens_out: 9,
          wait_ms: wait === null ? null : { p50: wait, p95: wait * 2 },
          processing_ms: null,
        },
      },
    })
    const samples = [sample(0, 120), sample(5, null), sample(10, 150), sample(15, 180)]
    const { proxy, opened, page } = await open(t, {
      stats: stats({ llama2: [2, 5] }),
      history: { ...NO_HISTORY, samples },
    })
    const plot = (name: string) =>
      opened
        .card('llama2')
        .locator('figure')
        .filter({ hasText: new RegExp(`^${name}`) })
    const title = 'Wait of llama2 over the last 5 min: last p50 180 ms, p95 360 ms; highest 360 ms'
    await page.getByRole('img', { name: title }).waitFor()
    assert.equal(await plot('Wait').locator('.top').textContent(), '500 ms')
    const path = () => plot('Wait').locator('path').first().getAttribute('d')
    assert.equal(await path(), 'M285.0 76.0h.01M295.0 70.0h.01L300.0 64.0', 'a gap where nothing is known')
    await plot('Processing').getByText('no call ended').waitFor()

    proxy.send('sample', sample(20, 1_700))
    proxy.send('sample', sample(20, 1_700))
    await plot('Wait').locator('.key').first().getByText('1.7 s').waitFor()
    assert.equal((await path())?.match(/[ML]/g)?.length, 4, 'a sample that comes twice is drawn once')
    assert.equal(await plot('Wait').locator('.top').textContent(), '5.0 s')
  })

  it('says that the proxy drains, until another process is there', async (t) => {
    const { proxy, opened, next } = await open(t, {}, ['/queue/events'])
    proxy.send('health', health(STARTED, 'draining'))
    await opened.connection('The proxy is shutting down.')
    next({ health: health(STARTED, 'draining') })
    proxy.hangUp()
    await until('the page connects to the draining proxy again', () => proxy.listeners === 2)
    await opened.connection('The proxy is shutting down.')
    next({ health: health(new Date()) })
    proxy.hangUp()
    await opened.connection('Live. The proxy was restarted at')
  })

  it('opens another connection after 20 s without an event', async (t) => {
    const { proxy, opened, page } = await open(t)
    await page.clock.install()
    proxy.send('health', health(STARTED))
    proxy.send('stats', stats({ llama2: [1, 0] }))
    await opened.card('llama2').waitFor()
    await page.clock.fastForward(19_000)
    assert.equal(proxy.listeners, 1)
    await page.clock.fastForward(2_000)
    await until('there is another connection', () => proxy.listeners === 2)
    await opened.connection('Live')
  })
})
