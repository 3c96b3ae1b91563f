/** A page or an action of the proxy itself. */
export interface OwnPage {
  /** As Hono spells it: `:id` stands for one segment of the path, whatever it is. */
  readonly path: string
  /** The methods, as an Allow header names them. */
  readonly allow: 'GET, HEAD' | 'POST'
  /** The part of Services without which the page does not exist. */
  readonly part?: 'monitor' | 'reload' | 'callers'
  /** `enable_queue_stats: false` switches the page off. */
  readonly stats?: true
  /** With keys, the page is for operators and for keys that may view. */
  readonly view?: true
}

const READ = 'GET, HEAD'

/** All pages of the proxy. A request for one of these paths is never sent on to Ollama, whatever its method. */
export const OWN_PAGES: readonly OwnPage[] = [
  { path: '/health', allow: READ },
  { path: '/health/live', allow: READ },
  { path: '/health/ready', allow: READ },
  { path: '/queue/stats', allow: READ, stats: true, view: true },
  { path: '/queue/memory', allow: READ, view: true },
  { path: '/queue/requests', allow: READ, part: 'monitor', stats: true, view: true },
  // These two tell a caller about its own call, so each finds out itself who is asking.
  { path: '/queue/requests/:id', allow: READ, part: 'monitor', stats: true },
  { path: '/queue/ticket/:id', allow: READ, part: 'monitor', stats: true },
  { path: '/queue/history', allow: READ, part: 'monitor', stats: true, view: true },
  { path: '/queue/events', allow: READ, part: 'monitor', stats: true, view: true },
  { path: '/queue/alerts', allow: READ, part: 'monitor', stats: true, view: true },
  { path: '/queue/me', allow: READ, part: 'callers', stats: true },
  { path: '/metrics', allow: READ, part: 'monitor', stats: true, view: true },
  { path: '/dashboard', allow: READ, part: 'monitor', stats: true },
  { path: '/config', allow: READ, view: true },
  { path: '/admin/queue/reset', allow: 'POST' },
  { path: '/admin/queue/update', allow: 'POST' },
  { path: '/admin/queue/cancel', allow: 'POST', part: 'monitor' },
  { path: '/admin/queue/pause', allow: 'POST', part: 'monitor' },
  { path: '/admin/queue/resume', allow: 'POST', part: 'monitor' },
  { path: '/admin/reload', allow: 'POST', part: 'reload' },
]

/**
 * Unknown paths below these get our own 404. They are not sent on to Ollama, so that a typo in `/admin/…` is noticed.
 * Below `/config` there is no page of ours, and Ollama gets the request.
 */
export const OWN_TREES: readonly string[] = [
  '/health/*',
  '/queue/*',
  '/admin/*',
  '/dashboard/*',
  '/metrics/*',
]

const FIRST_SEGMENTS: ReadonlySet<string> = new Set(OWN_PAGES.map(({ path }) => firstSegment(path)))

/** Whether an error on this path has the form of our own pages. `path`: decoded, without query. */
export function isOwnPath(path: string): boolean {
  return FIRST_SEGMENTS.has(firstSegment(path))
}

/** `/queue/stats` → `queue`. */
function firstSegment(path: string): string {
  return path.split('/', 2)[1] ?? ''
}
