import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Throws when there is no Chromium. A skipped test would look like a passed one. */
export function launchBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`the tests of the dashboard need Chromium, and there is none at ${CHROMIUM}: \
install it (apt-get install chromium) or say where it is with CHROMIUM`)
  }
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
}

/** Start of a browser's own console message about a failed request. */
const NETWORK = 'Failed to load resource'

/** The dashboard, or another page of ours, in a browser. Collects the errors and warnings of the page. */
export class OpenPage {
  readonly page: Page
  /** Every address that the page requested. */
  readonly asked: string[] = []
  readonly #problems: string[] = []
  readonly #expected: readonly string[]

  private constructor(page: Page, expected: readonly string[]) {
    this.page = page
    this.#expected = expected
    page.on('request', (request) => this.asked.push(request.url()))
    page.on('pageerror', (error) => this.#problems.push(error.stack ?? error.message))
    // Violations of the Content-Security-Policy are console messages, too.
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      const { url } = message.location()
      const isExpected =
        message.text().startsWith(NETWORK) && this.#expected.some((path) => url.endsWith(path))
      if (!isExpected) this.#problems.push(`${message.text()} (${url})`)
    })
  }

  /**
   * `expected`: ends of addresses whose errors are part of the test. `says`: the text about the connection to wait
   * for; empty: none. `path`: of the page.
   */
  static async open(
    browser: Browser,
    url: string,
    {
      expected = [],
      says = 'Live',
      path = '/dashboard',
      ...options
    }: BrowserContextOptions & { expected?: readonly string[]; says?: string; path?: string } = {},
  ): Promise<OpenPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    // tsx calls __name on functions, also on functions that run in the page.
    await context.addInitScript('globalThis.__name = (marked) => marked')
    const opened = new OpenPage(await context.newPage(), expected)
    await opened.page.goto(url + path)
    if (says !== '') await opened.connection(says)
    return opened
  }

  /** The card of a model. */
  card(model: string) {
    const heading = this.page.getByRole('heading', { name: model })
    return this.page.locator('.card').filter({ has: heading })
  }

  /** The rows of the live queue. */
  rows(text = '') {
    return this.page.locator('#calls-rows tr').filter({ hasText: text })
  }

  /** Waits until the line about the connection contains `text`. */
  async connection(text: string, timeout = 10_000): Promise<void> {
    await this.page.locator('#connection').filter({ hasText: text }).waitFor({ timeout })
  }

  /** Waits until the page shows `text` as the result of an action. */
  async said(text: string): Promise<void> {
    await this.page.locator('#said').filter({ hasText: text }).waitFor({ timeout: 5_000 })
  }

  async close(): Promise<void> {
    await this.page.context().close()
    assert.deepEqual(this.#problems, [])
  }
}
