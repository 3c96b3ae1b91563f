import type { Config } from '../../config/schema.ts'
import type { Peer } from '../../http/peer.ts'
import { credentialsOf } from '../../upstream/credentials.ts'
import type { ProbeAnswer } from '../../upstream/probe.ts'
import { ONLY_UPSTREAM } from '../../upstream/upstream-address.ts'
import { FetchUpstream } from '../fetch/upstream.ts'

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
export function probe(config: Pick<Config, 'ollama_url' | 'ollama_authorization'>): Promise<ProbeAnswer> {
  const upstream = new FetchUpstream(ONLY_UPSTREAM, config.ollama_url, credentialsOf(config), (url, init) =>
    fetch(url, init),
  )
  return upstream.probe()
}
