/**
 * The simulated OAuth provider, spoken to over real sockets as a gateway does: the dance of
 * `wire.md` §2.1–2.2, refreshes of §2.3–2.4, and what tests can do to logins.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { createHash } from 'node:crypto'
import { DAY, HOUR, MINUTE, SECOND } from '../core/time.ts'
import { TOKEN_ENDPOINT } from './logins.ts'
import * as reply from './replies.ts'
import { type Simulator, startSimulator } from './simulator.ts'

const NOON = Date.parse('2026-11-20T12:00:00Z')
const CLIENT = '9d1c250a-e61b-44d9-88ed-5944d1962f5e'
const REDIRECT = 'https://platform.claude.com/oauth/code/callback'
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const QUERY = {
  code: 'true',
  client_id: CLIENT,
  response_type: 'code',
  redirect_uri: REDIRECT,
  scope: 'user:profile user:inference',
  code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  code_challenge_method: 'S256',
  state: 's_77',
}

const CODE_GRANT = {
  grant_type: 'authorization_code',
  state: QUERY.state,
  client_id: CLIENT,
  redirect_uri: REDIRECT,
  code_verifier: VERIFIER,
}
const REFRESH_GRANT = { grant_type: 'refresh_token', client_id: CLIENT }

let now: number
let simulator: Simulator
beforeEach(() => {
  now = NOON
  simulator = startSimulator({ now: () => now })
})
afterEach(() => simulator.stop())

describe('the authorize page', () => {
  it('gives the person a code and the state to paste', () => {
    expect(simulator.logins.authorize(urlWith({}))).toBe('CANARY-code-1#s_77')
    expect(simulator.logins.authorize(urlWith({}))).toBe('CANARY-code-2#s_77')
  })

  it('does not care where it stands, and takes a loopback redirect', () => {
    const url = urlWith({ redirect_uri: 'http://localhost:1455/callback' })
    expect(simulator.logins.authorize(url.replace('https://claude.ai', simulator.url))).toStartWith('CANARY')
  })

  it.each([
    'client_id',
    'response_type',
    'redirect_uri',
    'scope',
    'code_challenge',
    'code_challenge_method',
    'state',
  ])('says so when there is no %s', (name) => {
    expect(() => simulator.logins.authorize(urlWith({ [name]: '' }))).toThrow(`has no ${name}.`)
  })

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['the plain challenge method', { code_challenge_method: 'plain' }, 'instead of S256'],
    ['the implicit flow', { response_type: 'token' }, 'instead of code'],
    ['a verifier in place of its challenge', { code_challenge: 'short' }, 'no SHA-256'],
    ['a redirect in plain text', { redirect_uri: 'http://evil.test/callback' }, 'no code may be sent to'],
    ['a redirect that is no URL', { redirect_uri: 'callback' }, 'no code may be sent to'],
  ])('refuses %s', (_what, change, sentence) => {
    expect(() => simulator.logins.authorize(urlWith(change))).toThrow(sentence)
  })

  it('refuses what is no URL, and a parameter that is there twice', () => {
    expect(() => simulator.logins.authorize('claude.ai/oauth')).toThrow('is no URL')
    expect(() => simulator.logins.authorize(`${urlWith({})}&state=other`)).toThrow('more than one state')
  })

  it('leaves the person who says no with the address they were sent back to', () => {
    const pasted = simulator.logins.authorize(urlWith({}), { deny: true })
    expect(pasted).toBe(`${REDIRECT}?error=access_denied&state=s_77`)
  })
})

describe('a code', () => {
  it('is exchanged for tokens, with all that is known of the login', async () => {
    const options = { id: 'work', organization: { uuid: '0b1c', name: 'Acme' } }
    const { status, body } = await exchange({}, options)
    expect(status).toBe(200)
    expect(body).toEqual({
      token_type: 'Bearer',
      access_token: 'CANARY-oat-1',
      refresh_token: 'CANARY-ort-1',
      expires_in: 28_800,
      scope: 'user:profile user:inference',
      organization: { uuid: '0b1c', name: 'Acme' },
      account: { uuid: '77aa0000-0000-4000-8000-000000000001', email_address: 'dev-1@acme.test' },
    })
    expect(simulator.logins.newest('work')).toMatchObject({ accessToken: 'CANARY-oat-1' })
  })

  it.each(['code', 'state', 'client_id', 'redirect_uri', 'code_verifier'])(
    'is kept where there is no %s',
    async (name) => {
      const { status, body } = await exchange({ [name]: undefined })
      expect(status).toBe(400)
      expect(body).toEqual({ error: 'invalid_request', error_description: `Missing ${name}` })
    },
  )

  it.each<[string, object, number, string]>([
    ['another verifier', { code_verifier: 'x'.repeat(43) }, 400, 'invalid_grant'],
    ['the challenge itself', { code_verifier: QUERY.code_challenge }, 400, 'invalid_grant'],
    ['a short verifier', { code_verifier: 'short' }, 400, 'invalid_request'],
    ['another state', { state: 's_78' }, 400, 'invalid_request'],
    ['another redirect', { redirect_uri: `${REDIRECT}/` }, 400, 'invalid_grant'],
    ['another client', { client_id: 'somebody' }, 401, 'invalid_client'],
    ['another code', { code: 'CANARY-code-9' }, 400, 'invalid_grant'],
    ['the state still on it', { code: 'CANARY-code-1#s_77' }, 400, 'invalid_grant'],
    ['no grant type', { grant_type: undefined }, 400, 'invalid_request'],
    ['an unknown grant type', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    [
      'the grant type of devices',
      { grant_type: 'urn:ietf:params:oauth:grant-type:device_code' },
      400,
      'unauthorized_client',
    ],
  ])('is kept from %s', async (_what, change, status, error) => {
    expect(await exchange(change)).toMatchObject({ status, body: { error } })
  })

  it('is good for one exchange; the second ends what came of the first', async () => {
    const code = { code: codeOf(simulator.logins.authorize(urlWith({}))) }
    expect(await token({ ...CODE_GRANT, ...code })).toMatchObject({ status: 200 })
    expect(await token({ ...CODE_GRANT, ...code })).toMatchObject({ body: { error: 'invalid_request' } })
    expect(await refresh('CANARY-ort-1')).toMatchObject({ status: 400 })
  })

  it('is good for ten minutes', async () => {
    const code = { code: codeOf(simulator.logins.authorize(urlWith({}))) }
    now += 10 * MINUTE
    expect(await token({ ...CODE_GRANT, ...code })).toMatchObject({ body: { error: 'invalid_grant' } })
  })

  it('grants no more than the person agreed to', async () => {
    const { body } = await exchange({}, { scopes: ['user:profile', 'user:file_upload'] })
    expect(body).toMatchObject({ scope: 'user:profile user:file_upload' })
  })

  it('for inference alone makes a setup token, as long as asked for and without a refresh', async () => {
    const { body } = await exchange({ expires_in: 31_536_000 }, { scopes: ['user:inference'] })
    expect(body).toMatchObject({ expires_in: 31_536_000 })
    expect(body).not.toHaveProperty('refresh_token')
  })
})

describe('the token endpoint', () => {
  it.each<[string, string, string, string]>([
    ['a form', 'application/x-www-form-urlencoded', 'grant_type=refresh_token', 'content type'],
    ['JSON that does not say so', 'text/plain', JSON.stringify(REFRESH_GRANT), 'content type'],
    ['half an object', 'application/json', '{"grant_type":', 'one JSON object'],
    ['a list', 'application/json', '[]', 'one JSON object'],
    ['null', 'application/json', 'null', 'one JSON object'],
    ['nothing', 'application/json', '', 'one JSON object'],
  ])('refuses %s', async (_what, type, body, words) => {
    const answer = await post(body, type)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({
      error: 'invalid_request',
      error_description: expect.stringContaining(words),
    })
  })

  it('may be kept by nobody on the way', async () => {
    const { refreshToken } = simulator.logins.grant()
    const answer = await post(JSON.stringify({ ...REFRESH_GRANT, refresh_token: refreshToken }))
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  it('counts its requests, refused and scripted ones too', async () => {
    simulator.script(TOKEN_ENDPOINT, reply.html(503))
    await refresh('CANARY-ort-9')
    await refresh('CANARY-ort-9')
    expect(simulator.logins.tokenRequests).toBe(2)
    expect(simulator.requestsOf(TOKEN_ENDPOINT)).toHaveLength(2)
  })

  it.each<[string, reply.Reply, number, string]>([
    ['a page of an edge', reply.html(502), 502, 'text/html; charset=utf-8'],
    ['a throttle', reply.throttled(30), 429, 'application/json'],
    ['garbage for JSON', reply.whole(200, '{"access_token":'), 200, 'application/json'],
  ])(
    'can be scripted to answer with %s, and is itself again afterwards',
    async (_what, script, status, type) => {
      simulator.script(TOKEN_ENDPOINT, script)
      const { refreshToken } = simulator.logins.grant()
      const first = await post(JSON.stringify({ ...REFRESH_GRANT, refresh_token: refreshToken }))
      expect([first.status, first.headers.get('content-type')]).toEqual([status, type])
      await first.text()
      expect(await refresh(refreshToken)).toMatchObject({ status: 200 })
    },
  )

  it('can be scripted to rotate and then break before it says so', async () => {
    const { refreshToken } = simulator.logins.grant()
    simulator.script(TOKEN_ENDPOINT, (request) => {
      simulator.unscripted(request)
      return [reply.reset]
    })
    await expect(refresh(refreshToken)).rejects.toThrow()
    expect(simulator.logins.refreshes).toHaveLength(1)
    expect(await refresh(refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })
})

describe('a refresh', () => {
  it('rotates the refresh token, and is on record', async () => {
    const { refreshToken, loginId } = simulator.logins.grant()
    now += HOUR
    const { status, body } = await refresh(refreshToken)
    expect(status).toBe(200)
    expect(body).toMatchObject({ access_token: 'CANARY-oat-2', refresh_token: 'CANARY-ort-2' })
    expect(simulator.logins.refreshes).toEqual([
      { loginId, from: 'CANARY-ort-1', to: 'CANARY-ort-2', accessToken: 'CANARY-oat-2', at: now },
    ])
    expect(await refresh('CANARY-ort-2')).toMatchObject({ body: { refresh_token: 'CANARY-ort-3' } })
    expect(simulator.logins.reuses).toEqual([])
  })

  it('with a token that was rotated away is a reuse, and ends the whole grant', async () => {
    const { refreshToken, loginId } = simulator.logins.grant()
    await refresh(refreshToken)
    expect(await refresh(refreshToken)).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'Refresh token not found or invalid' },
    })
    expect(simulator.logins.reuses).toEqual([{ loginId, token: refreshToken, at: NOON }])
    expect(await refresh('CANARY-ort-2')).toMatchObject({ status: 400 })
    expect(simulator.logins.reuses).toHaveLength(1)
    expect(await profileStatus('CANARY-oat-2')).toBe(401)
  })

  it('of one grant leaves the other grants of the login alone', async () => {
    const first = simulator.logins.grant({ id: 'shared' })
    const second = simulator.logins.grant({ id: 'shared' })
    await refresh(first.refreshToken)
    await refresh(first.refreshToken)
    expect(second.organization).toEqual(first.organization)
    expect(await refresh(second.refreshToken)).toMatchObject({ status: 200 })
  })

  it('leaves the older access token alive until its own end', async () => {
    const { accessToken, refreshToken } = simulator.logins.grant()
    now += 4 * HOUR
    await refresh(refreshToken)
    expect(await profileStatus(accessToken)).toBe(200)
    now += 4 * HOUR
    expect(await profileStatus(accessToken)).toBe(401)
    expect(await profileStatus('CANARY-oat-2')).toBe(200)
  })

  it('races another: one wins, the other is a reuse', async () => {
    const { refreshToken } = simulator.logins.grant()
    const answers = await Promise.all([refresh(refreshToken), refresh(refreshToken)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
    expect(simulator.logins.reuses).toHaveLength(1)
  })

  it.each<[string, object, number, string]>([
    ['nobody knows', { refresh_token: 'CANARY-ort-9' }, 400, 'invalid_grant'],
    ['is an access token', { refresh_token: 'CANARY-oat-1' }, 400, 'invalid_grant'],
    ['is missing', { refresh_token: undefined }, 400, 'invalid_request'],
    ['another client was given', { client_id: 'somebody' }, 401, 'invalid_client'],
    ['comes without its client', { client_id: undefined }, 400, 'invalid_request'],
    ['is to grant more than before', { scope: 'org:create_api_key' }, 400, 'invalid_scope'],
  ])('with a token that %s is refused, and rotates nothing', async (_what, change, status, error) => {
    const { refreshToken } = simulator.logins.grant({ clientId: CLIENT })
    const given = { ...REFRESH_GRANT, refresh_token: refreshToken, ...change }
    expect(await token(given)).toMatchObject({ status, body: { error } })
    expect(await refresh(refreshToken)).toMatchObject({ status: 200 })
  })

  it('may ask for less than was granted', async () => {
    const { refreshToken } = simulator.logins.grant()
    const { body } = await token({ ...REFRESH_GRANT, refresh_token: refreshToken, scope: 'user:inference' })
    expect(body).toMatchObject({ scope: 'user:inference' })
    expect(await profileStatus('CANARY-oat-2')).toBe(403)
  })
})

describe('answers of the token endpoint', () => {
  it('without a refresh token leave the old one alive', async () => {
    const { refreshToken } = simulator.logins.grant()
    simulator.logins.answers = { omitRefreshToken: true }
    const { body } = await refresh(refreshToken)
    expect(body).not.toHaveProperty('refresh_token')
    expect(simulator.logins.refreshes).toMatchObject([{ from: refreshToken, to: refreshToken }])
    expect(await refresh(refreshToken)).toMatchObject({ status: 200 })
    expect(simulator.logins.reuses).toEqual([])
  })

  it('leave out and replace what a test says', async () => {
    simulator.logins.answers = {
      omitExpiresIn: true,
      omitOrganization: true,
      omitAccount: true,
      tokenType: 'bearer',
      scope: 'user:profile',
    }
    expect((await exchange({})).body).toEqual({
      token_type: 'bearer',
      access_token: 'CANARY-oat-1',
      refresh_token: 'CANARY-ort-1',
      scope: 'user:profile',
    })
    simulator.logins.answers = { omitRefreshToken: true }
    expect((await exchange({})).body).not.toHaveProperty('refresh_token')
  })

  it('promise the lifetime that was set', async () => {
    simulator.logins.lifetimeSeconds = 60
    const { refreshToken, expiresInMs, expiresAt } = simulator.logins.grant()
    expect([expiresInMs, expiresAt]).toEqual([MINUTE, NOON + MINUTE])
    expect((await refresh(refreshToken)).body).toMatchObject({ expires_in: 60 })
    now += 60 * SECOND - 1
    expect(await profileStatus('CANARY-oat-2')).toBe(200)
    now += 1
    expect(await profileStatus('CANARY-oat-2')).toBe(401)
  })
})

describe('what a test does to a login', () => {
  it('expire ends the access token; it is refreshed as usual', async () => {
    const { accessToken, refreshToken } = simulator.logins.grant()
    simulator.logins.expire(accessToken)
    expect(await profileStatus(accessToken)).toBe(401)
    expect(await refresh(refreshToken)).toMatchObject({ status: 200 })
    expect(await profileStatus('CANARY-oat-2')).toBe(200)
  })

  it('revoke ends both, and is no reuse', async () => {
    const { accessToken, refreshToken } = simulator.logins.grant()
    simulator.logins.revoke(refreshToken)
    expect(await profileStatus(accessToken)).toBe(401)
    expect(await refresh(refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(simulator.logins.reuses).toEqual([])
  })

  it('lapse ends refreshes, while the access token lives on', async () => {
    const { accessToken, refreshToken } = simulator.logins.grant()
    simulator.logins.lapse(refreshToken)
    expect(await refresh(refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await profileStatus(accessToken)).toBe(200)
    expect(simulator.logins.reuses).toEqual([])
  })

  it('logging in again gives the same login new tokens, and old ones stay', async () => {
    const { accessToken, account } = simulator.logins.grant({ id: 'work' })
    now += 30 * DAY
    await exchange({}, { id: 'work' })
    const again = simulator.logins.newest('work')
    expect(again).toMatchObject({ loginId: 'work', accessToken: 'CANARY-oat-2', account })
    expect(await profileStatus(again.accessToken)).toBe(200)
    expect(await profileStatus(accessToken)).toBe(401)
  })

  it('names what it cannot find', () => {
    const { logins } = simulator
    expect(() => logins.expire('CANARY-oat-9')).toThrow('issued no access token "CANARY-oat-9"')
    expect(() => logins.revoke('CANARY-ort-9')).toThrow('issued no refresh token "CANARY-ort-9"')
    expect(() => logins.newest('work')).toThrow('knows no login "work"')
    expect(() => logins.setUsage('work', {})).toThrow('knows no login "work"')
    logins.authorize(urlWith({}), { id: 'work' })
    expect(() => logins.newest('work')).toThrow('has no tokens yet')
  })
})

interface Answer {
  readonly status: number
  readonly body: unknown
}

/** The authorize URL with other parameters; those that are empty are left out. */
function urlWith(change: Readonly<Record<string, string>>): string {
  const parameters = Object.entries({ ...QUERY, ...change }).filter(([, value]) => value !== '')
  return `https://claude.ai/oauth/authorize?${new URLSearchParams(Object.fromEntries(parameters))}`
}

function codeOf(pasted: string): string {
  return pasted.split('#')[0] ?? ''
}

/** The whole dance, the last step with other fields. */
function exchange(
  change: object,
  options: Parameters<Simulator['logins']['authorize']>[1] = {},
): Promise<Answer> {
  const code = codeOf(simulator.logins.authorize(urlWith({}), options))
  return token({ ...CODE_GRANT, code, ...change })
}

function refresh(refreshToken: string): Promise<Answer> {
  return token({ ...REFRESH_GRANT, refresh_token: refreshToken })
}

async function token(fields: object): Promise<Answer> {
  const answer = await post(JSON.stringify(fields))
  const isJson = answer.headers.get('content-type') === 'application/json'
  return { status: answer.status, body: isJson ? await answer.json() : await answer.text() }
}

function post(body: string, type = 'application/json'): Promise<Response> {
  return fetch(`${simulator.url}/v1/oauth/token`, { method: 'POST', headers: { 'content-type': type }, body })
}

async function profileStatus(accessToken: string): Promise<number> {
  const headers = { authorization: `Bearer ${accessToken}`, 'anthropic-beta': 'oauth-2025-04-20' }
  const answer = await fetch(`${simulator.url}/api/oauth/profile`, { headers })
  await answer.arrayBuffer()
  return answer.status
}
