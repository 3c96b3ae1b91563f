/** An IPv4 address that is written as IPv6 (`::ffff:…`), as IPv4. Any other text is returned unchanged. */
export function withoutMapping(address: string): string {
  const dotted = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1]
  if (dotted !== undefined) return dotted
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address) ?? []
  if (high === undefined || low === undefined) return address
  const groups = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.')
}

/** Whether an address is one of this machine's loopback. Not for an IPv4 address that is written as IPv6. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address)
}

/**
 * Whether a host name or an address leads to this machine from this machine alone. `host`: in lower case, without
 * brackets.
 */
export function isLoopbackHost(host: string): boolean {
  return /^(?:.+\.)?localhost$/.test(host) || isLoopbackAddress(host)
}
