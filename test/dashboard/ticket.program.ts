import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { bearer, keyRing, secretOf } from '../conformance/key-ring.ts'
import { node, Pair, type Variables } from '../conformance/pair.ts'
import { aWaitingCall } from '../support/own-call.ts'
import { until } from '../support/until.ts'
import { audit } from './support/audit.ts'
import { launchBrowser, OpenPage } from './support/browser.ts'
import { Callers } from './support/callers.ts'
import { json, ScriptedCall, streamOf, tell } from './support/scripted-call.ts'

const MINE = '/queue/ticket/mine'
const NOT_FOUND = json(404, { error: 'request_not_found', message: 'No request.' })
const DONE = aWaitingCall({
  state: 'done',
  position: null,
  waiting_for: null,
  estimated_start_ms: null,
  running_ms: 9_000,
  tokens_out: 400,
  outcome: 'done',
  status: 200,
  total_ms: 21_000,
})

/** Waits until the page shows this above everything else. */
const headline = (page: Page, text: string | RegExp, timeout = 10_000) =>
  page.locator('#headline').filter({ hasText: text }).waitFor({ timeout })
const shown = (page: Page, part: string) => page.locator(part).innerText()

describe('the page of a call', () => {
  let browser: Browser
  before(async () => {
    browser = await launchBrowser()
  })
  after(() => browser?.close())

  async function withScript(
    script: ScriptedCall['script'],
    use: (parts: { call: ScriptedCall; opened: OpenPage; page: Page }) => Promise<void>,
    options: BrowserContextOptions & { path?: string; says?: string } = {},
  ) {
    const call = await ScriptedCall.start(script)
    try {
      const opened = await OpenPage.open(browser, call.url, {
        path: MINE,
        expected: ['/queue/requests/mine'],
        ...options,
      })
      await use({ call, opened, page: opened.page })
      await opened.close()
    } finally {
      call.stop()
    }
  }

  async function withProxy(
    variables: Variables,
    use: (parts: { pair: Pair; callers: Callers }) => Promise<void>,
  ) {
    const pair = await Pair.start(node, {
      simulate: ['--load-time', '0', '--token-rate', '20', '--prompt-rate', '100000'],
      serve: ['--parallel', '1'],
      variables,
    })
    const callers = new Callers(pair.proxy.url)
    try {
      await use({ pair, callers })
    } finally {
      await callers.leave()
      await pair.stop()
    }
  }

  it('follows a call from its place in line to its end', async () => {
    await withProxy({}, async ({ pair, callers }) => {
      const waits = (count: number) =>
        until('it waits', async () => (await pair.stats()).queued_requests === count)
      const others = [new Callers(pair.proxy.url), new Callers(pair.proxy.url), new Callers(pair.proxy.url)]
      for (const [index, other] of others.entries()) {
        other.call(`other-${index}`).catch(() => {})
        if (index > 0) await waits(index)
        else await until('it runs', async () => (await pair.stats()).active_requests === 1)
      }
      const mine = callers.call('mine')
      await waits(3)
      const opened = await OpenPage.open(browser, pair.proxy.url, { path: MINE })
      const { page } = opened
      await headline(page, 'You are 3rd in line.')
      assert.equal(await page.title(), '3rd in line – your call')
      assert.equal(await page.locator('[aria-current]').innerText(), 'In line')
      await others[1]?.leave()
      await headline(page, 'You are 2nd in line.')
      await others[2]?.leave()
      await headline(page, 'You are next in line.')
      await others[0]?.leave()
      await headline(page, 'Ollama is working on your call.')
      assert.equal(await page.title(), 'At work – your call')
      await page
        .locator('#detail')
        .filter({ hasText: /^About \d+ words so far\.$/ })
        .waitFor()
      assert.equal((await mine).status, 200)
      await headline(page, 'Done.')
      assert.match(await shown(page, '#detail'), /^The answer took .* in all\. It has about 150 words\.$/)
      assert.equal(await page.title(), 'Done – your call')
      assert.equal(await page.locator('#connection').isVisible(), false)
      // Whoever comes late is told the same.
      await page.reload()
      await headline(page, 'Done.')
      await opened.close()
    })
  })

  it('tells when an operator ends the call, and when the line is full', async () => {
    await withProxy({ OLLAMA_MAX_QUEUE: '1' }, async ({ pair, callers }) => {
      callers.call('other').catch(() => {})
      await until('it runs', async () => (await pair.stats()).active_requests === 1)
      const mine = callers.call('mine')
      await until('it waits', async () => (await pair.stats()).queued_requests === 1)
      const opened = await OpenPage.open(browser, pair.proxy.url, { path: MINE })
      await headline(opened.page, 'You are next in line.')
      assert.equal((await callers.call('refused')).status, 503)
      await fetch(`${pair.proxy.url}/admin/queue/cancel`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"id":"mine"}',
      })
      assert.equal((await mine).status, 499)
      await headline(opened.page, 'The call was ended.')
      assert.match(await shown(opened.page, '#advice'), /^Ask the operator/)
      await opened.page.goto(`${pair.proxy.url}/queue/ticket/refused`)
      await headline(opened.page, 'Refused: the line is full.')
      assert.equal(await opened.page.title(), 'Over – your call')
      await opened.close()
    })
  })

  it('is linked from the dashboard', async () => {
    await withProxy({}, async ({ pair, callers }) => {
      callers.call('a:b=c.d').catch(() => {})
      const opened = await OpenPage.open(browser, pair.proxy.url)
      await opened.page.getByRole('link', { name: 'a:b=c.d' }).click()
      await headline(opened.page, 'Ollama is working on your call.')
      assert.equal(new URL(opened.page.url()).pathname, '/queue/ticket/a%3Ab%3Dc.d')
      assert.match(await shown(opened.page, '#facts'), /a:b=c\.d/)
      await opened.close()
    })
  })

  it('asks for the key of the caller, shows its call, and to others none', async () => {
    const variables = keyRing({ alice: {}, bob: {} })
    await withProxy(variables, async ({ pair }) => {
      const leaving = new AbortController()
      const call = fetch(`${pair.proxy.url}/api/generate`, {
        method: 'POST',
        headers: { ...bearer('alice'), 'x-request-id': 'mine' },
        body: '{"model":"llama3.2","prompt":"x","options":{"num_predict":2000}}',
        signal: leaving.signal,
      })
      await call
      const opened = await OpenPage.open(browser, pair.proxy.url, {
        path: MINE,
        expected: ['/queue/requests/mine'],
        says: 'This call is shown to those who sent it.',
        // Comes through another proxy, so from elsewhere.
        extraHTTPHeaders: { 'X-Forwarded-For': '192.0.2.7' },
      })
      const { page } = opened
      const enter = async (key: string) => {
        await page.locator('#key:focus').waitFor()
        await page.keyboard.type(key)
        await page.keyboard.press('Enter')
      }
      assert.equal(await page.locator('#figures').isVisible(), false)
      await enter('sk-wrong')
      await page.locator('#sign-in-why').filter({ hasText: 'The proxy does not accept this key.' }).waitFor()
      await enter(secretOf('bob'))
      await headline(page, 'There is no such call.')
      await page.getByRole('button', { name: 'Forget the key' }).click()
      await enter(secretOf('alice'))
      await headline(page, 'Ollama is working on your call.')
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'figures')
      await page.reload()
      await headline(page, 'Ollama is working on your call.')
      for (const url of opened.asked) assert.doesNotMatch(url, /sk-/)
      leaving.abort()
      await headline(page, 'The call ended early.')
      await opened.close()
    })
  })

  it('asks every three seconds where there is no room for a stream, and where none comes through', async () => {
    const full = json(503, { error: 'too_many_listeners', message: 'Too many.' })
    await withScript(
      (response, request) =>
        (request.headers.accept === 'text/event-stream' ? full : json(200, aWaitingCall()))(
          response,
          request,
        ),
      async ({ call, page }) => {
        await headline(page, 'You are 3rd in line.')
        call.script = json(200, DONE)
        await headline(page, 'Done.')
        assert.deepEqual(call.asked, ['stream', 'once', 'once'])
      },
    )
    const call = await ScriptedCall.start((response, request) => {
      // Something between holds the events back.
      if (request.headers.accept === 'text/event-stream')
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      else json(200, aWaitingCall())(response, request)
    })
    try {
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.clock.install()
      await page.goto(call.url + MINE)
      await until('it is asked for a stream', () => call.asked.length === 1)
      await page.clock.fastForward(21_000)
      await page.clock.runFor(10)
      await headline(page, 'You are 3rd in line.')
      assert.deepEqual(call.asked.slice(0, 2), ['stream', 'once'])
      await context.close()
    } finally {
      call.stop()
    }
  })

  it('stays with the stream while signs of life come', async () => {
    const call = await ScriptedCall.start(streamOf(aWaitingCall()))
    try {
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.clock.install()
      const { script } = call
      call.script = (response, request) => {
        script(response, request)
        alive = () => response.write(': still here\n\n')
      }
      let alive = () => false
      await page.goto(call.url + MINE)
      await headline(page, 'You are 3rd in line.')
      for (let time = 0; time < 4; time++) {
        await page.clock.runFor(15_000)
        const read = page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)))
        alive()
        await page.clock.runFor(100)
        await read
      }
      assert.deepEqual(call.asked, ['stream'])
      await context.close()
    } finally {
      call.stop()
    }
  })

  it('works behind another proxy that serves it under a path of its own', async () => {
    await withScript(
      streamOf(DONE),
      async ({ page }) => {
        await headline(page, 'Done.')
        const colour = await page.locator('#headline').evaluate((node) => getComputedStyle(node).color)
        assert.notEqual(colour, 'rgb(0, 0, 0)', 'the style is there')
      },
      { path: `/ai${MINE}`, says: '' },
    )
  })

  it('says that the connection is lost, and goes on where it was', async () => {
    await withScript(streamOf(aWaitingCall()), async ({ call, opened, page }) => {
      await headline(page, 'You are 3rd in line.')
      call.script = (response) => response.destroy()
      call.hangUp()
      await opened.connection('No connection to the proxy. Trying again.')
      assert.equal(await shown(page, '#headline'), 'You are 3rd in line.')
      call.script = streamOf(DONE)
      await headline(page, 'Done.')
    })
  })

  it('waits for a call that has not arrived yet, stops after a while, and looks again on demand', async () => {
    const call = await ScriptedCall.start(NOT_FOUND)
    try {
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.clock.install()
      await page.goto(call.url + MINE)
      await headline(page, 'There is no such call.')
      assert.equal(await page.getByRole('button', { name: 'Look again' }).isVisible(), false)
      for (let tries = 1; tries < 10; tries++) {
        await until('it is asked again', async () => {
          await page.clock.runFor(5_000)
          return call.asked.length > tries
        })
      }
      await page.getByRole('button', { name: 'Look again' }).waitFor()
      await page.clock.runFor(600_000)
      assert.equal(call.asked.length, 10)
      call.script = streamOf(DONE)
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      await headline(page, 'Done.')
      assert.equal(call.asked.length, 11)
      await context.close()
    } finally {
      call.stop()
    }
  })

  it('can be read by everybody: small, dark, by keyboard and by ear', async () => {
    const long = 'registry.example.com/some-team/a-very-long-name-that-goes-on-and-on:70b-instruct-q4_K_M'
    const states = {
      'You are 3rd': aWaitingCall(),
      'You are next': aWaitingCall({ position: 1, waiting_for: 'turn', model: long, id: 'x'.repeat(128) }),
      'Ollama is working': aWaitingCall({ state: 'running', running_ms: 5_000, tokens_out: 160 }),
      'Done.': DONE,
      'Refused:': { ...DONE, outcome: 'refused', reason: 'queue_full', status: 503, running_ms: null },
    }
    for (const [text, state] of Object.entries(states))
      await withScript(
        streamOf(state),
        async ({ page }) => {
          await headline(page, text)
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
            for (const width of [320, 360, 900]) {
              await page.setViewportSize({ width, height: 700 })
              assert.deepEqual(await audit(page), [], `${text}, ${colorScheme}, ${width} px`)
            }
          }
        },
        { says: '' },
      )
  })

  it('speaks of each step, of the place now and then, never of the estimate, and asks no more after the end', async () => {
    const call = await ScriptedCall.start(streamOf(aWaitingCall()))
    try {
      let move = (_call: object) => {}
      let hangUp = () => {}
      const { script } = call
      call.script = (response, request) => {
        script(response, request)
        move = (next) => tell(response, next)
        hangUp = () => response.end()
      }
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.clock.install()
      await page.goto(call.url + MINE)
      const spoken = () => page.locator('#spoken').textContent()
      await headline(page, 'You are 3rd in line.')
      assert.equal(await page.getByRole('status').count(), 1)
      assert.equal(await spoken(), 'You are 3rd in line.')
      move(aWaitingCall({ position: 2, estimated_start_ms: 20_000 }))
      await headline(page, 'You are 2nd in line.')
      assert.equal(await spoken(), 'You are 3rd in line.')
      await page.clock.runFor(16_000)
      assert.equal(await spoken(), 'You are 2nd in line.')
      move(aWaitingCall({ state: 'running', position: null, running_ms: 1, tokens_out: 5 }))
      await headline(page, 'Ollama is working')
      assert.equal(await spoken(), 'Ollama is working on your call.')
      move(DONE)
      await headline(page, 'Done.')
      assert.equal(await spoken(), 'Done. The answer took 21 s in all. It has about 300 words.')
      hangUp()
      await page.clock.runFor(600_000)
      assert.deepEqual(call.asked, ['stream'], 'asks no more')
      await context.close()
    } finally {
      call.stop()
    }
  })
})
