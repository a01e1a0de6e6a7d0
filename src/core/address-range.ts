/**
 * Networks as operators write them ("10.0.0.0/8", "fd00::/8", "192.0.2.7"), and which client
 * stands behind proxies that may be believed. An IPv4 address within IPv6 is the IPv4
 * address, and no IPv6 network holds it. Must not resolve names or know a setting.
 */
import { parseIpv6 } from './address.ts'
import { type Headers, headersOf } from './headers.ts'

export interface AddressRange {
  readonly family: 4 | 6
  readonly groups: readonly number[]
  readonly bits: number
}

type Address = Omit<AddressRange, 'bits'>

/** Undefined when the text is no network. Bits beyond the prefix mean nothing. */
export function readRange(text: string): AddressRange | undefined {
  const [, host = '', prefix] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? []
  const address = readAddress(host)
  if (address === undefined) return undefined
  const most = address.groups.length * GROUP_BITS
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8 in other words.
  const shift = address.family === 4 && host.includes(':') ? 96 : 0
  const bits = prefix === undefined ? most : Number(prefix) - shift
  return bits >= 0 && bits <= most ? { ...address, bits } : undefined
}

const GROUP_BITS = 16

export function isWithin(text: string, ranges: readonly AddressRange[]): boolean {
  const address = readAddress(text)
  return address !== undefined && ranges.some((range) => holds(range, address))
}

const holds = ({ family, groups, bits }: AddressRange, address: Address): boolean =>
  family === address.family &&
  groups.every((group, index) => {
    const ignored = Math.min(GROUP_BITS, Math.max(0, (index + 1) * GROUP_BITS - bits))
    return group >> ignored === (address.groups[index] ?? 0) >> ignored
  })

const LOOPBACK: readonly AddressRange[] = [
  { family: 4, groups: [127 << 8, 0], bits: 8 },
  { family: 6, groups: [0, 0, 0, 0, 0, 0, 0, 1], bits: 128 },
]

export const isLoopbackAddress = (text: string): boolean => isWithin(text, LOOPBACK)

/** What a client is called whose address cannot be told. In no network. */
export const UNKNOWN_ADDRESS = 'unknown'

export interface Forwarding {
  readonly trusted: readonly AddressRange[]
  /** The one header that those proxies set; another would be the client's own words. */
  readonly header: 'x-forwarded-for' | 'forwarded'
}

/**
 * The client's address: of the connection, or, where that is a trusted proxy's, the nearest
 * one in its header that is not. What stands further left may be anybody's invention.
 */
export function clientAddress(peer: string, headers: Headers, { trusted, header }: Forwarding): string {
  if (trusted.length === 0 || !isWithin(peer, trusted)) return peer
  let client = peer
  for (const hop of hopsOf(headers, header).toReversed()) {
    const address = withoutPort(hop)
    if (readAddress(address) === undefined) return UNKNOWN_ADDRESS
    // From elsewhere nobody is on this machine, whatever a header says.
    if (isLoopbackAddress(address) && !isLoopbackAddress(peer)) return UNKNOWN_ADDRESS
    client = address
    if (!isWithin(address, trusted)) return client
  }
  return client
}

/** Nearest last. RFC 7239 §4: for="[2001:db8::1]:4711";proto=https, for=192.0.2.43. */
function hopsOf(headers: Headers, header: Forwarding['header']): readonly string[] {
  const elements = headersOf(headers, header).flatMap((value) => value.split(','))
  if (header === 'x-forwarded-for') return elements.map((element) => element.trim())
  return elements.map((element) => /(?:^|;)\s*for="?([^";,]*)"?/i.exec(element)?.[1]?.trim() ?? '')
}

/** 192.0.2.7:443 and [2001:db8::1]:443 are hosts with ports; 2001:db8::1 is none. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1]
  return (bracketed ?? hop.replace(/^([^:]*):\d+$/, '$1')).toLowerCase()
}

function readAddress(text: string): Address | undefined {
  const plain = text.replace(/%.*$/, '')
  if (!plain.includes(':')) return readIpv4(plain)
  if (!IPV6.test(plain) || plain.indexOf('::') !== plain.lastIndexOf('::')) return undefined
  const groups = parseIpv6(plain)
  if (groups === undefined) return undefined
  const [high = 0, low = 0] = groups.slice(6)
  const isMapped = groups.slice(0, 6).join(':') === '0:0:0:0:0:65535'
  return isMapped ? { family: 4, groups: [high, low] } : { family: 6, groups }
}

/** Groups of one to four digits; the last two may be an IPv4 address. */
const IPV6 = /^(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{0,4}|\d{1,3}(?:\.\d{1,3}){3})$/i
/** Without leading zeros: they mean octal to some. */
const IPV4 = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/

function readIpv4(text: string): Address | undefined {
  if (!IPV4.test(text)) return undefined
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return Math.max(a, b, c, d) > 255 ? undefined : { family: 4, groups: [a * 256 + b, c * 256 + d] }
}
