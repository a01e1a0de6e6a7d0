/**
 * The simulated provider's people: they log in, get tokens that rotate, and use up their
 * plans (`wire.md` §2). What tests hold in their hands; the parts are authorize.ts,
 * token-book.ts, token-endpoint.ts and account-endpoints.ts.
 */
import { headerOf } from '../core/headers.ts'
import { answerToToken } from './account-endpoints.ts'
import { readAuthorizeUrl, refusedRedirect } from './authorize.ts'
import { pathOf } from './healthy.ts'
import type { Login, LoginOptions, Organization, Person } from './login.ts'
import { type LoginUsage, usageAt } from './login-usage.ts'
import { bearerUnknown, type Reply, unauthorized } from './replies.ts'
import type { Received } from './simulator.ts'
import {
  type AccessToken,
  createTokenBook,
  type RefreshToken,
  type TokenBook,
  type Tokens,
} from './token-book.ts'
import { answerTokenRequest, type TokenAnswers } from './token-endpoint.ts'

/** The key under which the token endpoint is scripted: its requests carry no credential. */
export const TOKEN_ENDPOINT = 'token-endpoint'

export interface Logins {
  /** What a person does with the URL in a browser; returns what they paste, `code#state`. */
  authorize(authorizeUrl: string, options?: AuthorizeOptions): string
  /** A login whose tokens are had already, without the dance; or further tokens of one. */
  grant(options?: GrantOptions): GrantedLogin
  /** The tokens that this login got last, by whatever way. */
  newest(loginId: string): GrantedLogin
  /** Replaces what is named of the login's usage; the login by its id or by an access token. */
  setUsage(login: string, usage: Partial<LoginUsage>): void
  /** Ends the access token's life now. */
  expire(accessToken: string): void
  /** The person logs out: the refresh token and all that came of the same grant are dead. */
  revoke(refreshToken: string): void
  /** The grant's month is over (§2.4): no refresh any more, but access tokens live to their end. */
  lapse(refreshToken: string): void
  /** Of access tokens that are issued from now on. */
  lifetimeSeconds: number
  answers: TokenAnswers
  /** Every refresh that was granted. */
  readonly refreshes: readonly Refresh[]
  /** Every use of a refresh token that had been rotated away. */
  readonly reuses: readonly Reuse[]
  /** Requests to the token endpoint, scripted ones and refused ones too. */
  readonly tokenRequests: number
}

export interface AuthorizeOptions extends LoginOptions {
  /** The person says no: what is left to paste is the address they were sent back to. */
  readonly deny?: boolean
}

export interface GrantOptions extends LoginOptions {
  /** The only client that may refresh it; unless given, any. */
  readonly clientId?: string
}

export interface GrantedLogin {
  readonly loginId: string
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresInMs: number
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly scopes: readonly string[]
  readonly organization: Organization
  readonly account: Person
}

export interface Refresh {
  readonly loginId: string
  readonly from: string
  /** The same as `from` where the answer had no refresh token. */
  readonly to: string
  readonly accessToken: string
  readonly at: number
}

export interface Reuse {
  readonly loginId: string
  readonly token: string
  readonly at: number
}

/** The simulator's side of it. */
export interface LoginDesk extends Logins {
  note(request: Received): void
  /** Undefined: no concern of logins. */
  answer(request: Received): Reply | undefined
}

export const isTokenEndpoint = (request: Pick<Received, 'target'>): boolean =>
  pathOf(request) === '/v1/oauth/token'

/** `wire.md` §2.4: eight hours. */
const LIFETIME_SECONDS = 28_800
/** What a subscription's login asks for (§2.1). */
const SCOPES = ['user:profile', 'user:inference', 'user:sessions:claude_code']

export function createLogins(now: () => number): LoginDesk {
  const book = createTokenBook()
  const refreshes: Refresh[] = []
  const reuses: Reuse[] = []
  let tokenRequests = 0

  const desk: LoginDesk = {
    lifetimeSeconds: LIFETIME_SECONDS,
    answers: {},
    refreshes,
    reuses,
    get tokenRequests() {
      return tokenRequests
    },
    authorize(authorizeUrl, { deny = false, ...options } = {}) {
      const question = readAuthorizeUrl(authorizeUrl)
      if (deny) return refusedRedirect(question)
      const { clientId, scopes, state } = question
      const grant = newGrant(book.login(options), clientId, options.scopes ?? scopes)
      return `${book.writeCode(question, grant, now()).token}#${state}`
    },
    grant(options = {}) {
      const grant = newGrant(book.login(options), options.clientId, options.scopes ?? SCOPES)
      return toGranted(book.issue(grant, { now: now(), lifetimeSeconds: desk.lifetimeSeconds }), now())
    },
    newest: (loginId) => toGranted(newestOf(book, loginId), now()),
    setUsage(id, usage) {
      const login = book.accessOf(id)?.grant.login ?? loginOf(book, id)
      login.usage = usageAt({ ...login.usage, ...usage }, now())
    },
    expire(accessToken) {
      accessOf(book, accessToken).expiresAt = now()
    },
    revoke(refreshToken) {
      refreshOf(book, refreshToken).grant.isRevoked = true
    },
    lapse(refreshToken) {
      refreshOf(book, refreshToken).state = 'lapsed'
    },
    note(request) {
      if (isTokenEndpoint(request)) tokenRequests++
    },
    answer(request) {
      if (request.method !== 'POST' || !isTokenEndpoint(request))
        return answerCredential(book, request, now())
      return answerTokenRequest(request, {
        book,
        now: now(),
        lifetimeSeconds: desk.lifetimeSeconds,
        answers: desk.answers,
        refreshed: (from, tokens) => void refreshes.push(toRefresh(from, tokens, now())),
        reused: ({ token, grant }) => void reuses.push({ loginId: grant.login.id, token, at: now() }),
      })
    },
  }
  return desk
}

/** Keys that were never issued here are somebody else's business, except where logins alone are served. */
function answerCredential(book: TokenBook, request: Received, now: number): Reply | undefined {
  const access = book.accessOf(request.key)
  if (access !== undefined) return answerToToken(access, request, now)
  const isForeign = book.refreshOf(request.key) === undefined
  if (isForeign && !pathOf(request).startsWith('/api/oauth/')) return undefined
  return headerOf(request.headers, 'x-api-key') === undefined ? bearerUnknown : unauthorized
}

const newGrant = (login: Login, clientId: string | undefined, scopes: readonly string[]) => ({
  login,
  clientId,
  scopes,
  isRevoked: false,
})

const toGranted = ({ access, refresh }: Tokens, now: number): GrantedLogin => ({
  loginId: access.grant.login.id,
  accessToken: access.token,
  refreshToken: refresh.token,
  expiresInMs: access.expiresAt - now,
  expiresAt: access.expiresAt,
  scopes: access.scopes,
  organization: access.grant.login.organization,
  account: access.grant.login.account,
})

const toRefresh = ({ token, grant }: RefreshToken, { access, refresh }: Tokens, at: number): Refresh => ({
  loginId: grant.login.id,
  from: token,
  to: refresh.token,
  accessToken: access.token,
  at,
})

/** What a test names must exist: else the test is wrong, and says so. */
function loginOf(book: TokenBook, id: string): Login {
  const login = book.loginOf(id)
  if (login === undefined) throw new Error(`The simulated provider knows no login "${id}".`)
  return login
}

function newestOf(book: TokenBook, loginId: string): Tokens {
  const tokens = book.newestOf(loginOf(book, loginId))
  if (tokens === undefined) throw new Error(`The login "${loginId}" has no tokens yet.`)
  return tokens
}

function accessOf(book: TokenBook, token: string): AccessToken {
  const access = book.accessOf(token)
  if (access === undefined) throw new Error(`The simulated provider issued no access token "${token}".`)
  return access
}

function refreshOf(book: TokenBook, token: string): RefreshToken {
  const refresh = book.refreshOf(token)
  if (refresh === undefined) throw new Error(`The simulated provider issued no refresh token "${token}".`)
  return refresh
}
