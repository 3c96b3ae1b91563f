/** Groups of 16 bits: two of an IPv4 address, eight of an IPv6 address. */
export type AddressGroups = readonly number[]

/** An address in its longest form: IPv6 with a dotted end. A zone comes on top. */
const LONGEST_ADDRESS = 45
const IPV6_GROUPS = 8
const GROUP_BITS = 16
/** `::ffff:0:0/96` holds the IPv4 addresses (RFC 4291, section 2.5.5.2). */
const MAPPED_BITS = 96

/** An IPv4 address that is written as IPv6 is read as IPv4. A zone (`%eth0`) is left out. Undefined: no address. */
export function parseAddress(text: string): AddressGroups | undefined {
  const zone = text.indexOf('%')
  const plain = zone < 0 ? text : text.slice(0, zone)
  if (!plain.includes(':')) return zone < 0 ? parseIPv4(plain) : undefined
  const groups = parseIPv6(plain)
  return groups !== undefined && isMapped(groups) ? groups.slice(-2) : groups
}

/** A decimal number with a leading zero is octal to some programs, so such an address is none. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d\d|\d)(?:\.(?!$)|$)){4}$/
const LEADING_ZERO = /(?:^|\.)0\d/

function parseIPv4(text: string): number[] | undefined {
  if (text.length > LONGEST_ADDRESS || !IPV4.test(text) || LEADING_ZERO.test(text)) return undefined
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}

function parseIPv6(text: string): number[] | undefined {
  if (text.length > LONGEST_ADDRESS) return undefined
  const [front = '', back, another] = text.split('::', 3)
  if (another !== undefined) return undefined
  const before = parseGroups(front, back === undefined)
  if (back === undefined) return before?.length === IPV6_GROUPS ? before : undefined
  const behind = parseGroups(back, true)
  if (before === undefined || behind === undefined) return undefined
  const zeros = IPV6_GROUPS - before.length - behind.length
  return zeros < 1 ? undefined : [...before, ...new Array<number>(zeros).fill(0), ...behind]
}

/** `isEnd`: the last two groups may be written as an IPv4 address. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  const groups: number[] = []
  if (text === '') return groups
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (isEnd && index === parts.length - 1 && part.includes('.')) {
      const dotted = parseIPv4(part)
      if (dotted === undefined) return undefined
      groups.push(...dotted)
    } else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

function isMapped(groups: AddressGroups): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
}

/** A text of an address that shares no memory with the header that the address was read from. */
export function formatAddress(groups: AddressGroups): string {
  return groups.length === IPV6_GROUPS
    ? groups.map((group) => group.toString(16)).join(':')
    : groups.flatMap((group) => [group >> 8, group & 255]).join('.')
}

interface Network {
  readonly groups: AddressGroups
  readonly bits: number
}

/** `10.0.0.0/8`, `2001:db8::/32`, or an address alone. Undefined: neither. */
function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) {
    const groups = text.includes('%') ? undefined : parseAddress(text)
    return groups && { groups, bits: groups.length * GROUP_BITS }
  }
  const [address, length] = [text.slice(0, slash), text.slice(slash + 1)]
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined
  const bits = Number(length)
  const groups = address.includes(':') ? parseIPv6(address) : parseIPv4(address)
  if (groups === undefined || bits > groups.length * GROUP_BITS) return undefined
  return groups.length === IPV6_GROUPS && bits >= MAPPED_BITS && isMapped(groups)
    ? { groups: groups.slice(-2), bits: bits - MAPPED_BITS }
    : { groups, bits }
}

/** One text for all addresses of a network, and no text for two networks. */
function networkText(groups: AddressGroups, bits: number): string {
  const whole = bits >> 4
  const rest = bits & 15
  const last = rest === 0 ? '' : `${(groups[whole] ?? 0) >> (GROUP_BITS - rest)}`
  return `${groups.length}/${bits}/${groups.slice(0, whole).join(':')}/${last}`
}

/** One text for all spellings of a network. Undefined: the text is neither an address nor a network. */
export function canonicalNetwork(text: string): string | undefined {
  const network = parseNetwork(text)
  return network && networkText(network.groups, network.bits)
}

/** Things by network. A search costs one look-up for each length of prefix that is there, however many networks. */
export class Networks<T> {
  readonly #things = new Map<string, T>()
  /** The lengths of prefixes by the number of groups, the longest first. */
  readonly #lengths = new Map<number, number[]>()

  /** Of equal networks the first counts. What is no network is left out: the configuration refuses such a text. */
  constructor(entries: Iterable<readonly [network: string, thing: T]>) {
    for (const [text, thing] of entries) {
      const network = parseNetwork(text)
      if (network === undefined) continue
      const { groups, bits } = network
      const key = networkText(groups, bits)
      if (this.#things.has(key)) continue
      this.#things.set(key, thing)
      const lengths = this.#lengths.get(groups.length) ?? []
      if (!lengths.includes(bits)) lengths.push(bits)
      this.#lengths.set(
        groups.length,
        lengths.sort((a, b) => b - a),
      )
    }
  }

  get size(): number {
    return this.#things.size
  }

  /** What the most specific network around an address has. */
  find(groups: AddressGroups): T | undefined {
    for (const bits of this.#lengths.get(groups.length) ?? []) {
      const thing = this.#things.get(networkText(groups, bits))
      if (thing !== undefined) return thing
    }
    return undefined
  }
}
