/**
 * What the simulated provider answers to an access token that it issued: refusals of
 * `wire.md` §1.6, the account endpoints of §2.6, and messages with the limits of the login
 * that pays for them (§1.7).
 */
import { headerOf, headersOf } from '../core/headers.ts'
import { readMessagesRequest } from '../dialects/messages/request.ts'
import { healthyReply, pathOf } from './healthy.ts'
import { type Login, profileAnswer, rolesAnswer } from './login.ts'
import { usageAfterRequest, usageAt } from './login-usage.ts'
import {
  json,
  oauthNotAllowed,
  oauthUnsupported,
  type Reply,
  refusal,
  scopeMissing,
  tokenExpired,
  unauthorized,
} from './replies.ts'
import type { Received } from './simulator.ts'
import type { AccessToken } from './token-book.ts'
import { standingOf } from './unified-headers.ts'
import { usageAnswer } from './usage-answer.ts'

const OAUTH_BETA = 'oauth-2025-04-20'

/** Undefined: served like anybody's request. */
export function answerToToken(access: AccessToken, request: Received, now: number): Reply | undefined {
  const refused = refusalOf(access, request, now)
  if (refused !== undefined) return refused
  const path = pathOf(request)
  const isInference = path.startsWith('/v1/')
  if (isInference && !access.scopes.includes('user:inference')) return oauthNotAllowed
  if (request.method === 'POST' && path === '/v1/messages') return serveMessage(access, request, now)
  const endpoint = ENDPOINTS.get(`${request.method} ${path}`)
  if (endpoint === undefined) return undefined
  const { scope, answer } = endpoint
  if (scope !== undefined && !access.scopes.includes(scope)) return scopeMissing(scope)
  return json(answer(access.grant.login, now, request))
}

function refusalOf(
  { token, grant, expiresAt }: AccessToken,
  request: Received,
  now: number,
): Reply | undefined {
  // §1.2: access tokens are taken as Bearer only.
  if (headerOf(request.headers, 'x-api-key') === token) return unauthorized
  if (grant.isRevoked || expiresAt <= now) return tokenExpired
  const betas = headersOf(request.headers, 'anthropic-beta').flatMap((value) => value.split(','))
  return betas.some((beta) => beta.trim() === OAUTH_BETA) ? undefined : oauthUnsupported
}

interface Endpoint {
  readonly scope?: string
  readonly answer: (login: Login, now: number, request: Received) => object
}

const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ['GET /api/oauth/profile', { scope: 'user:profile', answer: profileAnswer }],
  [
    'GET /api/oauth/usage',
    { scope: 'user:profile', answer: ({ usage }, now) => usageAnswer(usageAt(usage, now)) },
  ],
  ['GET /api/oauth/claude_cli/roles', { answer: rolesAnswer }],
  [
    'POST /api/oauth/claude_cli/create_api_key',
    {
      scope: 'org:create_api_key',
      answer: (_login, _now, { number }) => ({ raw_key: `CANARY-key-${number}` }),
    },
  ],
])

/** The state that headers describe is the one after the request (§1.7). */
function serveMessage({ grant: { login } }: AccessToken, request: Received, now: number): Reply {
  const usage = usageAt(login.usage, now)
  login.usage = usageAfterRequest(usage, now)
  const { model } = readMessagesRequest(request.body) ?? {}
  const standing = standingOf(login.usage, model, now)
  const headers = [...standing.headers, ['anthropic-organization-id', login.organization.uuid] as const]
  return standing.isRefused
    ? refusal(429, 'rate_limit_error', 'This request would exceed your account’s rate limit.', headers)
    : healthyReply(request, headers)
}
