import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Hono } from 'hono'
import { readDashboard } from '../../src/runtimes/process/dashboard-files.ts'

const folder = join(import.meta.dirname, '..', '..', 'src', 'dashboard')

const PAGES = { '/dashboard': 'index.html', '/queue/ticket/any.id:1=2': 'ticket.html' }

const dashboard = readDashboard()
const app = new Hono()
  .get('/dashboard', dashboard)
  .get('/dashboard/*', dashboard)
  .get('/queue/ticket/:id', dashboard)
  .onError((error, c) => c.text(error.message, 404))

const get = async (path: string, headers: Record<string, string> = {}) => app.request(path, { headers })

describe('the files of the dashboard', () => {
  it('are the two pages at their addresses and all the others below /dashboard, each with its type', async () => {
    for (const [path, name] of Object.entries(PAGES)) {
      const page = await get(path)
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
      assert.equal(await page.text(), readFileSync(join(folder, name), 'utf8'))
    }
    for (const name of readdirSync(folder)) {
      if (Object.values(PAGES).includes(name)) continue
      const file = await get(`/dashboard/${name}`)
      const type = name.endsWith('.css') ? 'text/css' : 'text/javascript'
      assert.equal(file.headers.get('content-type'), `${type}; charset=utf-8`, name)
      assert.equal(await file.text(), readFileSync(join(folder, name), 'utf8'))
    }
  })

  it('come with a policy that lets nothing in from elsewhere and nothing inline', async () => {
    for (const path of [...Object.keys(PAGES), '/dashboard/page.js', '/dashboard/page.css']) {
      const { headers } = await get(path)
      const policy = headers.get('content-security-policy') ?? ''
      assert.match(policy, /^default-src 'none'; /)
      assert.match(policy, /frame-ancestors 'none'/)
      assert.doesNotMatch(policy, /unsafe|\*|http/)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('referrer-policy'), 'same-origin')
    }
  })

  it('name no outside address', () => {
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), 'utf8').replaceAll('http://www.w3.org/2000/svg', '')
      assert.doesNotMatch(text, /https?:\/\/|(?:src|href)="\/\/|@import|url\(/, name)
    }
  })

  it('are not sent again while they are the same', async () => {
    const first = await get('/dashboard/page.js')
    const etag = first.headers.get('etag') ?? ''
    assert.match(etag, /^"[\w-]{22}"$/)
    assert.equal(first.headers.get('cache-control'), 'no-cache')
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get('/dashboard/page.js', { 'if-none-match': tags })
      assert.equal(again.status, 304, tags)
      assert.equal(await again.text(), '')
      assert.equal(again.headers.get('etag'), etag)
    }
    assert.equal((await get('/dashboard/page.js', { 'if-none-match': '"other"' })).status, 200)
  })

  it('have one address each, and nothing else is there', async () => {
    const slash = await get('/dashboard/')
    assert.equal(slash.status, 308)
    assert.equal(slash.headers.get('location'), '../dashboard')
    for (const path of [
      '/dashboard/index.html',
      '/dashboard/ticket.html',
      '/dashboard/nothing.js',
      '/dashboard/../main.ts',
      '/dashboard/a/page.js',
    ])
      assert.equal((await get(path)).status, 404, path)
    for (const path of ['/dashboard/%2e%2e/main.ts', '/dashboard/..%2Fmain.ts', '/dashboard/toString'])
      assert.equal((await get(path)).status, 404, path)
  })
})
