/** Signing in by an OpenID provider, over real sockets: who gets in, as what, and every way in which nobody does. */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { type Browser, openBrowser } from './support/browser.ts'
import { CLIENT, type Issuer, startIssuer } from './support/issuer.ts'
import { openWorld, type World } from './support/world.ts'

let issuer: Issuer
let world: World
let browser: Browser

const ALICE = { sub: '1', email: 'alice@example.com', email_verified: true, groups: ['staff'] }
const BEGIN = '/api/sign-in/oidc'

beforeEach(async () => {
  issuer = await startIssuer()
  issuer.claims = ALICE
  world = await openWorld({
    settings: {
      oidcIssuer: issuer.url,
      oidcClientId: CLIENT.id,
      oidcRoleClaim: 'groups',
      oidcRoles: { 'alice@example.com': 'owner', staff: 'viewer' },
    },
    environment: { SPILLWAY_OIDC_CLIENT_SECRET: CLIENT.secret },
  })
  browser = openBrowser(() => world.url)
})
afterEach(async () => {
  issuer.stop()
  await world.stop()
})

/** To the provider and back: where the browser is then, and what it shows. */
async function begin(): Promise<URL> {
  const answer = await browser.ask(BEGIN)
  expect(answer.status).toBe(303)
  return issuer.authorize(answer.headers.get('location') ?? '')
}
const goThrough = async (): Promise<Response> => browser.follow((await begin()).href)
const whoami = async () => (await browser.ask('/api/whoami')).json()
const isNobody = async (): Promise<boolean> => (await browser.ask('/api/whoami')).status === 401

describe('somebody whom the provider knows and the list names', () => {
  it('is signed in with the role of the list', async () => {
    const answer = await goThrough()
    expect(answer.status).toBe(200)
    // A redirect from another site would not bring a strict cookie along: our own page leads on.
    expect(await answer.text()).toContain('<meta http-equiv="refresh" content="0;url=/dashboard">')
    expect(await whoami()).toMatchObject({ name: 'alice@example.com', role: 'owner', way: 'oidc' })
  })

  it('is asked for with PKCE, a state and a nonce, and nothing secret', async () => {
    const { headers } = await browser.ask(BEGIN)
    const { origin, searchParams } = new URL(headers.get('location') ?? '')
    expect(origin).toBe(issuer.url)
    expect(Object.fromEntries(searchParams)).toEqual({
      client_id: CLIENT.id,
      redirect_uri: `${world.url}/api/sign-in/oidc/callback`,
      response_type: 'code',
      scope: 'openid email profile',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    })
  })

  it('leaves in the browser nothing of the flow, and never what was in it', async () => {
    const back = await begin()
    const [flow = ''] = browser.setCookies
    expect(flow).toMatch(
      /^spillway_sign_in=[\w.-]+; Path=\/api\/sign-in\/oidc; Max-Age=600; HttpOnly; SameSite=Lax$/,
    )
    expect(flow).not.toContain(back.searchParams.get('state') ?? 'none')
    await browser.follow(back.href)
    expect([...browser.cookies.keys()]).toEqual(['spillway_session'])
  })

  it('gets the role of their group where their address is not on the list', async () => {
    issuer.claims = { sub: '2', groups: ['staff', 'others'], preferred_username: 'bob' }
    await goThrough()
    expect(await whoami()).toMatchObject({ name: 'bob', role: 'viewer' })
  })

  it('is in the audit log', async () => {
    await goThrough()
    const [entry] = (await world.api.listAudit({ query: { limit: 1 } })).entries
    expect(entry).toMatchObject({
      who: 'alice@example.com',
      action: 'signIn',
      to: { way: 'oidc', role: 'owner' },
    })
  })
})

describe('nobody is signed in', () => {
  afterEach(async () => {
    expect(await isNobody()).toBe(true)
    expect((await world.api.listSignIns()).signIns).toEqual([])
  })
  const refusal = async (answer: Response) => {
    const text = await answer.text()
    return { status: answer.status, said: /role="status">([^<]*)</.exec(text)?.[1] ?? '' }
  }

  it('whom the list does not name', async () => {
    issuer.claims = { sub: '9', email: 'eve@evil.example', email_verified: true, groups: ['guests'] }
    const { status, said } = await refusal(await goThrough())
    expect([status, said]).toEqual([
      403,
      expect.stringContaining('eve@evil.example is known to the provider, but has no role here.'),
    ])
    const [entry] = (await world.api.listAudit({ query: { limit: 1 } })).entries
    expect(entry).toMatchObject({ action: 'signInFailed', to: { way: 'oidc' } })
  })

  it('whose address the provider has not verified', async () => {
    issuer.claims = { ...ALICE, email_verified: false, groups: [] }
    expect((await refusal(await goThrough())).status).toBe(403)
  })

  it.each([
    ['for another client', { aud: 'other' }],
    ['by another issuer', { iss: 'https://evil.example' }],
    ['for another sign-in', { nonce: 'other' }],
    ['long ago', { exp: 1 }],
    ['about nobody', { sub: undefined }],
  ])('by a token that was made %s', async (_what, wrong) => {
    issuer.spoil = (claims) => ({ ...claims, ...wrong })
    expect(await refusal(await goThrough())).toMatchObject({
      status: 403,
      said: expect.stringContaining('Begin again.'),
    })
  })

  it('by a token that somebody else has signed', async () => {
    issuer.isForging = true
    expect((await refusal(await goThrough())).status).toBe(403)
  })

  it.each([
    ['another state', (back: URL) => back.searchParams.set('state', 'other')],
    ['no state', (back: URL) => back.searchParams.delete('state')],
    ['another code', (back: URL) => back.searchParams.set('code', 'CANARY-other')],
    ['no code', (back: URL) => back.searchParams.delete('code')],
    ['two states', (back: URL) => back.searchParams.append('state', 'other')],
    ['another issuer', (back: URL) => back.searchParams.set('iss', 'https://evil.example')],
    [
      'a refusal',
      (back: URL) => {
        back.searchParams.delete('code')
        back.searchParams.set('error', 'access_denied')
      },
    ],
  ])('who comes back with %s', async (_what, change) => {
    const back = await begin()
    change(back)
    expect((await refusal(await browser.follow(back.href))).status).toBe(403)
  })

  it('whom another browser sent: a code is worth nothing without the cookie it was asked with', async () => {
    const back = await begin()
    expect(await refusal(await openBrowser(() => world.url).follow(back.href))).toMatchObject({
      status: 400,
      said: expect.stringContaining('not begun in this browser'),
    })
    expect(issuer.exchanged).toEqual([])
  })

  it('by a flow that somebody made up', async () => {
    const back = await begin()
    for (const cookie of ['v1.AAAA', 'x', '', '{}']) {
      const headers = { cookie: `spillway_sign_in=${cookie}` }
      expect((await refusal(await fetch(back, { headers }))).status).toBe(400)
    }
  })

  it('while the provider cannot be reached', async () => {
    issuer.stop()
    const answer = await refusal(await browser.ask(BEGIN))
    expect(answer).toMatchObject({
      status: 503,
      said: expect.stringContaining('cannot be asked how to sign in'),
    })
  })

  it('where none is set up', async () => {
    const other = await openWorld()
    const ask = (path: string): Promise<Response> => fetch(`${other.url}${path}`)
    expect((await refusal(await ask(BEGIN))).status).toBe(404)
    expect(await (await ask('/sign-in')).text()).not.toContain(BEGIN)
    await other.stop()
  })
})

describe('a code', () => {
  it('signs in once', async () => {
    const back = await begin()
    const flow = `spillway_sign_in=${browser.cookies.get('spillway_sign_in')}`
    expect((await browser.follow(back.href)).status).toBe(200)
    expect((await fetch(back, { headers: { cookie: flow } })).status).toBe(403)
    expect((await world.api.listSignIns()).signIns).toHaveLength(1)
  })
})

describe('where people are sent back to', () => {
  it('is not changed by forwarding headers (threat 15)', async () => {
    const forged = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
    }
    const answer = await browser.ask(BEGIN, { headers: forged })
    const redirect = new URL(answer.headers.get('location') ?? '').searchParams.get('redirect_uri')
    expect(redirect).toBe(`${world.url}/api/sign-in/oidc/callback`)
  })

  it('is what the operator says, with cookies for HTTPS where that is HTTPS', async () => {
    await world.api.changeConfig({ body: { publicUrl: 'https://gateway.example/' } })
    const answer = await browser.ask(BEGIN)
    const redirect = new URL(answer.headers.get('location') ?? '').searchParams.get('redirect_uri')
    expect(redirect).toBe('https://gateway.example/api/sign-in/oidc/callback')
    expect(browser.setCookies.at(-1)).toEndWith('; Secure')
  })
})

describe('the client’s secret', () => {
  it('is shown as being there, and is not stored through the API', async () => {
    const { settings } = await world.api.showConfig()
    expect(settings.find(({ name }) => name === 'oidcClientSecret')).toMatchObject({
      value: '***',
      place: 'SPILLWAY_OIDC_CLIENT_SECRET',
    })
    const change = world.api.changeConfig({ body: { oidcClientSecret: 'x' } })
    await expect(change).rejects.toThrow('SPILLWAY_OIDC_CLIENT_SECRET')
    expect(world.log()).not.toContain(CLIENT.secret)
  })
})

describe('the provider’s address', () => {
  it.each([
    'http://accounts.example',
    'ftp://x',
    'https://me@x.example',
    'https://x.example/?a=b',
    'accounts.example',
  ])('is not %s', async (oidcIssuer) => {
    const other = await openWorld()
    const change = other.api.changeConfig({ body: { oidcIssuer } })
    await expect(change).rejects.toMatchObject({ code: 'bad-request' })
    await other.stop()
  })
})
