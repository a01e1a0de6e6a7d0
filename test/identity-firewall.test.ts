/**
 * What speaks about one person (who is this, which plan, which sessions) is asked with the
 * client's own credential or not at all: a pool's answer would be about a stranger
 * (`lessons.md`, “a pooled token answered /api/oauth/profile”).
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { headersOf } from '../src/core/headers.ts'
import { head, json, type Reply, send, tokenExpired, whole } from '../src/simulator/replies.ts'
import type { Received } from '../src/simulator/simulator.ts'
import { last, only } from './support/first.ts'
import { openSignInWorld, signIn } from './support/sign-in.ts'
import { keyOf, type World } from './support/world.ts'

let world: World
let pooled: readonly string[] = []

beforeEach(async () => {
  world = await openSignInWorld({ accounts: ['console'] })
  await world.api.changeConfig({ body: { anthropicUrl: world.simulator.url } })
  await signIn(world, 'max', { mode: 'max', as: { id: 'max' } })
  pooled = [keyOf('console'), world.simulator.logins.newest('max').accessToken]
  world.simulator.always(OWN, ({ method }) =>
    method === 'HEAD' ? [send(head(200, []))] : json({ whose: 'the client’s' }),
  )
  signInRequests = world.simulator.received.length
})

afterEach(async () => {
  const leaked = received().filter(({ headers, body }) =>
    pooled.some((credential) => `${JSON.stringify(headers)}${body}`.includes(credential)),
  )
  expect(leaked.map(({ method, target }) => `${method} ${target}`)).toEqual([])
  await world.stop()
})

/** As the vendor's own credentials begin, and ours in tests. */
const OWN = 'sk-ant-oat01-CANARY-of-the-client'

const PATHS: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/api/oauth/profile'],
  ['HEAD', '/api/oauth/profile'],
  ['POST', '/api/oauth/profile'],
  ['GET', '/api/oauth/profile?beta=true'],
  ['POST', '/api/oauth/usage'],
  ['GET', '/api/oauth'],
  ['GET', '/api/oauth/'],
  ['GET', '/api/oauth/claude_cli/roles'],
  ['POST', '/api/oauth/claude_cli/create_api_key'],
  ['GET', '/api/oauth/organizations/x/referral'],
  ['GET', '/api/claude_cli/bootstrap'],
  ['GET', '/api/claude_code/settings'],
  ['GET', '/api/organizations/x/claude_code/sonnet_1m_access'],
  ['GET', '/api/bootstrap'],
  ['PUT', '/api/account/settings'],
  ['GET', '/v1/code/sessions'],
  ['POST', '/v1/code/sessions/x/events'],
  ['DELETE', '/v1/code/triggers/x'],
  ['POST', '/v1/oauth/token'],
  ['POST', '/v1/oauth/authorize'],
  ['GET', '/v1/organizations'],
  ['GET', '/v1/organizations/me'],
  ['GET', '/v1/organizations/usage_report/messages?starting_at=2026-11-01'],
  ['GET', '/v1/me'],
  ['GET', '/v1/sessions/x'],
  ['GET', '/v1/session_ingress/session/x'],
  ['GET', '/v1/environment_providers'],
  ['GET', '/v1/mcp_servers?limit=1000'],
  ['GET', '/api/%6fauth/profile'],
  ['GET', '/%61pi/oauth/profile'],
  ['GET', '/v1/%63ode/sessions'],
  ['GET', '/v1/%6Frganizations'],
  ['GET', '/%761/me'],
  ['GET', '/v1/m%65'],
  ['GET', '/v1/%6frganizations/%ff'],
  ['GET', '/v1/%6frganizations/100%'],
  ['GET', '/v1/%63ode/%zz'],
  ['GET', '/api/oauth/ini%74'],
  ['POST', '/api/oauth/callback/x'],
]

describe.each(PATHS)('%s %s', (method, path) => {
  const call = (headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`${world.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(method === 'POST' || method === 'PUT' ? { body: '{"any":"thing"}' } : {}),
    })

  it('goes on with the client’s own credential and no other', async () => {
    const answer = await call({ authorization: `Bearer ${OWN}` })
    expect(answer.status).toBe(200)
    if (method !== 'HEAD') expect(await answer.json()).toEqual({ whose: 'the client’s' })
    expect(answer.headers.get('x-spillway-account')).toBeNull()
    const sent = only(received())
    expect([sent.method, sent.target]).toEqual([method, path])
    expect(credentialsIn(sent)).toEqual([`Bearer ${OWN}`])
    expect(sent.body.toString()).toBe(method === 'POST' || method === 'PUT' ? '{"any":"thing"}' : '')
    expect(last(await world.rows(1))).toMatchObject({
      account: null,
      status: 200,
      attempts: [{ account: 'client', status: 200 }],
      costUsd: 0,
      decision: { candidates: [] },
    })
  })

  it('is refused without one, in a sentence', async () => {
    const answer = await call()
    expect(answer.status).toBe(404)
    if (method !== 'HEAD')
      expect(await messageOf(answer)).toMatch(/speaks about one account, so a pool cannot/)
    expect(received()).toEqual([])
    expect(last(await world.rows(1))).toMatchObject({ account: null, attempts: [] })
  })
})

const PROFILE = '/api/oauth/profile'

describe('what goes on', () => {
  it.each<[what: string, headers: Record<string, string>, credentials: string[]]>([
    ['a key of the vendor’s', { 'x-api-key': OWN }, [OWN]],
    [
      'what stands beside a key',
      { authorization: `Bearer ${OWN}`, 'x-api-key': 'CANARY-elsewhere' },
      [`Bearer ${OWN}`],
    ],
    ['and the other way round', { 'x-api-key': OWN, authorization: 'Bearer CANARY-elsewhere' }, [OWN]],
    ['and beside a password', { 'x-api-key': OWN, authorization: 'Basic Q0FOQVJZLTpw' }, [OWN]],
    ['in small letters', { authorization: `bearer ${OWN}` }, [`bearer ${OWN}`]],
    [
      'not cookies or another’s key',
      { 'x-api-key': OWN, cookie: 'CANARY-cookie', 'api-key': 'CANARY-azure' },
      [OWN],
    ],
  ])('is the client’s own credential alone: %s', async (_what, headers, credentials) => {
    expect((await get(PROFILE, headers)).status).toBe(200)
    const sent = only(received())
    expect(credentialsIn(sent)).toEqual(credentials)
    expect(JSON.stringify(sent.headers)).not.toMatch(/elsewhere|cookie|azure|Basic/)
  })

  it.each([
    ['of somebody else', { 'x-api-key': 'CANARY-elsewhere' }],
    ['that is a password', { authorization: 'Basic Q0FOQVJZLTpw' }],
    ['that only holds the vendor’s name', { authorization: `Bearer CANARY-${'sk-ant-'}x` }],
  ])('is nothing for a credential %s', async (_what, headers) => {
    const answer = await get(PROFILE, headers)
    expect(answer.status).toBe(404)
    expect(received()).toEqual([])
  })

  it.each<[what: string, method: string, reply: Reply]>([
    ['an answer without a body', 'DELETE', [send(head(204, []))]],
    ['an empty answer', 'POST', whole(200, '')],
  ])('brings %s back as it is', async (_what, method, reply) => {
    world.simulator.always(OWN, reply)
    const answer = await fetch(`${world.url}/v1/code/sessions/x`, { method, headers: { 'x-api-key': OWN } })
    expect(answer.ok).toBe(true)
    expect(await answer.text()).toBe('')
    expect(last(await world.rows(1))).toMatchObject({ outcome: 'ok' })
  })

  it('brings the provider’s refusal back as it is, renews nothing and blames nobody', async () => {
    world.simulator.always(OWN, tokenExpired)
    const before = await world.api.listAccounts()
    const answer = await get(PROFILE, { authorization: `Bearer ${OWN}` })
    expect(answer.status).toBe(401)
    expect(await messageOf(answer)).toMatch(/^OAuth token has expired/)
    expect(world.simulator.logins.refreshes).toEqual([])
    expect(received()).toHaveLength(1)
    expect(await world.api.listAccounts()).toEqual(before)
  })

  it('says in a sentence when the provider cannot be reached', async () => {
    world.simulator.always(OWN, [{ kind: 'reset' }])
    const answer = await get(PROFILE, { authorization: `Bearer ${OWN}` })
    expect(answer.status).toBe(503)
    expect(await messageOf(answer)).toMatch(/could not be reached with the client’s own credential/)
  })
})

describe('where clients need a key of the gateway’s', () => {
  it('the client’s own credential does not open the door', async () => {
    await world.api.createKey({ body: { name: 'laptop' } })
    const answer = await get(PROFILE, { authorization: `Bearer ${OWN}` })
    expect(answer.status).toBe(401)
    expect(received()).toEqual([])
  })

  it('that key stays here, and the client’s own credential goes on', async () => {
    const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
    expect((await get(PROFILE, { 'x-api-key': secret, authorization: `Bearer ${OWN}` })).status).toBe(200)
    const sent = only(received())
    expect(credentialsIn(sent)).toEqual([`Bearer ${OWN}`])
    expect(JSON.stringify(sent.headers)).not.toContain(secret)
    expect(last(await world.rows(1))).toMatchObject({ account: null, key: 'laptop' })
  })

  it('that key alone is nobody’s identity', async () => {
    const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
    const answer = await get(PROFILE, { authorization: `Bearer ${secret}` })
    expect(answer.status).toBe(404)
    expect(await messageOf(answer)).toMatch(/speaks about one account/)
    expect(received()).toEqual([])
  })

  it('a key that looks like the vendor’s and is none is turned away like any wrong key', async () => {
    await world.api.createKey({ body: { name: 'laptop' } })
    expect((await get('/v1/me', { 'x-api-key': 'sk-ant-CANARY-wrong' })).status).toBe(401)
    expect(received()).toEqual([])
  })
})

describe('the gateway’s own sign-in', () => {
  it.each([
    ['init', { name: 'x', provider: 'claude-oauth' }],
    ['callback', { sessionId: 'x', code: 'x#y' }],
  ])('POST /api/oauth/%s is the admin’s alone', async (name, body) => {
    const path = `/api/oauth/${name}`
    const post = (headers: Readonly<Record<string, string>>) => world.post(path, body, headers)
    for (const headers of [{}, { authorization: `Bearer ${OWN}` }, { 'x-api-key': OWN }]) {
      const answer = await post(headers)
      expect(answer.status).toBe(401)
      expect(await answer.json()).toMatchObject({ error: { code: 'unauthenticated' } })
    }
    const { secret } = await world.api.createKey({ body: { name: 'laptop' } })
    expect((await post({ authorization: `Bearer ${secret}` })).status).toBe(403)
    expect((await world.admin(path)).status).toBe(404)
    expect(received()).toEqual([])
    expect(await world.rows(0)).toEqual([])
  })
})

describe('beside it', () => {
  it.each(['/v1/messagesx', '/v1/meters', '/v1/organizationsx', '/v1/coder'])(
    '%s is none of those, and is the pool’s',
    async (path) => {
      const answer = await get(path, { authorization: `Bearer ${OWN}` })
      expect(answer.headers.get('x-spillway-account')).toMatch(/^(?:console|max)$/)
      expect(credentialsIn(only(received()))).not.toContain(`Bearer ${OWN}`)
      pooled = []
    },
  )

  it('without any account everything is the client’s own affair', async () => {
    for (const id of ['console', 'max']) await world.api.removeAccount({ params: { id } })
    expect((await get(PROFILE, { authorization: `Bearer ${OWN}` })).status).toBe(200)
    const answer = await get(PROFILE)
    expect(answer.status).toBe(404)
    expect(received()).toHaveLength(1)
  })
})

let signInRequests = 0
/** Since the accounts were there: the gateway's own questions about them came before. */
const received = (): readonly Received[] => world.simulator.received.slice(signInRequests)

const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${world.url}${path}`, { headers })

const credentialsIn = ({ headers }: Received): readonly string[] => [
  ...headersOf(headers, 'x-api-key'),
  ...headersOf(headers, 'authorization'),
]

async function messageOf(answer: Response): Promise<string> {
  const { error } = (await answer.json()) as { readonly error: { readonly message: string } }
  return error.message
}
