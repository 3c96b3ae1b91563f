import { isLoopbackHost, withoutMapping } from './addresses.ts'
import type { Config } from './schema.ts'

/** A connection to one of these addresses goes to the machine itself. */
const UNSPECIFIED: ReadonlySet<string> = new Set(['::', '0.0.0.0'])

/**
 * Whether ollama_url is the address of the proxy itself. The proxy would then call itself without end.
 * @param ownAddresses addresses and host names of this machine; loopback addresses may be left out.
 */
export function pointsAtSelf(
  config: Pick<Config, 'ollama_url' | 'proxy_port'>,
  ownAddresses: readonly string[],
): boolean {
  const url = new URL(config.ollama_url)
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  // With port 0 the system picks a port on which no program listens, so ollama_url cannot name it.
  if (config.proxy_port === 0 || port !== config.proxy_port) return false
  const host = plainHost(url.hostname)
  return isLoopbackHost(host) || UNSPECIFIED.has(host) || ownAddresses.some((own) => plainHost(own) === host)
}

/** The host in lower case, without brackets, zone and final dot. An IPv4 address written as IPv6 becomes IPv4. */
function plainHost(host: string): string {
  const plain = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '')
    .replace(/\.$/, '')
  return withoutMapping(plain)
}
