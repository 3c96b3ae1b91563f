import type { Config } from './schema.ts'

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
  return isLoopback(host) || ownAddresses.some((own) => plainHost(own) === host)
}

/** The host in lower case, without brackets, zone and final dot. An IPv4 address written as IPv6 becomes IPv4. */
function plainHost(host: string): string {
  const plain = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/%.*$/, '')
    .replace(/\.$/, '')
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(plain)
  if (!mapped) return plain.replace(/^::ffff:(?=\d+\.)/, '')
  const words = [mapped[1], mapped[2]].map((word) => Number.parseInt(word ?? '', 16))
  return words.flatMap((word) => [word >> 8, word & 255]).join('.')
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  return host === '::1' || host === '::' || host === '0.0.0.0' || /^127(\.\d+){3}$/.test(host)
}
