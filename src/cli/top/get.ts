/** Characters. The pages of a proxy with a thousand models and calls take one or two million. */
const LONGEST_PAGE = 2 ** 25

export interface Asking {
  /** Of the proxy, without a slash at its end. */
  readonly url: string
  /** Milliseconds for the whole of an answer. */
  readonly timeoutMs: number
  /** Ends the asking. */
  readonly signal?: AbortSignal
}

/** Nobody answers at an address, or somebody else does. The message names the address. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** Once one question has failed, the others are not waited for. */
export async function inOneRound<T>(asking: Asking, ask: (asking: Asking) => Promise<T>): Promise<T> {
  // By hand: AbortSignal.any() leaves something behind in a signal that lives as long as the program, at every call.
  const ending = new AbortController()
  const end = () => ending.abort()
  asking.signal?.addEventListener('abort', end)
  if (asking.signal?.aborted) end()
  try {
    return await ask({ ...asking, signal: ending.signal })
  } finally {
    end()
    asking.signal?.removeEventListener('abort', end)
  }
}

/** Status and parsed body; a body that is no JSON is undefined. */
export async function get(
  { url, timeoutMs, signal }: Asking,
  path: string,
): Promise<{ status: number; body: unknown }> {
  const ending = new AbortController()
  const end = () => ending.abort()
  let late = false
  const timer = setTimeout(() => {
    late = true
    end()
  }, timeoutMs)
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  try {
    const response = await fetch(url + path, {
      headers: { accept: 'application/json' },
      signal: ending.signal,
    })
    return { status: response.status, body: parsed(await textOf(response)) }
  } catch (error) {
    const reason = late ? `no answer within ${timeoutMs / 1_000} s` : reasonOf(error)
    throw new Unreachable(`${url} does not answer: ${reason}`, { cause: error })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}

/** Empty for a page that is too long to be one of a proxy. */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > LONGEST_PAGE) return ''
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
  // By the version of Node: the one or the other.
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  EPROTO: NO_TLS,
}

/** Why a request failed, from the error of node:http, of fetch, or of what fetch wraps. */
export function reasonOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = 'code' in each ? String(each.code) : ''
    const reason = REASONS[code]
    if (reason !== undefined) return reason
    if (each.cause === undefined) return each.message || code || each.name
  }
  return String(error)
}
