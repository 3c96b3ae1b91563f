import { HttpProblem } from '../problem.ts'
import type { Dashboard } from '../services.ts'

/** A file of the dashboard, ready to be sent. */
export interface DashboardFile {
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  /** With quotes. */
  readonly etag: string
}

/** The pages have addresses of their own. All other files are below /dashboard. */
const DASHBOARD = 'index.html'
const TICKET = 'ticket.html'
const PAGES: ReadonlySet<string> = new Set([DASHBOARD, TICKET])

/** Nothing from other hosts, nothing inline, no frame around the page: the page acts with the admin's rights. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  // The browser asks each time, because a new version of the proxy brings a new page.
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

/** `files`: by name, the pages among them. Answers /dashboard and /queue/ticket with all that is below them. */
export function serveDashboard(files: ReadonlyMap<string, DashboardFile>): Dashboard {
  return (c) => {
    const { path } = c.req
    // The page has one address, because its links are relative to this address. They are relative, as this one is, so
    // that they also work behind a proxy that serves us under a path of its own.
    if (path === '/dashboard/')
      return new Response(null, { status: 308, headers: { Location: '../dashboard' } })
    const file = files.get(nameOf(path) ?? '')
    if (file === undefined) throw new HttpProblem('not_found')
    const headers = { ...HEADERS, 'Content-Type': file.contentType, ETag: file.etag }
    if (namesTag(c.req.header('if-none-match'), file.etag))
      return new Response(null, { status: 304, headers })
    return new Response(file.body, {
      headers: { ...headers, 'Content-Length': String(file.body.byteLength) },
    })
  }
}

/** The name of the file at a path; undefined where there can be none. */
function nameOf(path: string): string | undefined {
  if (path === '/dashboard') return DASHBOARD
  if (path.startsWith('/queue/ticket/')) return TICKET
  const name = path.slice('/dashboard/'.length)
  return PAGES.has(name) ? undefined : name
}

/** More than any browser sends: it sends the one tag that it has. */
const MOST_TAGS = 20

/** If-None-Match compares weakly: a proxy that compresses may add W/ before our tag. */
function namesTag(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',', MOST_TAGS).map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || tags.includes('*')
}
