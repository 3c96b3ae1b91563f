/** The pages of a proxy with a thousand models and calls take one or two million characters. */
const MAX_PAGE_CHARACTERS = 2 ** 25

export interface PageSource {
  /** The address of the proxy, without a slash at the end. */
  readonly url: string
  /** Milliseconds from the request to the end of the answer. */
  readonly timeoutMs: number
  /** Cancels the requests. */
  readonly signal?: AbortSignal
}

/** No server answers, or the server is no ollama-guard-proxy. The message names the address. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** Runs `read`, which sends several requests. The first failure cancels the other requests. */
export async function readAll<T>(source: PageSource, read: (source: PageSource) => Promise<T>): Promise<T> {
  // Not AbortSignal.any(): each call leaves memory behind in `source.signal`, which lives as long as the program.
  const controller = new AbortController()
  const cancel = () => controller.abort()
  source.signal?.addEventListener('abort', cancel)
  if (source.signal?.aborted) cancel()
  try {
    return await read({ ...source, signal: controller.signal })
  } finally {
    cancel()
    source.signal?.removeEventListener('abort', cancel)
  }
}

/** Status and parsed body. The body is undefined when it is no JSON. */
export async function get(
  { url, timeoutMs, signal }: PageSource,
  path: string,
): Promise<{ status: number; body: unknown }> {
  const controller = new AbortController()
  const cancel = () => controller.abort()
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    cancel()
  }, timeoutMs)
  signal?.addEventListener('abort', cancel)
  if (signal?.aborted) cancel()
  try {
    const response = await fetch(url + path, {
      headers: { accept: 'application/json', ...credentials() },
      signal: controller.signal,
    })
    return { status: response.status, body: parsed(await textOf(response)) }
  } catch (error) {
    const reason = timedOut ? `no answer within ${timeoutMs / 1_000} s` : reasonOf(error)
    throw new Unreachable(`${url} does not answer: ${reason}`, { cause: error })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
  }
}

/** The key of a caller, from the variable in which the clients of Ollama expect it. */
function credentials(): Record<string, string> {
  const key = process.env.OLLAMA_API_KEY ?? ''
  return key === '' ? {} : { authorization: `Bearer ${key}` }
}

/** The body as text; an empty text for a page that is too long to come from a proxy. */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_PAGE_CHARACTERS) return ''
  }
  return text + decoder.decode()
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const NO_TLS = 'the TLS handshake failed; does the server speak https?'
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ConnectionRefused: 'connection refused',
  ECONNRESET: 'connection reset',
  UND_ERR_SOCKET: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
  EHOSTUNREACH: 'no route to the host',
  // Node reports one of these two codes, depending on its version.
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  EPROTO: NO_TLS,
}

/** Why a request failed. `error`: from node:http or fetch; fetch has the real error in `cause`. */
export function reasonOf(error: unknown): string {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = 'code' in current ? String(current.code) : ''
    const reason = REASONS[code]
    if (reason !== undefined) return reason
    if (current.cause === undefined) return current.message || code || current.name
  }
  return String(error)
}
