/**
 * Which `Host` and `Origin` a request may carry. A browser that was lured to us by DNS
 * rebinding sends the attacker's name as `Host`; one that another site drives sends that
 * site as `Origin`. Neither gets anything (G12). Must not know a route.
 */
import { isLoopbackHost } from './access.ts'
import { type Headers, headerOf, headersOf } from './headers.ts'

export interface OriginPolicy {
  /** Further names that this gateway answers to, in lower case. */
  readonly allowedHosts: readonly string[]
  /** Origins (scheme, host, port) that may call it from a browser. */
  readonly allowedOrigins: readonly string[]
}

export type OriginVerdict = 'ok' | 'bad-host' | 'foreign-host' | 'foreign-origin'

/** `isPage`: a link on another site may lead there. */
export function checkOrigin(headers: Headers, policy: OriginPolicy, isPage = false): OriginVerdict {
  const hosts = headersOf(headers, 'host')
  const [host] = hosts
  const name = host === undefined || hosts.length > 1 ? undefined : hostName(host)
  if (name === undefined) return 'bad-host'
  if (!isOwnHost(name, policy)) return 'foreign-host'
  if (isPage && isNavigation(headers)) return 'ok'
  return isOwnOrigin(headers, (host ?? '').toLowerCase(), policy) ? 'ok' : 'foreign-origin'
}

/** An address literal cannot be rebound, so it is as good as the names that the operator gave. */
const isOwnHost = (name: string, { allowedHosts }: OriginPolicy): boolean =>
  isLoopbackHost(name) || isAddress(name) || allowedHosts.includes(name)

function isOwnOrigin(headers: Headers, host: string, { allowedOrigins }: OriginPolicy): boolean {
  const origin = headerOf(headers, 'origin')?.toLowerCase()
  if (origin !== undefined) {
    return origin === `http://${host}` || origin === `https://${host}` || allowedOrigins.includes(origin)
  }
  const site = headerOf(headers, 'sec-fetch-site')
  return site === undefined || site === 'same-origin' || site === 'none'
}

/** Somebody has followed a link: the page is shown to them, and the site it was on sees nothing of it. */
const isNavigation = (headers: Headers): boolean =>
  headerOf(headers, 'origin') === undefined &&
  headerOf(headers, 'sec-fetch-mode') === 'navigate' &&
  headerOf(headers, 'sec-fetch-dest') === 'document'

const HOST = /^(?:(\[[0-9a-f:.]+\])|([a-z0-9._-]+))(?::\d{1,5})?$/

/** The host of `host[:port]`, in lower case; undefined if it is neither a name nor an address. */
function hostName(host: string): string | undefined {
  const match = HOST.exec(host.toLowerCase())
  return match === null ? undefined : (match[1] ?? match[2])?.replace(/\.$/, '')
}

const isAddress = (name: string): boolean => name.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name)
