import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import type { RunnerTurn } from '../../src/admission/turns/contract.ts'
import { Moments } from '../../src/telemetry/moments.ts'
import { turnsNow } from '../../src/telemetry/turn-figures.ts'
import { TurnHistory } from '../../src/telemetry/turn-history.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { aLeave, aLoad, aRunner, aView } from '../telemetry/support/turns.ts'
import { audit } from './support/audit.ts'
import { launchBrowser, OpenPage } from './support/browser.ts'
import { health, NO_ALERTS, NO_TURNS, ScriptedProxy, stats, waiting } from './support/scripted-proxy.ts'

const MINUTE = 60_000
/** The clock of this proxy is far behind that of the browser. */
const NOW = Date.UTC(2026, 2, 4, 12)

describe('the turns on the dashboard', () => {
  let browser: Browser
  before(async () => {
    browser = await launchBrowser()
  })
  after(() => browser?.close())

  /** A proxy in which an hour has passed, with a history to fill. */
  function aProxy() {
    const clock = new ManualClock(NOW - 60 * MINUTE)
    const history = new TurnHistory(clock)
    const moments = new Moments(clock)
    clock.advance(60 * MINUTE)
    const sample = () => ({ at: moments.of(clock.now()), models: {}, memory_percent: null })
    const runners = (models: object, view: Parameters<typeof turnsNow>[0]['turns']) => ({
      ...models,
      turns: turnsNow({ turns: view, history, moments }, clock.now()),
    })
    /** Minutes from now, below 0, as clock time. */
    const at = (minutes: number) => clock.now() + minutes * MINUTE
    return { clock, history, sample, runners, at }
  }

  async function open(t: TestContext, events: object) {
    const old = { ...health(new Date(NOW)), timestamp: new Date(NOW - 1e9).toISOString() }
    const first = { requests: waiting([]), alerts: NO_ALERTS, health: old, ...events }
    const proxy = await ScriptedProxy.start(() => first)
    let opened: OpenPage | undefined
    t.after(async () => {
      try {
        await opened?.close()
      } finally {
        proxy.stop()
      }
    })
    opened = await OpenPage.open(browser, proxy.url, { timezoneId: 'UTC', locale: 'en-GB' })
    const { page } = opened
    /** Each lane: its name, and each block with its state, its left edge and its width, in minutes, to three seconds. */
    const lanes = async () => {
      const shown = []
      for (const lane of await page.locator('.lane').all()) {
        const blocks = await lane.locator('.block').evaluateAll((all) =>
          all.map((each) => {
            const { left, width } = (each as HTMLElement).style
            const minutes = (percent: string) => Math.round(Number.parseFloat(percent) * 3) / 20
            return `${(each as HTMLElement).dataset.state} ${minutes(left)}+${minutes(width)}`
          }),
        )
        shown.push([await lane.locator('bdi').textContent(), ...blocks])
      }
      return shown
    }
    return { proxy, page, opened, lanes }
  }

  it('are lanes with who had the machine, who loads and who leaves', async (t) => {
    const { history, sample, runners, at } = aProxy()
    history.loaded(aLoad('old', at(-30), { reason: 'first', loadMs: 100, drainMs: 0 }))
    history.left(aLeave('old', at(-14)))
    history.loaded(aLoad('a', at(-13), { loadMs: 0.5 * MINUTE, drainMs: 0 }))
    const toB = { from: [aRunner('a')], reason: 'aged', drainMs: 0.5 * MINUTE, loadMs: MINUTE } as const
    history.loaded(aLoad('b', at(-8), { ...toB, failed: true }))
    history.left(aLeave('a', at(-9)))
    history.loaded(aLoad('b', at(-6), { ...toB, from: [] }))
    const view = aView(
      [
        { ...aRunner('b'), state: 'leaving', since: at(-1) },
        { ...aRunner('c'), state: 'loading', since: at(-0.75) },
        { ...aRunner('d'), state: 'loaded', since: at(-20) },
      ],
      {
        next: () => ({ ...aRunner('a'), waitedMs: 90_000 }),
        together: () => [['sha256-b', 'sha256-d']],
        apart: () => [['sha256-a', 'sha256-b']],
      },
    )
    const names = { a: [0, 3], b: [1, 0] } as const
    const models = stats(names, { a: { runner: 'sha256-a', aliases: ['alias'] } })
    const { page, lanes } = await open(t, {
      history: { interval_seconds: 5, samples: [sample()], turns: history.list() },
      stats: runners(models, view),
    })
    await page.getByText('Next: a, whose first call has waited since 11:58:30.').waitFor()
    assert.deepEqual(await lanes(), [
      ['b', 'failed 6+1', 'loaded 9+6', 'loading 8+1', 'leaving 14+1'],
      ['a', 'loaded 2+4', 'loading 1.5+0.5', 'leaving 5.5+0.5'],
      ['old', 'loaded 0+1'],
      ['c', 'loading 14.25+0.75'],
      ['d', 'loaded 0+15'],
    ])
    const now = 'b: leaving since 11:59:00; c: loading since 11:59:15; d: loaded since 11:40:00.'
    assert.match((await page.locator('#turns-now').textContent()) ?? '', new RegExp(`^${now}`))
    await page
      .getByRole('img', {
        name: 'b in the last 15 min: 1 turn, 6 min in memory (1 min of them leaving), 1 min loading, 1 failed load',
      })
      .waitFor()
    const sets = 'Seen in memory together: b + d. Do not fit together: a and 1 other name + b.'
    await page.getByText(sets).waitFor()
    await page.getByText('Loads since the start: 4 (first 1, idle 1, aged 2).').waitFor()
    await page.getByText('The last turns').click()
    assert.deepEqual(await page.locator('#turns-rows li').allTextContents(), [
      '11:54:00: b was loaded in 1 min. Why: aged.',
      '11:52:00: b was not loaded: Ollama failed, or the client left, after 1 min. Why: aged. In place of a, after 30 s of drain.',
      '11:47:00: a was loaded in 30 s. Why: idle. Left at 11:51:00: evicted.',
      '11:30:00: old was loaded in 100 ms. Why: first. Left at 11:46:00: evicted.',
    ])
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const width of [360, 820, 1440]) {
        await page.setViewportSize({ width, height: 900 })
        assert.deepEqual(await audit(page), [], `${colorScheme}, ${width} px`)
      }
    }
  })

  it('follow the events, and a turn that ends keeps its block', async (t) => {
    const { clock, history, sample, runners, at } = aProxy()
    const show = (...states: readonly RunnerTurn[]) => runners(stats({}), aView(states))
    history.loaded(aLoad('a', at(-5), { reason: 'first', loadMs: MINUTE }))
    history.loaded(aLoad('b', at(-5), { reason: 'together', loadMs: 0 }))
    const turns = history.list()
    const { page, proxy, lanes } = await open(t, {
      history: { interval_seconds: 5, samples: [sample()], turns },
      stats: show(
        { ...aRunner('a'), state: 'loaded', since: at(-5) },
        { ...aRunner('b'), state: 'loaded', since: at(-5) },
      ),
    })
    await page.locator('.lane').first().waitFor()
    assert.deepEqual(await lanes(), [
      ['a', 'loaded 10+5', 'loading 9+1'],
      ['b', 'loaded 10+5'],
    ])
    clock.advance(2 * MINUTE)
    history.left(aLeave('a', at(-1), 'expired'))
    proxy.send('turns', { turns: history.newest() })
    proxy.send('stats', show({ ...aRunner('b'), state: 'loaded', since: at(-7) }))
    proxy.send('sample', sample())
    await page.locator('.block[title*="expired"]').first().waitFor()
    await page.getByText('b: loaded since').waitFor()
    assert.deepEqual(await lanes(), [
      ['a', 'loaded 8+6', 'loading 7+1'],
      ['b', 'loaded 8+7'],
    ])
  })

  it('are hidden while one runner was loaded, and shown with the second', async (t) => {
    const { history, sample, runners, at } = aProxy()
    history.loaded(aLoad('a', at(-2)))
    const { page, proxy } = await open(t, {
      history: { interval_seconds: 5, samples: [sample()], turns: history.list() },
      stats: runners(stats({ a: [1, 0] }), aView([{ ...aRunner('a'), state: 'loaded', since: at(-2) }])),
    })
    await page.locator('.card').waitFor()
    assert.equal(await page.locator('#turns').isVisible(), false)
    assert.equal(await page.getByRole('link', { name: 'Turns' }).isVisible(), false)
    history.loaded(aLoad('b', at(0)))
    proxy.send('turns', { turns: history.newest() })
    await page.locator('#turns').waitFor()
    await page.getByRole('link', { name: 'Turns' }).waitFor()
  })

  it('say why no call waits for a turn', async (t) => {
    const { sample } = aProxy()
    const { page, proxy } = await open(t, {
      history: { interval_seconds: 5, samples: [sample()], turns: [] },
      stats: { ...stats({}), turns: { ...NO_TURNS, mode: 'off' } },
    })
    await page.getByText('Turns are switched off').waitFor()
    assert.equal(await page.locator('#turns-drawing').isVisible(), false)
    proxy.send('stats', { ...stats({}), turns: { ...NO_TURNS, mode: 'unavailable' } })
    await page.getByText('Ollama does not tell what is loaded.').waitFor()
  })

  it('show twelve of many runners, and names that are markup as text', async (t) => {
    const { history, sample, runners, at } = aProxy()
    const evil = '<img src=x onerror=document.title="owned">'
    for (let runner = 0; runner < 1_500; runner++)
      history.loaded(aLoad(`r${runner}`, at(-1), { loadMs: 500 }))
    history.loaded(aLoad(evil, at(-0.5), { reason: 'aged', from: [aRunner(evil)], options: evil }))
    const { page } = await open(t, {
      history: { interval_seconds: 5, samples: [sample()], turns: history.list() },
      stats: runners(stats({}), aView([{ ...aRunner(evil), state: 'loaded', since: at(-0.5) }])),
    })
    await page.getByText('more had the machine before.').waitFor()
    assert.equal(await page.locator('.lane').count(), 12)
    await page.getByText('The last turns').click()
    assert.equal(await page.locator('.lane bdi', { hasText: evil }).count(), 1)
    assert.equal(await page.locator('#turns img').count(), 0)
    assert.equal(await page.title(), 'ollama-guard-proxy')
  })
})
