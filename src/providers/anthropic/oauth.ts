/**
 * Anthropic's OAuth as `wire.md` §2 describes it: the URL a person signs in at, what is sent
 * to the token endpoint, and how its answers, the profile and a pasted code are read. Builds
 * and reads texts only: hashes, chance and the time are arguments. Must not send anything.
 */
import { type Headers, headerOf } from '../../core/headers.ts'
import type { Standing } from '../../core/standing.ts'
import { later, MINUTE, type Millis, SECOND } from '../../core/time.ts'
import { isObject } from '../../dialects/messages/usage.ts'
import { readRetryAfter } from './limits.ts'

/** `max`: a subscription on claude.ai. `console`: an organization that pays by use. */
export type LoginMode = 'max' | 'console'

export const OAUTH_BETA = 'oauth-2025-04-20'
export const TOKEN_PATH = '/v1/oauth/token'
export const PROFILE_PATH = '/api/oauth/profile'
export const CREATE_KEY_PATH = '/api/oauth/claude_cli/create_api_key'

const AUTHORIZE_URLS: Readonly<Record<LoginMode, string>> = {
  max: 'https://claude.ai/oauth/authorize',
  console: 'https://platform.claude.com/oauth/authorize',
}
const SCOPES: Readonly<Record<LoginMode, string>> = {
  max: 'user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload',
  console:
    'org:create_api_key user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload',
}

export interface AuthorizeOptions {
  readonly mode: LoginMode
  /** In the place of the mode's own address; empty: that one. */
  readonly url: string
  readonly clientId: string
  readonly redirectUri: string
  /** base64url(SHA-256(verifier)) without padding. */
  readonly challenge: string
  readonly state: string
}

export function authorizeUrl({
  mode,
  url,
  clientId,
  redirectUri,
  challenge,
  state,
}: AuthorizeOptions): string {
  const base = url === '' ? AUTHORIZE_URLS[mode] : toPage(url)
  const query = new URLSearchParams({
    code: 'true',
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: SCOPES[mode],
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state,
  })
  return `${base}${base.includes('?') ? '&' : '?'}${query}`
}

/** An origin alone means the usual path there. */
function toPage(text: string): string {
  const url = URL.parse(text)
  if (url === null) return text
  if (url.pathname === '/') url.pathname = '/oauth/authorize'
  url.hash = ''
  return url.href
}

/** What a person pastes: `code#state`, or the whole address that the sign-in ended at. */
export type Pasted =
  | { readonly kind: 'code'; readonly code: string; readonly state: string }
  | { readonly kind: 'denied'; readonly reason: string }
  /** The part behind the `#` is missing. */
  | { readonly kind: 'incomplete' }

export function readPasted(text: string): Pasted {
  const pasted = text.trim()
  const url = /^https?:\/\//.test(pasted) ? URL.parse(pasted) : null
  const fields = url === null ? undefined : new URLSearchParams(url.search)
  const error = fields?.get('error')
  if (error) return { kind: 'denied', reason: fields?.get('error_description') ?? error }
  const [code = '', state = ''] =
    fields === undefined ? pasted.split('#') : [fields.get('code') ?? '', fields.get('state') ?? '']
  return code === '' || state === '' ? { kind: 'incomplete' } : { kind: 'code', code, state }
}

export const exchangeBody = (exchange: {
  readonly code: string
  readonly state: string
  readonly clientId: string
  readonly redirectUri: string
  readonly verifier: string
}): string =>
  JSON.stringify({
    grant_type: 'authorization_code',
    code: exchange.code,
    state: exchange.state,
    client_id: exchange.clientId,
    redirect_uri: exchange.redirectUri,
    code_verifier: exchange.verifier,
  })

export const renewalBody = (refreshToken: string, clientId: string): string =>
  JSON.stringify({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId })

export interface TokenSet {
  readonly accessToken: string
  /** Undefined: the one before stays valid (`wire.md` §2.4). */
  readonly refreshToken: string | undefined
  readonly expiresAt: Millis
  readonly scopes: readonly string[]
  readonly standing: Standing
}

export type TokenAnswer =
  | { readonly kind: 'tokens'; readonly tokens: TokenSet }
  /** The grant is gone: only a new sign-in helps. */
  | { readonly kind: 'revoked'; readonly evidence: string }
  /** The request itself was refused: client id, redirect or code. */
  | { readonly kind: 'refused'; readonly evidence: string }
  /** It may work later: limited, in trouble, or behind something that answers in its place. */
  | { readonly kind: 'later'; readonly evidence: string; readonly waitMs: number | undefined }
  /** A success that cannot be relied on: nothing is known of how long it holds, or what it is. */
  | { readonly kind: 'unusable'; readonly evidence: string }

export interface TokenReply {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  readonly now: Millis
  /** What was sent: providers repeat it in their messages, and no evidence may (G5). */
  readonly secrets?: readonly string[]
}

const LONGEST_LIFE_MS = 400 * 24 * 60 * MINUTE

export function readTokenAnswer({ status, headers, body, now, secrets = [] }: TokenReply): TokenAnswer {
  const say = (text: string): string => quoted(text, secrets)
  const value = parse(body)
  if (status === 429) {
    const waitMs = readRetryAfter(headers, now) ?? 5 * MINUTE
    return {
      kind: 'later',
      evidence: 'the token endpoint limits sign-ins and renewals (429)',
      waitMs: Math.max(MINUTE, waitMs),
    }
  }
  if (status >= 500)
    return { kind: 'later', evidence: `the token endpoint answered ${status}`, waitMs: undefined }
  if (value === undefined) {
    const what =
      headerOf(headers, 'content-type')?.startsWith('text/html') === true ? 'a web page' : 'no JSON'
    return {
      kind: 'later',
      evidence: `the token endpoint answered ${status} with ${what}`,
      waitMs: undefined,
    }
  }
  return status >= 200 && status < 300 ? readTokens(value, now, say) : readRefusal(status, value, say)
}

type Say = (text: string) => string

const LONGEST_QUOTE = 200

/** Without secrets before it is cut, or half of one would be left; on one line, whatever it holds. */
const quoted: (text: string, secrets: readonly string[]) => string = (text, secrets) =>
  secrets
    .reduce((left, secret) => left.replaceAll(secret, '[secret]'), text)
    .replace(/[\p{Cc}\p{Cf}]/gu, ' ')
    .slice(0, LONGEST_QUOTE)

function readTokens(value: Fields, now: Millis, say: Say): TokenAnswer {
  const {
    access_token: accessToken,
    refresh_token: refreshToken,
    expires_in: expiresIn,
    token_type: type,
    scope,
  } = value
  if (typeof accessToken !== 'string' || accessToken === '' || !PRINTABLE.test(accessToken))
    return { kind: 'unusable', evidence: 'the token endpoint’s answer holds no access token' }
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer')
    return {
      kind: 'unusable',
      evidence: `the token endpoint gave a token of the type "${say(type)}"`,
    }
  if (typeof expiresIn !== 'number' || !(expiresIn > 0))
    return { kind: 'unusable', evidence: 'the token endpoint did not say how long its token holds' }
  return {
    kind: 'tokens',
    tokens: {
      accessToken,
      refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined,
      expiresAt: later(now, Math.min(LONGEST_LIFE_MS, expiresIn * SECOND)),
      scopes: typeof scope === 'string' ? scope.split(' ').filter((each) => each !== '') : [],
      standing: readOwner(value),
    },
  }
}

/** A token goes into a header as it is. */
const PRINTABLE = /^[\x21-\x7e]+$/

/** Errors come in the shape of RFC 6749 §5.2 or in that of the Messages API (`wire.md` §2.4). */
function readRefusal(
  status: number,
  { error, error_description: description }: Fields,
  say: Say,
): TokenAnswer {
  const code = typeof error === 'string' ? error : ''
  const words = typeof description === 'string' ? `: ${say(description)}` : ''
  if (code === 'invalid_grant')
    return { kind: 'revoked', evidence: `the token endpoint no longer knows its grant${words}` }
  if (code === 'refresh_token_reused')
    return { kind: 'revoked', evidence: 'its refresh token had been used already' }
  if (code !== '')
    return { kind: 'refused', evidence: `the token endpoint refused the request (${say(code)})${words}` }
  const type = isObject(error) && typeof error.type === 'string' ? ` (${say(error.type)})` : ''
  return { kind: 'later', evidence: `the token endpoint answered ${status}${type}`, waitMs: undefined }
}

/** Whose account it is, from a token answer or from the profile (`wire.md` §2.2, §2.6). */
function readOwner({ organization, account }: Fields): Standing {
  const owner = isObject(organization) ? organization : {}
  const person = isObject(account) ? account : {}
  return {
    ...textField('organization', owner.uuid),
    ...textField('organizationName', owner.name),
    ...textField('plan', owner.organization_type),
    ...textField('email', person.email ?? person.email_address),
  }
}

const LONGEST_TEXT = 200

const textField = <Name extends keyof Standing>(
  name: Name,
  value: unknown,
): { readonly [Key in Name]?: string } =>
  typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT
    ? ({ [name]: value } as { readonly [Key in Name]?: string })
    : {}

export interface Profile {
  readonly standing: Standing
  /** How many times the smallest plan this one is, where it says so. */
  readonly tier: number | undefined
}

/** Undefined when the answer is not a profile. */
export function readProfile(body: string): Profile | undefined {
  const value = parse(body)
  if (value === undefined || !isObject(value.organization)) return undefined
  const { rate_limit_tier: limitTier } = value.organization
  const times = typeof limitTier === 'string' ? /_(\d{1,3})x$/.exec(limitTier)?.[1] : undefined
  return { standing: readOwner(value), tier: times === undefined ? undefined : Number(times) }
}

/** Undefined when no key was made. */
export function readCreatedKey(body: string): string | undefined {
  const key = parse(body)?.raw_key
  return typeof key === 'string' && PRINTABLE.test(key) ? key : undefined
}

type Fields = Readonly<Record<string, unknown>>

function parse(body: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
