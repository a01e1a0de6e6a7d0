/**
 * The authorize page of the simulated provider: reads the address that a gateway sends a
 * person's browser to, as strictly as `wire.md` §2.1, RFC 6749 §4.1.1 and RFC 7636 §4.3 say.
 * What is wrong with it is thrown as a sentence, since a person would see it in the browser.
 */

export interface AuthorizeQuestion {
  readonly clientId: string
  readonly redirectUri: string
  readonly scopes: readonly string[]
  /** base64url(SHA-256(verifier)). */
  readonly challenge: string
  readonly state: string
}

/** 32 bytes in base64url without padding. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/

export function readAuthorizeUrl(text: string): AuthorizeQuestion {
  if (!URL.canParse(text)) throw new Error(`The authorize URL is no URL: ${text}`)
  const query = new URL(text).searchParams
  expectValue(query, 'response_type', 'code')
  expectValue(query, 'code_challenge_method', 'S256')
  const challenge = parameterOf(query, 'code_challenge')
  if (!CHALLENGE.test(challenge)) {
    throw new Error('The authorize URL has a code_challenge that is no SHA-256 in base64url.')
  }
  return {
    clientId: parameterOf(query, 'client_id'),
    redirectUri: readRedirectUri(parameterOf(query, 'redirect_uri')),
    scopes: parameterOf(query, 'scope').split(' '),
    challenge,
    state: parameterOf(query, 'state'),
  }
}

/** Where the browser ends up when the person says no (RFC 6749 §4.1.2.1). */
export function refusedRedirect({ redirectUri, state }: AuthorizeQuestion): string {
  const url = new URL(redirectUri)
  url.searchParams.set('error', 'access_denied')
  url.searchParams.set('state', state)
  return url.href
}

function expectValue(query: URLSearchParams, name: string, expected: string): void {
  const value = parameterOf(query, name)
  if (value !== expected) throw new Error(`The authorize URL has ${name}=${value} instead of ${expected}.`)
}

/** A parameter that is there twice is an error (RFC 6749 §3.1). */
function parameterOf(query: URLSearchParams, name: string): string {
  const [value = '', ...others] = query.getAll(name)
  if (value === '') throw new Error(`The authorize URL has no ${name}.`)
  if (others.length > 0) throw new Error(`The authorize URL has more than one ${name}.`)
  return value
}

/** Codes leave only encrypted, or not at all (RFC 8252 §7.3). */
function readRedirectUri(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isLoopback = url !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)) return text
  throw new Error(`The authorize URL has a redirect_uri that no code may be sent to: ${text}`)
}
