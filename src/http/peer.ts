import { isLoopbackAddress, isLoopbackHost, withoutMapping } from '../config/addresses.ts'
import { isSameOrigin } from '../relay/origins.ts'
import { proxyHeaderAmong } from './proxy-headers.ts'

/** The other end of a request's connection, as the runtime knows the end. No header has a say in this. */
export interface Peer {
  /** Address of the peer's socket; empty where the runtime does not tell. */
  readonly address: string
  /** The port of ours that the peer connected to; undefined where the runtime does not tell. */
  readonly port: number | undefined
  /** As in `1.1`; undefined where the runtime does not tell. */
  readonly httpVersion: string | undefined
  /** The request header, in lower case, in which the platform itself tells the address; where there is one. */
  readonly addressHeader?: string
}

/** Request headers by lower-case name. */
export type RequestHeaders = Readonly<Record<string, string>>

/** Why a request is not local whose Host names somebody else. */
export const FOREIGN_HOST = 'Host is none of ours'

/** Whether an address of a socket is one of this machine's loopback. */
export function isLoopback(address: string): boolean {
  return isLoopbackAddress(withoutMapping(address))
}

/** Whether `proxy_host` is an address or a name of this machine's loopback. */
export function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/**
 * Why a request does not count as one that somebody at this machine sent; undefined when the request does. Behind a
 * proxy on this machine every peer is loopback, so the request must not look as if a proxy had sent it either: no
 * header that proxies add, no HTTP/1.0 and no `Connection: close`, which nginx sends unless told otherwise.
 * A program that forwards bytes as they are leaves no trace, and whatever it forwards counts as local.
 * @param hostname this machine's own name
 */
export function whyNotLocal(peer: Peer, headers: RequestHeaders, hostname: string): string | undefined {
  if (!isLoopback(peer.address)) return 'the address is not loopback'
  const names = Object.keys(headers).filter((name) => name !== peer.addressHeader)
  const added = proxyHeaderAmong(names)
  if (added !== undefined) return `a proxy added ${added}`
  if ((peer.httpVersion ?? '1.1') !== '1.1') return 'not HTTP/1.1'
  if (!/^(?:keep-alive)?$/i.test(headers.connection?.trim() ?? '')) return 'Connection is not keep-alive'
  if (!isOurHost(headers.host, peer.port, hostname)) return FOREIGN_HOST
  // A page of another site that is open in a browser at this machine.
  const { origin } = headers
  if (origin !== undefined && !isSameOrigin(origin, headers.host)) return 'another site as Origin'
  return undefined
}

const HOST = /^(\[[\da-f:]+\]|[\w.-]+)(?::(\d{1,5}))?$/i

/**
 * Whether a Host header names this machine's loopback, or the machine itself, with our own port. These names lead
 * here from this machine alone, so no page from elsewhere can have one (DNS rebinding).
 */
function isOurHost(host: string | undefined, ourPort: number | undefined, hostname: string): boolean {
  const [, name, port] = HOST.exec(host ?? '') ?? []
  if (name === undefined) return false
  if (ourPort !== undefined && Number(port ?? 80) !== ourPort) return false
  const lower = name.toLowerCase()
  return isLoopbackHost(lower.replace(/^\[|\]$/g, '')) || lower === hostname.toLowerCase()
}
