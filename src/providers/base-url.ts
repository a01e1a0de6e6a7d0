/**
 * Base URLs of accounts: what may be one, and what it says to the network. `wire.md` §4:
 * clients append "/v1/messages", so a base may carry a path. Must not resolve names.
 */
import { blockedReason } from '../core/address.ts'
import type { Endpoint } from '../core/ports/upstream.ts'

/** Undefined when the text is not a usable base URL. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '')
    return undefined
  const isSecure = url.protocol === 'https:'
  const usualPort = isSecure ? 443 : 80
  const port = url.port === '' ? usualPort : Number(url.port)
  return { isSecure, host: url.hostname, port, path: url.pathname.replace(/\/+$/, '') }
}

/** Why a text cannot be an account's base URL, as a sentence; undefined when it can. */
export function baseUrlProblem(text: string, allowedHosts: readonly string[]): string | undefined {
  const url = URL.parse(text)
  const endpoint = parseEndpoint(text)
  if (url === null || endpoint === undefined)
    return 'A base URL begins with http:// or https:// and names a host.'
  if (url.username !== '' || url.password !== '') return 'A base URL carries no user name or password.'
  if (url.search !== '' || url.hash !== '') return 'A base URL carries no query and no fragment.'
  if (/\/v1$/.test(endpoint.path)) return 'Leave out the /v1 at the end: clients add it themselves.'
  const reason = allowedHosts.includes(endpoint.host) ? undefined : blockedReason(endpoint.host)
  return reason === undefined
    ? undefined
    : `${endpoint.host} is ${reason}. If that is meant, add it to the setting allowedUpstreamHosts.`
}
