/**
 * The address of a proxy that requests leave through, as people write it: what it says,
 * whether an account may have it, and how it is shown. Must not connect or resolve, and must
 * never repeat a text that it refuses: whatever cannot be read may be a password.
 */

export interface ProxyCredentials {
  readonly user: string
  readonly password: string
}

export interface ProxyAddress {
  readonly kind: 'http' | 'socks5'
  /** As URLs write it: in small letters, an IPv6 address in brackets. */
  readonly host: string
  readonly port: number
  readonly credentials: ProxyCredentials | undefined
}

/**
 * Reads what can be read, as the usual environment variables want it: a port that is left
 * out is the scheme's usual one, a path means nothing. `proxyProblem` is stricter.
 */
export function parseProxy(text: string): ProxyAddress | undefined {
  const proxy = read(text)
  return proxy === undefined || !canBeSent(proxy) ? undefined : proxy
}

/** Why a text cannot be an account's proxy, as a sentence that repeats nothing of it; undefined when it can. */
export function proxyProblem(text: string): string | undefined {
  const [, scheme = '', authority = '', rest = ''] = FORM.exec(text) ?? []
  if (scheme.toLowerCase() === 'https')
    return 'A proxy is not spoken to over TLS: give its http:// or socks5:// address.'
  const proxy = read(text)
  if (proxy === undefined) return HOW_TO_WRITE
  if (!PORT.test(authority))
    return 'A proxy’s address names its port: http://host:port or socks5://host:port.'
  if (rest !== '' && rest !== '/')
    return 'A proxy’s address ends with its port; a /, ? or # in its password is written %2F, %3F or %23.'
  return canBeSent(proxy)
    ? undefined
    : 'A SOCKS5 proxy’s credentials are a user name of 1 to 255 bytes and a password of at most 255.'
}

/** For people: the address alone. Of a text that cannot be an account's proxy nothing is shown. */
export function withoutCredentials(text: string): string {
  const proxy = proxyProblem(text) === undefined ? parseProxy(text) : undefined
  return proxy === undefined ? '(unreadable)' : `${proxy.kind}://${proxy.host}:${proxy.port}`
}

function read(text: string): ProxyAddress | undefined {
  const [, scheme = '', authority = ''] = FORM.exec(text) ?? []
  const kind = KINDS.get(scheme.toLowerCase())
  // Always as http://, because only hosts of well-known schemes are brought into their one form.
  const url = URL.parse(`http://${authority}`)
  const port = Number(PORT.exec(authority)?.[1] ?? (kind === 'socks5' ? 1080 : 80))
  if (kind === undefined || url === null || port === 0) return undefined
  const { hostname: host, username, password } = url
  const isAnonymous = username === '' && password === ''
  const credentials = isAnonymous ? undefined : { user: decoded(username), password: decoded(password) }
  return { kind, host, port, credentials }
}

const HOW_TO_WRITE =
  'A proxy is written http://host:port or socks5://host:port, with user:password@ before the host where it wants them, their special characters percent-encoded.'

/** Scheme, authority, and what stands behind it. */
const FORM = /^([a-z][a-z0-9]*):\/\/([^/?#\\\s]+)((?:[/?#].*)?)$/i

const PORT = /:(\d+)$/

/** "socks5" leaves the name to the proxy here, as "socks5h" does everywhere: see `platform/upstream/socks.ts`. */
const KINDS: ReadonlyMap<string, ProxyAddress['kind']> = new Map([
  ['http', 'http'],
  ['socks5', 'socks5'],
  ['socks5h', 'socks5'],
] as const)

/** A percent sign that stands for itself is common in passwords that were never encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** RFC 1929 §2: each has one byte for its length. Proxies that go by the user name alone take no password. */
function canBeSent({ kind, credentials }: ProxyAddress): boolean {
  if (kind === 'http' || credentials === undefined) return true
  const { user, password } = credentials
  return user !== '' && byteLength(user) <= 255 && byteLength(password) <= 255
}

const byteLength = (text: string): number => new TextEncoder().encode(text).length
