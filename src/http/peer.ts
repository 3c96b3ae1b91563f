import { isLoopbackAddress, isLoopbackHost, withoutMapping } from '../config/addresses.ts'
import { isSameOrigin } from '../relay/origins.ts'
import { proxyHeaderAmong } from './proxy-headers.ts'

/** The other end of a request's connection, as the runtime sees it. Headers do not change these values. */
export interface Peer {
  /** The address of the peer's socket. Empty where the runtime does not know it. */
  readonly address: string
  /** Our port, to which the peer connected. Undefined where the runtime does not know it. */
  readonly port: number | undefined
  /** For example `1.1`. Undefined where the runtime does not know it. */
  readonly httpVersion: string | undefined
  /** The name, in lower case, of the request header in which the platform itself puts the address, if it does. */
  readonly addressHeader?: string
}

/** Request headers by lower-case name. */
export type RequestHeaders = Readonly<Record<string, string>>

/** The reason for a request whose Host names another machine. */
export const FOREIGN_HOST = 'Host is none of ours'

/** Whether the address of a socket is a loopback address. */
export function isLoopback(address: string): boolean {
  return isLoopbackAddress(withoutMapping(address))
}

/** Whether `proxy_host` is an address or a name of this machine's loopback. */
export function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/**
 * Why a request does not count as sent by a client at this machine. Undefined when it does count. Behind a proxy on this
 * machine every peer is loopback. So a local request must also show no sign of a proxy: no header that proxies add, no
 * HTTP/1.0, and no `Connection: close`, which nginx sends by default.
 * A program that forwards bytes unchanged leaves no sign, and all that it forwards counts as local.
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
  // A browser at this machine shows a page of another site.
  const { origin } = headers
  if (origin !== undefined && !isSameOrigin(origin, headers.host)) return 'another site as Origin'
  return undefined
}

const HOST = /^(\[[\da-f:]+\]|[\w.-]+)(?::(\d{1,5}))?$/i

/**
 * Whether a Host header names this machine or its loopback, with our own port. Only at this machine do these names lead
 * here, so a page of another site cannot have one of them (DNS rebinding).
 */
function isOurHost(host: string | undefined, ourPort: number | undefined, hostname: string): boolean {
  const [, name, port] = HOST.exec(host ?? '') ?? []
  if (name === undefined) return false
  if (ourPort !== undefined && Number(port ?? 80) !== ourPort) return false
  const lower = name.toLowerCase()
  return isLoopbackHost(lower.replace(/^\[|\]$/g, '')) || lower === hostname.toLowerCase()
}
