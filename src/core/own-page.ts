/**
 * Whether a call that only a cookie vouches for was made by a page of ours (CSRF). Browsers
 * add cookies by themselves, and "same site" takes every port of a host for one, so a cookie
 * alone changes nothing: the call must be one that no other site's page can make. Which
 * origins are ours is core/origin.ts, and was asked before.
 */

export interface CookieCall {
  readonly method: string
  readonly contentType: string | undefined
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
}

/** Why the cookie does not count for this call, as a sentence; undefined when it does. */
export function forgeryIn({ method, contentType, origin, fetchSite }: CookieCall): string | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined
  if (!/^application\/json\b/i.test(contentType ?? ''))
    return 'With a cookie, a call that changes something must be sent as application/json.'
  if (origin !== undefined || fetchSite === 'same-origin' || fetchSite === 'none') return undefined
  return 'With a cookie, a call that changes something must say which page it comes from (Origin or Sec-Fetch-Site).'
}
