/**
 * What a simulated OAuth provider remembers: logins, the grants that people gave, and the
 * tokens that descend from each grant. Refresh tokens are single-use; a second use of one
 * ends its whole grant (`wire.md` §2.4, RFC 9700 §4.14). Speaks no HTTP, asks no clock.
 * Dead tokens are remembered, because that is how a second use is seen; they grow with
 * refreshes only.
 */
import { MINUTE, SECOND } from '../core/time.ts'
import type { AuthorizeQuestion } from './authorize.ts'
import { createLogin, type Login, type LoginOptions } from './login.ts'

/** One act of logging in: what is refreshed from it falls with it. */
export interface Grant {
  readonly login: Login
  /** Undefined: any client may refresh it. */
  readonly clientId: string | undefined
  readonly scopes: readonly string[]
  isRevoked: boolean
}

export interface AccessToken {
  readonly token: string
  readonly grant: Grant
  readonly scopes: readonly string[]
  expiresAt: number
}

export interface RefreshToken {
  readonly token: string
  readonly grant: Grant
  /** Lapsed: too old, which is nobody's fault. */
  state: 'live' | 'retired' | 'lapsed'
}

export interface AuthorizationCode {
  readonly token: string
  readonly question: AuthorizeQuestion
  readonly grant: Grant
  readonly expiresAt: number
  isUsed: boolean
}

export interface Tokens {
  readonly access: AccessToken
  readonly refresh: RefreshToken
}

export interface Terms {
  readonly now: number
  readonly lifetimeSeconds: number
  /** Fewer than were granted, when a refresh asked for fewer. */
  readonly scopes?: readonly string[] | undefined
  /** Goes on with this one instead of a new one. */
  readonly keeps?: RefreshToken | undefined
}

export interface TokenBook {
  /** The login of this id; a new one if there is none. */
  login(options: LoginOptions): Login
  loginOf(id: string): Login | undefined
  issue(grant: Grant, terms: Terms): Tokens
  writeCode(question: AuthorizeQuestion, grant: Grant, now: number): AuthorizationCode
  codeOf(token: string): AuthorizationCode | undefined
  accessOf(token: string): AccessToken | undefined
  refreshOf(token: string): RefreshToken | undefined
  /** What was issued last to this login. */
  newestOf(login: Login): Tokens | undefined
}

/** RFC 6749 §4.1.2: ten minutes at most. */
const CODE_LIFETIME_MS = 10 * MINUTE

export function createTokenBook(): TokenBook {
  const logins = new Map<string, Login>()
  const codes = new Map<string, AuthorizationCode>()
  const accessTokens = new Map<string, AccessToken>()
  const refreshTokens = new Map<string, RefreshToken>()
  const newest = new Map<Login, Tokens>()

  const newRefreshToken = (grant: Grant): RefreshToken =>
    kept(refreshTokens, { token: `CANARY-ort-${refreshTokens.size + 1}`, grant, state: 'live' })
  return {
    login(options) {
      const number = logins.size + 1
      const id = options.id ?? `login-${number}`
      const login = logins.get(id) ?? createLogin(id, number, options)
      logins.set(id, login)
      return login
    },
    loginOf: (id) => logins.get(id),
    issue(grant, { now, lifetimeSeconds, scopes = grant.scopes, keeps }) {
      const access = kept(accessTokens, {
        token: `CANARY-oat-${accessTokens.size + 1}`,
        grant,
        scopes,
        expiresAt: now + lifetimeSeconds * SECOND,
      })
      const tokens = { access, refresh: keeps ?? newRefreshToken(grant) }
      newest.set(grant.login, tokens)
      return tokens
    },
    writeCode: (question, grant, now) =>
      kept(codes, {
        token: `CANARY-code-${codes.size + 1}`,
        question,
        grant,
        expiresAt: now + CODE_LIFETIME_MS,
        isUsed: false,
      }),
    codeOf: (token) => codes.get(token),
    accessOf: (token) => accessTokens.get(token),
    refreshOf: (token) => refreshTokens.get(token),
    newestOf: (login) => newest.get(login),
  }
}

function kept<T extends { readonly token: string }>(tokens: Map<string, T>, token: T): T {
  tokens.set(token.token, token)
  return token
}
