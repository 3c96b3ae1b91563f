import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Throws, rather than skips, where there is none: a page that nobody looked at is not tested. */
export function launchBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`the tests of the dashboard need Chromium, and there is none at ${CHROMIUM}: \
install it (apt-get install chromium) or say where it is with CHROMIUM`)
  }
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
}

/** What a browser says by itself of an answer that is an error, or of none. */
const NETWORK = 'Failed to load resource'

/** The dashboard in a browser, with all that went wrong in it. */
export class OpenPage {
  readonly page: Page
  /** Every address it asked for. */
  readonly asked: string[] = []
  readonly #problems: string[] = []
  readonly #expected: readonly string[]

  private constructor(page: Page, expected: readonly string[]) {
    this.page = page
    this.#expected = expected
    page.on('request', (request) => this.asked.push(request.url()))
    page.on('pageerror', (error) => this.#problems.push(error.stack ?? error.message))
    // What breaks the Content-Security-Policy is told here, too.
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      const { url } = message.location()
      const isExpected =
        message.text().startsWith(NETWORK) && this.#expected.some((path) => url.endsWith(path))
      if (!isExpected) this.#problems.push(`${message.text()} (${url})`)
    })
  }

  /**
   * `expected`: ends of the addresses of which an error is part of the test. `says`: the line about the connection
   * that the page comes to.
   */
  static async open(
    browser: Browser,
    url: string,
    {
      expected = [],
      says = 'Live',
      ...options
    }: BrowserContextOptions & { expected?: readonly string[]; says?: string } = {},
  ): Promise<OpenPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    // tsx marks functions with it, those that are sent to the page as well.
    await context.addInitScript('globalThis.__name = (marked) => marked')
    const opened = new OpenPage(await context.newPage(), expected)
    await opened.page.goto(`${url}/dashboard`)
    await opened.connection(says)
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

  /** Waits until the line about the connection says so. */
  async connection(text: string, timeout = 10_000): Promise<void> {
    await this.page.locator('#connection').filter({ hasText: text }).waitFor({ timeout })
  }

  /** Waits until the page has said how an action went. */
  async said(text: string): Promise<void> {
    await this.page.locator('#said').filter({ hasText: text }).waitFor({ timeout: 5_000 })
  }

  async close(): Promise<void> {
    await this.page.context().close()
    assert.deepEqual(this.#problems, [])
  }
}
