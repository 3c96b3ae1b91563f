import { formatAddress, type Networks, parseAddress } from './networks.ts'

/** Proxies in a row. Nobody has more, and a header may have thousands of entries. */
const MOST_HOPS = 32

/**
 * The address of the client in front of the trusted proxies. Each proxy writes the address that it sees behind the
 * entries that it got, so only the entries right of the first address that is not trusted are true. An entry that is no
 * address ends the search at the proxy that sent the entry.
 */
export function clientAddress(
  socketAddress: string,
  xForwardedFor: string | undefined,
  trusted: Networks<unknown>,
): string {
  if (xForwardedFor === undefined || trusted.size === 0) return socketAddress
  let client = socketAddress
  let end = xForwardedFor.length
  for (let hops = 0; hops < MOST_HOPS && end >= 0; hops++) {
    const groups = parseAddress(client)
    if (groups === undefined || trusted.find(groups) === undefined) return client
    // A negative position would find a comma at the very start.
    const comma = end === 0 ? -1 : xForwardedFor.lastIndexOf(',', end - 1)
    const entry = forwardedAddress(xForwardedFor.slice(comma + 1, end).trim())
    if (entry === undefined) return client
    client = entry
    end = comma
  }
  return client
}

/** An address, perhaps in brackets, perhaps with a port. Longer texts are none. */
const ENTRY =
  /^(?:\[([\da-f:.]{2,45})(?:%[\w.-]{1,16})?\](?::\d{1,5})?|([\d.]{7,15})(?::\d{1,5})?|([\da-f:.]{2,45})(?:%[\w.-]{1,16})?)$/i
const LONGEST_ENTRY = 80

function forwardedAddress(entry: string): string | undefined {
  if (entry.length > LONGEST_ENTRY) return undefined
  const [, bracketed, ipv4, plain] = ENTRY.exec(entry) ?? []
  const groups = parseAddress(bracketed ?? ipv4 ?? plain ?? '')
  return groups && formatAddress(groups)
}
