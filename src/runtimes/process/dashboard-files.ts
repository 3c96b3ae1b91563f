import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { type DashboardFile, serveDashboard } from '../../http/routes/dashboard.ts'
import type { Dashboard } from '../../http/services.ts'

/** Beside the code, in src/ as in dist/: the build copies the folder. */
const FOLDER = new URL('../../dashboard/', import.meta.url)

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

/** The dashboard, with all its files in memory. @throws Error of the file system when a file cannot be read. */
export function readDashboard(): Dashboard {
  const files = new Map<string, DashboardFile>()
  for (const name of readdirSync(FOLDER)) {
    const contentType = CONTENT_TYPES[extname(name)]
    if (contentType === undefined) continue
    const body = new Uint8Array(readFileSync(new URL(name, FOLDER)))
    files.set(name, { body, contentType, etag: etagOf(body) })
  }
  return serveDashboard(files)
}

function etagOf(body: Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}
