/**
 * POST /v1/oauth/token of the simulated provider (`wire.md` §2.2–2.4): exchanges codes and
 * rotates refresh tokens, and refuses in the shape of RFC 6749 §5.2. Changes the book, and
 * nothing else.
 */
import { createHash } from 'node:crypto'
import { isOfType } from '../core/headers.ts'
import { SECOND } from '../core/time.ts'
import { json, NOT_STORED, oauthRefusal, type Reply } from './replies.ts'
import type { Received } from './simulator.ts'
import type { AuthorizationCode, Grant, RefreshToken, TokenBook, Tokens } from './token-book.ts'

/** How the endpoint answers; what is left out is as `wire.md` §2.2 says. */
export interface TokenAnswers {
  /** A refresh without a new refresh token leaves the old one alive (§2.4). */
  readonly omitRefreshToken?: boolean
  readonly omitExpiresIn?: boolean
  readonly omitOrganization?: boolean
  readonly omitAccount?: boolean
  /** "Bearer" unless given. */
  readonly tokenType?: string
  /** Instead of the truth. */
  readonly scope?: string
}

export interface TokenEndpoint {
  readonly book: TokenBook
  readonly now: number
  readonly lifetimeSeconds: number
  readonly answers: TokenAnswers
  refreshed(from: RefreshToken, tokens: Tokens): void
  reused(token: RefreshToken): void
}

type Fields = Readonly<Record<string, unknown>>

export function answerTokenRequest(request: Received, endpoint: TokenEndpoint): Reply {
  if (!isOfType(request.headers, 'application/json')) {
    return oauthRefusal('invalid_request', 'The content type must be application/json')
  }
  const fields = readFields(request.body)
  if (fields === undefined) return oauthRefusal('invalid_request', 'The body must be one JSON object')
  switch (fields.grant_type) {
    case 'authorization_code':
      return missingOf(fields, CODE_FIELDS) ?? exchange(fields, endpoint)
    case 'refresh_token':
      return missingOf(fields, REFRESH_FIELDS) ?? refresh(fields, endpoint)
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return oauthRefusal('unauthorized_client', 'The client may not use this grant type')
    case undefined:
      return oauthRefusal('invalid_request', 'Missing grant_type')
    default:
      return oauthRefusal('unsupported_grant_type', 'The grant type is not supported')
  }
}

const CODE_FIELDS = ['code', 'state', 'client_id', 'redirect_uri', 'code_verifier']
const REFRESH_FIELDS = ['refresh_token', 'client_id']

function readFields(body: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function missingOf(fields: Fields, names: readonly string[]): Reply | undefined {
  const missing = names.find((name) => textOf(fields, name) === '')
  return missing === undefined ? undefined : oauthRefusal('invalid_request', `Missing ${missing}`)
}

const textOf = (fields: Fields, name: string): string => {
  const value = fields[name]
  return typeof value === 'string' ? value : ''
}

function exchange(fields: Fields, endpoint: TokenEndpoint): Reply {
  const code = endpoint.book.codeOf(textOf(fields, 'code'))
  if (code === undefined || code.expiresAt <= endpoint.now) {
    return oauthRefusal('invalid_grant', 'Authorization code not found or expired')
  }
  if (code.isUsed) return refuseUsed(code)
  const refusal = mismatchOf(fields, code)
  if (refusal !== undefined) return refusal
  code.isUsed = true
  const { grant } = code
  const setupSeconds = setupSecondsOf(fields, grant)
  const lifetimeSeconds = setupSeconds ?? endpoint.lifetimeSeconds
  const tokens = endpoint.book.issue(grant, { now: endpoint.now, lifetimeSeconds })
  return granted(tokens, endpoint, setupSeconds !== undefined || endpoint.answers.omitRefreshToken === true)
}

/** Whoever uses a code twice has stolen it, or was stolen from (RFC 6749 §4.1.2). */
function refuseUsed({ grant }: AuthorizationCode): Reply {
  grant.isRevoked = true
  return oauthRefusal('invalid_request', 'Authorization code was already used')
}

function mismatchOf(fields: Fields, { question }: AuthorizationCode): Reply | undefined {
  const { clientId, redirectUri, state, challenge } = question
  if (textOf(fields, 'client_id') !== clientId) return wrongClient
  if (textOf(fields, 'state') !== state) return oauthRefusal('invalid_request', 'Wrong state')
  if (textOf(fields, 'redirect_uri') !== redirectUri) {
    return oauthRefusal('invalid_grant', 'The redirect_uri is not the one the code was sent to')
  }
  const verifier = textOf(fields, 'code_verifier')
  if (!VERIFIER.test(verifier)) return oauthRefusal('invalid_request', 'The code_verifier is malformed')
  const digest = createHash('sha256').update(verifier).digest('base64url')
  return digest === challenge ? undefined : oauthRefusal('invalid_grant', 'Wrong code_verifier')
}

const wrongClient = oauthRefusal('invalid_client', 'The client is not the one the grant was given to')
/** RFC 7636 §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

/** A setup token lives as long as was asked for, and cannot be refreshed (`wire.md` §2.1, §2.4). */
function setupSecondsOf({ expires_in: seconds }: Fields, { scopes }: Grant): number | undefined {
  const isSetup = scopes.length === 1 && scopes[0] === 'user:inference'
  return isSetup && typeof seconds === 'number' && seconds > 0 ? seconds : undefined
}

function refresh(fields: Fields, endpoint: TokenEndpoint): Reply {
  const token = endpoint.book.refreshOf(textOf(fields, 'refresh_token'))
  if (token === undefined) return notFound
  const { grant } = token
  if (grant.clientId !== undefined && textOf(fields, 'client_id') !== grant.clientId) return wrongClient
  if (token.state === 'retired') {
    grant.isRevoked = true
    endpoint.reused(token)
  }
  if (token.state !== 'live' || grant.isRevoked) return notFound
  const scopes = textOf(fields, 'scope') === '' ? grant.scopes : textOf(fields, 'scope').split(' ')
  if (!scopes.every((scope) => grant.scopes.includes(scope))) {
    return oauthRefusal('invalid_scope', 'More than was granted')
  }
  const { now, lifetimeSeconds, answers, book } = endpoint
  const isKept = answers.omitRefreshToken === true
  if (!isKept) token.state = 'retired'
  const tokens = book.issue(grant, { now, lifetimeSeconds, scopes, keeps: isKept ? token : undefined })
  endpoint.refreshed(token, tokens)
  return granted(tokens, endpoint, isKept)
}

const notFound = oauthRefusal('invalid_grant', 'Refresh token not found or invalid')

function granted(
  { access, refresh: next }: Tokens,
  { answers, now }: TokenEndpoint,
  omitsRefreshToken: boolean,
): Reply {
  const { organization, account } = access.grant.login
  return json(
    {
      token_type: answers.tokenType ?? 'Bearer',
      access_token: access.token,
      ...(omitsRefreshToken ? {} : { refresh_token: next.token }),
      ...(answers.omitExpiresIn === true
        ? {}
        : { expires_in: Math.round((access.expiresAt - now) / SECOND) }),
      scope: answers.scope ?? access.scopes.join(' '),
      ...(answers.omitOrganization === true ? {} : { organization }),
      ...(answers.omitAccount === true
        ? {}
        : { account: { uuid: account.uuid, email_address: account.email } }),
    },
    [NOT_STORED],
  )
}
