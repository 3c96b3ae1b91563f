import { isLoopbackAddress, withoutMapping } from '../config/addresses.ts'

/** This machine's name and addresses, from its operating system. */
export interface OwnNames {
  readonly hostname: string
  readonly addresses: readonly string[]
}

const LOCAL_SUFFIXES = ['.localhost', '.local', '.internal']
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const NAME = /^[a-z0-9._-]+$/

/**
 * Ollama's check against DNS rebinding, for a listener on loopback: a web page can point its own name at 127.0.0.1, but
 * the browser still sends that name as Host. Allowed are a missing Host, this machine's name, local names, and addresses
 * that are loopback, private, unspecified or this machine's. The port is ignored.
 */
export function isAllowedHost(host: string | undefined, own: OwnNames): boolean {
  if (!host) return true
  const name = withoutPort(host.toLowerCase())
  const address = canonicalAddress(name)
  if (address !== undefined) return isLocalAddress(address) || isOwnAddress(address, own.addresses)
  if (!NAME.test(name)) return false
  return (
    name === 'localhost' ||
    name === own.hostname.toLowerCase() ||
    LOCAL_SUFFIXES.some((suffix) => name.endsWith(suffix))
  )
}

/** `[::1]:80` → `::1`, `localhost:80` → `localhost`. Several colons without brackets: the whole text is an address. */
function withoutPort(host: string): string {
  if (host.startsWith('[')) {
    const bracketed = /^\[([^\]]*)\](?::[^:]*)?$/.exec(host)?.[1]
    return bracketed?.includes(':') ? bracketed : host
  }
  const colon = host.indexOf(':')
  return colon < 0 || colon !== host.lastIndexOf(':') ? host : host.slice(0, colon)
}

/**
 * One spelling for each address. An IPv4 address that is written as IPv6 becomes IPv4. Undefined for any other text.
 */
function canonicalAddress(text: string): string | undefined {
  if (IPV4.test(text)) return text
  if (!text.includes(':') || !URL.canParse(`http://[${text}]`)) return undefined
  return withoutMapping(new URL(`http://[${text}]`).hostname.slice(1, -1))
}

function isLocalAddress(address: string): boolean {
  if (isLoopbackAddress(address) || address === '::' || address === '0.0.0.0') return true
  if (address.includes(':')) return /^f[cd][0-9a-f]{2}:/.test(address)
  return /^(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\./.test(address)
}

function isOwnAddress(address: string, own: readonly string[]): boolean {
  return own.some((candidate) => canonicalAddress(candidate.toLowerCase()) === address)
}
