import type { Config } from '../../config/schema.ts'
import type { Peer } from '../../http/peer.ts'
import { beginningOf, PROBE_PATH, PROBE_TIMEOUT_MS, type ProbeAnswer } from '../../upstream/probe.ts'

/** Cloudflare sets this header and overwrites any value of a client. */
const ADDRESS_HEADER = 'cf-connecting-ip'

/** The peer of a request. The platform tells only the address. */
export function peerOf({ headers }: Request): Peer {
  return {
    address: headers.get(ADDRESS_HEADER) ?? '',
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
    // Following a redirect would send the Authorization to any address that the redirect names.
    redirect: 'manual',
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
  })
  const location = headers.get('location') ?? undefined
  if (status === 200 && body !== null) return { status, location, body: await beginningOf(body) }
  await body?.cancel()
  return { status, location, body: '' }
}
