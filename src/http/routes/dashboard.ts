import { HttpProblem } from '../problem.ts'
import type { Dashboard } from '../services.ts'

/** A file of the page, ready to be sent. */
export interface DashboardFile {
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  /** With its quotes. */
  readonly etag: string
}

/** What `/dashboard` itself is. */
const PAGE = 'index.html'

/** Nothing from elsewhere, nothing inline, and in nobody's frame: the page acts with the admin's rights. */
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
  // A new version of the proxy brings a new page, and is asked for it each time.
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

/** The page from files by name, among them `index.html`. */
export function serveDashboard(files: ReadonlyMap<string, DashboardFile>): Dashboard {
  return (c) => {
    const { path } = c.req
    // One address only, from which the page's links lead where they should. All of them are relative, as this one
    // is, so that they hold behind a proxy that puts us under a path of its own.
    if (path === '/dashboard/')
      return new Response(null, { status: 308, headers: { Location: '../dashboard' } })
    const name = path === '/dashboard' ? PAGE : path.slice('/dashboard/'.length)
    const file = files.get(name)
    if (file === undefined || path === `/dashboard/${PAGE}`) throw new HttpProblem('not_found')
    const headers = { ...HEADERS, 'Content-Type': file.contentType, ETag: file.etag }
    if (namesTag(c.req.header('if-none-match'), file.etag))
      return new Response(null, { status: 304, headers })
    return new Response(file.body, {
      headers: { ...headers, 'Content-Length': String(file.body.byteLength) },
    })
  }
}

/** A browser sends the one that it has. */
const MOST_TAGS = 20

/** If-None-Match compares weakly: a proxy that compresses may have put W/ in front of our tag. */
function namesTag(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',', MOST_TAGS).map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || tags.includes('*')
}
