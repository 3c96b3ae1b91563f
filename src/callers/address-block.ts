import { formatAddress, parseAddress } from './networks.ts'

const IPV4_GROUPS = 2
/** A network gives one subscriber a /64 (RFC 6177): four groups of 16 bits. One client may use all of its addresses. */
const SUBSCRIBER_GROUPS = 4
/** Of a text that is no address. An address with a zone is shorter. */
const LONGEST_TEXT = 64

/**
 * The block of addresses that counts as one: an IPv4 address, also when written as IPv6, or the /64 of an IPv6
 * address. A text that is no address stands for itself.
 */
export function addressBlock(address: string): string {
  const groups = parseAddress(address)
  if (groups === undefined) return address.slice(0, LONGEST_TEXT)
  if (groups.length === IPV4_GROUPS) return formatAddress(groups)
  const block = groups.slice(0, SUBSCRIBER_GROUPS).map((group) => group.toString(16))
  return `${block.join(':')}::/64`
}
