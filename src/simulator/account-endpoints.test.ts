/**
 * What the simulated provider answers to its own access tokens, over real sockets: refusals
 * (`wire.md` §1.6), account endpoints (§2.6), messages and their headers (§1.7); and that
 * other keys are served as ever.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { HOUR, MINUTE } from '../core/time.ts'
import * as reply from './replies.ts'
import { type Simulator, startSimulator } from './simulator.ts'

const NOON = Date.parse('2026-11-20T12:00:00Z')
const BETA = { 'anthropic-beta': 'oauth-2025-04-20' }
const EXPIRED = 'OAuth token has expired. Please obtain a new token or refresh your existing token.'
const UNSUPPORTED = 'OAuth authentication is currently not supported.'
const UNIFIED = 'anthropic-ratelimit-unified-'

let now: number
let simulator: Simulator
beforeEach(() => {
  now = NOON
  simulator = startSimulator({ now: () => now })
})
afterEach(() => simulator.stop())

describe('an access token', () => {
  it.each(['/v1/messages', '/v1/messages/count_tokens', '/v1/files'])('is served at %s', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 200 })
  })

  it.each(['/v1/messages', '/v1/models', '/api/oauth/usage', '/api/monitor/usage/quota/limit'])(
    'that has expired is refused at %s',
    async (path) => {
      const { accessToken } = simulator.logins.grant()
      now += 8 * HOUR
      const answer = await ask(path, accessToken)
      expect(answer).toMatchObject({ status: 401, body: { type: 'error' } })
      expect(errorOf(answer)).toEqual({ type: 'authentication_error', message: EXPIRED })
    },
  )

  it.each<[string, Readonly<Record<string, string>>, number]>([
    ['no beta', {}, 401],
    ['other betas', { 'anthropic-beta': 'claude-code-20250219,oauth-2025-04-2' }, 401],
    ['the beta of OAuth among others', { 'anthropic-beta': 'claude-code-20250219, oauth-2025-04-20,x' }, 200],
  ])('with %s: %o → %d', async (_what, headers, status) => {
    for (const path of ['/v1/messages', '/api/oauth/profile']) {
      const { accessToken } = simulator.logins.grant()
      const answer = await call(path, { authorization: `Bearer ${accessToken}`, ...headers })
      expect(answer.status).toBe(status)
      if (status === 401) expect(errorOf(answer)).toMatchObject({ message: UNSUPPORTED })
    }
  })

  it('is taken as Bearer only', async () => {
    const { accessToken } = simulator.logins.grant()
    const answer = await call('/v1/messages', { 'x-api-key': accessToken, ...BETA })
    expect(answer).toMatchObject({ status: 401 })
    expect(errorOf(answer)).toMatchObject({ message: 'invalid x-api-key' })
  })

  it('without user:inference gets no inference, whatever else it may', async () => {
    const { accessToken } = simulator.logins.grant({ scopes: ['user:profile'] })
    const answer = await ask('/v1/messages', accessToken)
    expect(answer.status).toBe(403)
    expect(errorOf(answer)).toEqual({
      type: 'permission_error',
      message: 'OAuth authentication is currently not allowed for this organization.',
      details: { error_code: 'oauth_not_allowed_for_organization' },
    })
    expect(await ask('/api/oauth/profile', accessToken)).toMatchObject({ status: 200 })
  })

  it('is scripted by its own text, which wins over everything', async () => {
    const { accessToken } = simulator.logins.grant()
    simulator.script(accessToken, reply.overloaded)
    simulator.logins.expire(accessToken)
    expect(await ask('/v1/messages', accessToken)).toMatchObject({ status: 529 })
    expect(await ask('/v1/messages', accessToken)).toMatchObject({ status: 401 })
  })
})

describe('another credential', () => {
  it('is served as ever, without limits of any login', async () => {
    const answer = await call('/v1/messages', { 'x-api-key': 'CANARY-a' })
    expect(answer.status).toBe(200)
    expect(limitsIn(answer)).toEqual({})
    expect(answer.headers['anthropic-organization-id']).toBeUndefined()
    expect(await call('/v1/messages', {})).toMatchObject({ status: 200 })
  })

  it('that is a refresh token is refused everywhere', async () => {
    const { refreshToken } = simulator.logins.grant()
    const answer = await ask('/v1/messages', refreshToken)
    expect(answer.status).toBe(401)
    expect(errorOf(answer)).toMatchObject({ message: 'Invalid bearer token' })
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a key', { 'x-api-key': 'CANARY-a' }],
    ['a foreign token', { authorization: 'Bearer CANARY-a', ...BETA }],
    ['none', {}],
  ])('(%s) is no login at the account endpoints', async (_what, headers) => {
    expect(await call('/api/oauth/profile', headers)).toMatchObject({ status: 401 })
  })
})

describe('GET /api/oauth/profile', () => {
  it.each([
    ['pro', 'claude_pro', 'default_claude_ai', true, false],
    ['max-5x', 'claude_max', 'default_claude_max_5x', false, true],
    ['max-20x', 'claude_max', 'default_claude_max_20x', false, true],
    ['team', 'claude_team', 'default_claude_ai', false, false],
    ['enterprise', 'claude_enterprise', 'default_claude_ai', false, false],
  ] as const)('says whose login it is and that its plan is %s', async (plan, type, tier, isPro, isMax) => {
    const account = { uuid: '77aa', email: 'dee@acme.test', name: 'Dee V' }
    const organization = { uuid: '0b1c', name: 'Acme' }
    const { accessToken } = simulator.logins.grant({ plan, account, organization })
    expect((await ask('/api/oauth/profile', accessToken)).body).toMatchObject({
      account: {
        uuid: '77aa',
        email: 'dee@acme.test',
        full_name: 'Dee V',
        display_name: 'Dee',
        has_claude_pro: isPro,
        has_claude_max: isMax,
      },
      organization: { ...organization, organization_type: type, rate_limit_tier: tier },
    })
  })

  it('is not the same for two logins', async () => {
    const [first, second] = [await ask('/api/oauth/profile'), await ask('/api/oauth/profile')]
    expect(first.body).not.toEqual(second.body)
  })
})

describe('GET /api/oauth/usage', () => {
  it('says what was set, for the login that was named, and is silent in headers', async () => {
    const { accessToken, loginId } = simulator.logins.grant()
    simulator.logins.setUsage(loginId, { fiveHour: { usedPercent: 42, resetsAt: NOON + 3 * HOUR } })
    simulator.logins.setUsage(accessToken, { sevenDay: { usedPercent: 17 } })
    const answer = await ask('/api/oauth/usage', accessToken)
    expect(answer.body).toMatchObject({
      five_hour: { utilization: 42, resets_at: '2026-11-20T15:00:00.000Z' },
      seven_day: { utilization: 17, resets_at: '2026-11-27T12:00:00.000Z' },
    })
    expect(limitsIn(answer)).toEqual({})
    expect((await ask('/api/oauth/usage')).body).toMatchObject({ five_hour: { utilization: 0 } })
  })

  it('starts again when a window has ended', async () => {
    const { accessToken } = simulator.logins.grant()
    simulator.logins.setUsage(accessToken, { fiveHour: { usedPercent: 100, resetsAt: NOON + MINUTE } })
    now += MINUTE
    expect((await ask('/api/oauth/usage', accessToken)).body).toMatchObject({
      five_hour: { utilization: 0, resets_at: null },
    })
  })

  it.each(['/api/oauth/usage', '/api/oauth/profile'])(
    'and its like at %s need user:profile',
    async (path) => {
      const { accessToken } = simulator.logins.grant({ scopes: ['user:inference'] })
      const answer = await ask(path, accessToken)
      expect(answer.status).toBe(403)
      expect(errorOf(answer)).toEqual({
        type: 'permission_error',
        message: 'OAuth token does not meet scope requirement user:profile',
      })
    },
  )
})

describe('the endpoints of the command line', () => {
  it('tell the roles', async () => {
    const { accessToken, organization } = simulator.logins.grant()
    expect((await ask('/api/oauth/claude_cli/roles', accessToken)).body).toMatchObject({
      organization_uuid: organization.uuid,
      organization_role: 'admin',
    })
  })

  it('make a key, which then is one, for those who may', async () => {
    const path = '/api/oauth/claude_cli/create_api_key'
    const { accessToken } = simulator.logins.grant({ scopes: ['org:create_api_key'] })
    const answer = await ask(path, accessToken)
    expect(answer.body).toEqual({ raw_key: 'CANARY-key-1' })
    expect(await call('/v1/messages', { 'x-api-key': 'CANARY-key-1' })).toMatchObject({ status: 200 })
    const refused = await ask(path)
    expect(refused.status).toBe(403)
    expect(errorOf(refused)).toMatchObject({
      message: 'OAuth token does not meet scope requirement org:create_api_key',
    })
  })
})

describe('a message', () => {
  it.each([true, false])('says where the login stands (stream: %p)', async (stream) => {
    const { accessToken, organization } = simulator.logins.grant()
    simulator.logins.setUsage(accessToken, { fiveHour: { usedPercent: 42, resetsAt: NOON + 3 * HOUR } })
    const answer = await ask('/v1/messages', accessToken, { stream })
    expect(answer.status).toBe(200)
    expect(answer.headers['anthropic-organization-id']).toBe(organization.uuid)
    expect(limitsIn(answer)).toMatchObject({
      status: 'allowed',
      'representative-claim': 'five_hour',
      '5h-utilization': '0.42',
      '5h-reset': '1795186800',
      '7d-utilization': '0',
    })
  })

  it('begins the windows that were idle', async () => {
    const { accessToken } = simulator.logins.grant()
    await ask('/v1/messages', accessToken)
    now += HOUR
    expect((await ask('/api/oauth/usage', accessToken)).body).toMatchObject({
      five_hour: { utilization: 0, resets_at: '2026-11-20T17:00:00.000Z' },
    })
  })

  it('is refused while its window is spent, and served when that has ended', async () => {
    const { accessToken } = simulator.logins.grant()
    simulator.logins.setUsage(accessToken, { fiveHour: { usedPercent: 100, resetsAt: NOON + HOUR } })
    const answer = await ask('/v1/messages', accessToken)
    expect(answer.status).toBe(429)
    expect(errorOf(answer)).toMatchObject({ type: 'rate_limit_error' })
    expect(limitsIn(answer)).toMatchObject({ status: 'rejected', '5h-status': 'rejected' })
    expect(answer.headers['retry-after']).toBe('3600')
    now += HOUR
    expect(await ask('/v1/messages', accessToken)).toMatchObject({ status: 200 })
  })

  it('of another model is served while one family is spent', async () => {
    const { accessToken } = simulator.logins.grant()
    simulator.logins.setUsage(accessToken, { sevenDayFable: { usedPercent: 100 } })
    const fable = await ask('/v1/messages', accessToken, { model: 'claude-fable-5-2' })
    expect(fable.status).toBe(429)
    expect(limitsIn(fable)).toMatchObject({ '7d-status': 'allowed', '7d_oi-status': 'rejected' })
    const opus = await ask('/v1/messages', accessToken, { model: 'claude-opus-5-5' })
    expect(opus.status).toBe(200)
    expect(limitsIn(opus)['7d_oi-status']).toBeUndefined()
  })
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** With a token that is well in every way, unless another is given. */
function ask(path: string, accessToken = simulator.logins.grant().accessToken, fields = {}): Promise<Answer> {
  return call(path, { authorization: `Bearer ${accessToken}`, ...BETA }, fields)
}

/** Posts where a body is expected. */
async function call(
  path: string,
  headers: Readonly<Record<string, string>>,
  fields: object = {},
): Promise<Answer> {
  const body = JSON.stringify({ model: 'claude-sonnet-5-5', messages: [], ...fields })
  const posts = path.endsWith('_key') || /^\/v1\/(?:messages|files)/.test(path)
  const answer = await fetch(
    `${simulator.url}${path}`,
    posts ? { method: 'POST', headers, body } : { headers },
  )
  const text = await answer.text()
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: text.startsWith('{') ? JSON.parse(text) : text,
  }
}

function errorOf({ body }: Answer): unknown {
  return typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined
}

/** The unified headers by their suffixes. */
function limitsIn({ headers }: Answer): Readonly<Record<string, string>> {
  const unified = Object.entries(headers).filter(([name]) => name.startsWith(UNIFIED))
  return Object.fromEntries(unified.map(([name, value]) => [name.slice(UNIFIED.length), value]))
}
