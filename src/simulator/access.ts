import { isIP } from 'node:net'
import { hostname } from 'node:os'

/** Result of the CORS and Host checks before the routes. `continue`: the route answers, with these headers. */
export interface AccessVerdict {
  readonly status: 'continue' | 204 | 403
  readonly headers: Readonly<Record<string, string | string[]>>
}

export interface AccessRequest {
  readonly method: string
  readonly host: string
  readonly origin: string | undefined
  /** Did the request arrive at a loopback address? Only then is the Host checked. */
  readonly onLoopback: boolean
}

const METHODS = 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS'
const ALLOWED_HEADERS =
  'Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,' +
  'X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,' +
  'X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,X-Stainless-Poll-Helper,' +
  'X-Stainless-Retry-Count,X-Stainless-Runtime,X-Stainless-Runtime-Version,X-Stainless-Timeout'
const MAX_AGE_SECONDS = '43200'

const LOCAL_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|0\.0\.0\.0)(:.*)?$/
const APP_ORIGIN = /^(app|file|tauri|vscode-webview|vscode-file):\/\//

/** Checks CORS before the Host, as Ollama does. Allows Ollama's built-in origins (there is no OLLAMA_ORIGINS). */
export function checkAccess(request: AccessRequest): AccessVerdict {
  const { origin, host, method } = request
  let headers: AccessVerdict['headers'] = {}
  const sameOrigin = origin === `http://${host}` || origin === `https://${host}`
  if (origin !== undefined && origin !== '' && !sameOrigin) {
    if (!LOCAL_ORIGIN.test(origin) && !APP_ORIGIN.test(origin)) return { status: 403, headers: {} }
    if (method === 'OPTIONS') return { status: 204, headers: preflight(origin) }
    headers = { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' }
  }
  if (!request.onLoopback) return { status: 'continue', headers }
  const name = withoutPort(host).toLowerCase()
  if (isLocalAddress(name)) return { status: 'continue', headers }
  if (!isLocalName(name)) return { status: 403, headers }
  return { status: method === 'OPTIONS' ? 204 : 'continue', headers }
}

function preflight(origin: string): AccessVerdict['headers'] {
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': ALLOWED_HEADERS,
    'Access-Control-Max-Age': MAX_AGE_SECONDS,
    Vary: ['Origin', 'Access-Control-Request-Method', 'Access-Control-Request-Headers'],
  }
}

function withoutPort(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host)
  return bracketed?.[1] ?? host.replace(/:\d*$/, '')
}

function isLocalAddress(name: string): boolean {
  if (isIP(name) === 4) {
    return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|0\.0\.0\.0$)/.test(name)
  }
  return isIP(name) === 6 && /^(::1?$|f[cd])/.test(name)
}

function isLocalName(name: string): boolean {
  if (name === '' || name === 'localhost' || name === hostname().toLowerCase()) return true
  return /\.(localhost|local|internal)$/.test(name)
}
