import { withoutMapping } from '../config/addresses.ts'

const GROUPS = 8
/** A network gives one subscriber a /64 (RFC 6177): four groups of 16 bits. One client may use all of its addresses. */
const SUBSCRIBER_GROUPS = 4

/**
 * The block of addresses that counts as one: an IPv4 address, also when written as IPv6, or the /64 of an IPv6
 * address.
 */
export function addressBlock(address: string): string {
  const [plain = ''] = withoutMapping(address).split('%', 1)
  if (!plain.includes(':')) return plain
  const [front = '', back] = plain.toLowerCase().split('::', 2)
  const groups = groupsOf(front)
  if (back !== undefined) {
    const behind = groupsOf(back)
    while (groups.length + behind.length < GROUPS) groups.push('0')
    groups.push(...behind)
  }
  const block = groups.slice(0, SUBSCRIBER_GROUPS).map((group) => group.replace(/^0+(?=.)/, ''))
  return `${block.join(':')}::/64`
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':')
}
