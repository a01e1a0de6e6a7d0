/**
 * Which network addresses requests with credentials may never go to: link-local ones and
 * the metadata services of clouds, whatever name led there. Loopback and private networks
 * are the operator's own choice, because local models exist. Takes canonical addresses, as
 * resolvers give them; must not resolve anything.
 */

/** Why an address is refused; undefined if it may be used. */
export function blockedReason(address: string): string | undefined {
  const groups = address.includes(':') ? parseIpv6(address) : undefined
  if (groups === undefined) return blockedIpv4(address)
  const mapped = mappedIpv4(groups)
  if (mapped !== undefined) return blockedIpv4(mapped)
  const [first = 0] = groups
  if ((first & 0xffc0) === 0xfe80) return 'a link-local address'
  if ((first & 0xff00) === 0xff00) return 'a multicast address'
  return METADATA.has(groups.map((group) => group.toString(16)).join(':'))
    ? 'a cloud metadata address'
    : undefined
}

/** Alibaba, Azure, Oracle and AWS; the usual 169.254.169.254 is link-local already. */
const METADATA: ReadonlySet<string> = new Set([
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2:0:0:0:0:0:254',
])

function blockedIpv4(address: string): string | undefined {
  if (METADATA.has(address)) return 'a cloud metadata address'
  const [first = 0, second = 0] = address.split('.').map(Number)
  if (first === 169 && second === 254) return 'a link-local address'
  if (first >= 224) return 'a multicast or reserved address'
  return undefined
}

/** `::ffff:a.b.c.d` and `64:ff9b::a.b.c.d` lead to the IPv4 address in their last two groups. */
function mappedIpv4(groups: readonly number[]): string | undefined {
  const start = groups.slice(0, 6).join(':')
  if (start !== '0:0:0:0:0:65535' && start !== '100:65435:0:0:0:0' && start !== '0:0:0:0:0:0')
    return undefined
  const [high = 0, low = 0] = groups.slice(6)
  if (start === '0:0:0:0:0:0' && high === 0) return undefined
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}

/** The eight groups of an IPv6 address, in brackets or not; undefined when it is none. */
export function parseIpv6(address: string): readonly number[] | undefined {
  const plain = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain)
  const text =
    dotted === null ? plain : `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}`
  const [left = '', right] = text.split('::')
  const head = groupsOf(left)
  const tail = right === undefined ? [] : groupsOf(right)
  const gap = right === undefined ? 0 : 8 - head.length - tail.length
  const groups = [...head, ...Array.from({ length: Math.max(0, gap) }, () => 0), ...tail]
  return groups.length === 8 && groups.every((group) => group >= 0 && group <= 0xffff) ? groups : undefined
}

const groupsOf = (text: string): readonly number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))

const pair = (high: string | undefined, low: string | undefined): string =>
  (Number(high) * 256 + Number(low)).toString(16)

/**
 * What attempts are counted by: of IPv6 the first 64 bits, because whoever has one address
 * there has them all.
 */
export function networkKey(address: string): string {
  const groups = address.includes(':') ? parseIpv6(address) : undefined
  if (groups === undefined) return address
  return mappedIpv4(groups) ?? groups.slice(0, 4).join(':')
}
