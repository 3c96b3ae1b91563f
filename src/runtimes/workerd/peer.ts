import type { Peer } from '../../http/peer.ts'

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
