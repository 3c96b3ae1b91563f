import type { Config } from '../../config/schema.ts'
import type { Peer } from '../../http/peer.ts'
import { PROBE_MOST_BYTES, PROBE_PATH, PROBE_TIMEOUT_MS, type ProbeAnswer } from '../../upstream/probe.ts'

/** Cloudflare lets no client set this header. */
const ADDRESS_HEADER = 'cf-connecting-ip'

/** Address of the peer; empty when the platform does not tell. */
export function clientAddress({ headers }: Request): string {
  return headers.get(ADDRESS_HEADER) ?? ''
}

/** The peer of a request: the platform speaks HTTP with the client and does not tell how. */
export function peerOf(request: Request): Peer {
  return {
    address: clientAddress(request),
    addressHeader: ADDRESS_HEADER,
    port: undefined,
    httpVersion: undefined,
  }
}

/** Asks for Ollama's version. Rejects when there is no answer in time. */
export async function probe({
  ollama_url,
  ollama_authorization,
}: Pick<Config, 'ollama_url' | 'ollama_authorization'>): Promise<ProbeAnswer> {
  const { status, headers, body } = await fetch(ollama_url + PROBE_PATH, {
    headers: ollama_authorization === undefined ? {} : { authorization: ollama_authorization },
    // Followed, a redirect would carry the Authorization to wherever it leads.
    redirect: 'manual',
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
  })
  const location = headers.get('location') ?? undefined
  if (status === 200 && body !== null) return { status, location, body: await beginningOf(body) }
  await body?.cancel()
  return { status, location, body: '' }
}

/** As much of a body as is looked at; the rest is not read. */
async function beginningOf(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (text.length < PROBE_MOST_BYTES) {
    const { done, value } = await reader.read()
    if (done) return text
    text += decoder.decode(value, { stream: true })
  }
  await reader.cancel()
  return text
}
