/**
 * Signing in to subscriptions and to the console through the API, against the simulated
 * provider: what the page's address says, what is sent to the token endpoint, what becomes of
 * the grant, and what is said, and left behind, when something goes wrong.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { createHash } from 'node:crypto'
import { TOKEN_ENDPOINT } from '../src/simulator/logins.ts'
import { html, json, refusal, reset, serverError, until, whole } from '../src/simulator/replies.ts'
import {
  begin,
  beginAgain,
  finish,
  lastTokenRequest,
  namesIn,
  openSignInWorld,
  refusalOf,
  signIn,
} from './support/sign-in.ts'
import { eventually, type World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await openSignInWorld()
})
afterEach(async () => {
  // Beside the tokens, which are canaries: what the gateway itself made up is not in its log either.
  const verifiers = world.simulator
    .requestsOf(TOKEN_ENDPOINT)
    .map(({ body }) => JSON.parse(body.toString()).code_verifier)
  const log = world.log()
  await world.stop()
  for (const verifier of verifiers) if (verifier !== undefined) expect(log).not.toContain(verifier)
})

describe('the page’s address', () => {
  it('says who asks for what, and proves later that it was the same who asked', async () => {
    const begun = await begin(world, 'max')
    const url = new URL(begun.authUrl)
    expect([url.origin, url.pathname]).toEqual([world.simulator.url, '/oauth/authorize'])
    const query = Object.fromEntries(url.searchParams)
    expect(query).toMatchObject({
      code: 'true',
      client_id: '9d1c250a-e61b-44d9-88ed-5944d1962f5e',
      response_type: 'code',
      redirect_uri: 'https://platform.claude.com/oauth/code/callback',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      state: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    })
    expect(query.scope?.split(' ')).toContain('user:inference')
    expect(query.scope).not.toContain('org:create_api_key')
    const { state, code_challenge } = Object.fromEntries(url.searchParams)
    await finish(world, begun, world.simulator.logins.authorize(begun.authUrl))
    const sent = lastTokenRequest(world.simulator)
    expect(sent).toMatchObject({
      grant_type: 'authorization_code',
      state,
      client_id: '9d1c250a-e61b-44d9-88ed-5944d1962f5e',
      redirect_uri: 'https://platform.claude.com/oauth/code/callback',
    })
    const { code_verifier: verifier = '' } = sent
    expect(createHash('sha256').update(verifier).digest('base64url')).toBe(code_challenge ?? '')
    expect(begun.authUrl).not.toContain(verifier)
  })

  it('asks the console for the right to make keys', async () => {
    const { authUrl } = await begin(world, 'console', { mode: 'console' })
    expect(new URL(authUrl).searchParams.get('scope')?.split(' ')).toContain('org:create_api_key')
  })

  it('is another one every time', async () => {
    const both = [await begin(world, 'max'), await begin(world, 'max')]
    const values = both.flatMap(({ sessionId, authUrl }) => {
      const query = new URL(authUrl).searchParams
      return [sessionId, query.get('state'), query.get('code_challenge')]
    })
    expect(new Set(values).size).toBe(6)
  })

  it.each([
    ['https://login.example', 'https://login.example/oauth/authorize?'],
    ['https://login.example/', 'https://login.example/oauth/authorize?'],
    ['https://login.example/cai/authorize', 'https://login.example/cai/authorize?'],
    ['https://login.example/authorize?tenant=a', 'https://login.example/authorize?tenant=a&'],
    ['https://login.example?tenant=a', 'https://login.example/oauth/authorize?tenant=a&'],
    ['', 'https://claude.ai/oauth/authorize?'],
  ])('with the setting anthropicAuthorizeUrl %p begins %s', async (anthropicAuthorizeUrl, start) => {
    await world.api.changeConfig({ body: { anthropicAuthorizeUrl } })
    expect((await begin(world, 'max')).authUrl).toStartWith(start)
  })

  it('leads to the console’s page in the mode of the console', async () => {
    await world.api.changeConfig({ body: { anthropicAuthorizeUrl: '' } })
    const { authUrl } = await begin(world, 'console', { mode: 'console' })
    expect(authUrl).toStartWith('https://platform.claude.com/oauth/authorize?')
  })

  it('names the client that the settings name, and the exchange names the same', async () => {
    await world.api.changeConfig({ body: { clientId: 'my-client' } })
    const begun = await begin(world, 'max')
    expect(new URL(begun.authUrl).searchParams.get('client_id')).toBe('my-client')
    await finish(world, begun, world.simulator.logins.authorize(begun.authUrl))
    expect(lastTokenRequest(world.simulator).client_id).toBe('my-client')
  })
})

describe('a token endpoint that is not this machine’s', () => {
  it.each(['http://login.example', 'ftp://login.example', 'login.example', 'https://me:you@login.example'])(
    'is not %s',
    async (anthropicOauthUrl) => {
      const { status, message } = await refusalOf(world.api.changeConfig({ body: { anthropicOauthUrl } }))
      expect(status).toBe(400)
      expect(message).toContain('anthropicOauthUrl')
      expect(message).not.toContain('me:you')
    },
  )
})

describe('an account that was signed in to', () => {
  it('is whole: whose it is, its plan and its size, when its token ends; and it serves', async () => {
    const account = await signIn(world, 'max', { priority: 3, groups: ['team'], planOnly: true })
    expect(account).toMatchObject({
      name: 'max',
      provider: 'claude-oauth',
      priority: 3,
      groups: ['team'],
      planOnly: true,
      tier: 20,
      organization: '0b1c0000-0000-4000-8000-000000000001',
      organizationName: 'Organization 1',
      plan: 'claude_max',
      email: 'dev-1@acme.test',
      state: { kind: 'ready' },
      notes: ['It belongs to Organization 1.'],
    })
    expect(Date.parse(account.tokenExpiresAt ?? '')).toBeGreaterThan(Date.now() + 7 * 3_600_000)
    expect(JSON.stringify(account)).not.toContain('CANARY')
    expect((await world.ask()).status).toBe(200)
    expect(world.simulator.received.at(-1)?.key).toBe('CANARY-oat-1')
  })

  it('keeps the size of its plan that was said, and is found again after a restart', async () => {
    await signIn(world, 'max', { tier: 5, as: { plan: 'max-20x' } })
    await world.restart()
    const account = await world.api.showAccount({ params: { id: 'max' } })
    expect(account).toMatchObject({ tier: 5, organizationName: 'Organization 1', plan: 'claude_max' })
    expect((await world.ask()).status).toBe(200)
  })

  it('may be of a provider that tells nothing about it', async () => {
    world.simulator.logins.answers = { omitOrganization: true, omitAccount: true }
    world.simulator.always('CANARY-oat-1', html(200))
    const account = await signIn(world, 'max')
    expect(account).toMatchObject({ tier: 1, state: { kind: 'ready' }, notes: [] })
    world.simulator.always('CANARY-oat-1', undefined)
  })

  it('without a refresh token is said to end', async () => {
    world.simulator.logins.answers = { omitRefreshToken: true }
    const { notes, tokenExpiresAt } = await signIn(world, 'max')
    expect(notes).toContain(`The token cannot be renewed; it ends at ${tokenExpiresAt}.`)
    const { tokens } = await world.api.tokenHealth()
    expect(tokens).toMatchObject([{ account: 'max', renewsItself: false, status: 'expiring' }])
  })

  it('takes a code that was pasted as the address the page ended at', async () => {
    const begun = await begin(world, 'max')
    const [code = '', state = ''] = world.simulator.logins.authorize(begun.authUrl).split('#')
    const address = `https://platform.claude.com/oauth/code/callback?code=${code}&state=${state}`
    expect((await finish(world, begun, `  ${address}\n`)).name).toBe('max')
  })
})

describe('a sign-in', () => {
  it('works once', async () => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    await finish(world, begun, code)
    const again = await refusalOf(finish(world, begun, code))
    expect([again.status, again.message]).toEqual([404, expect.stringContaining('Begin again.')])
    expect(world.simulator.logins.tokenRequests).toBe(1)
  })

  it('is finished by one of two who try at once', async () => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    const gate = Promise.withResolvers<void>()
    world.simulator.script(TOKEN_ENDPOINT, (request) => [
      until(gate.promise),
      ...world.simulator.unscripted(request),
    ])
    const first = finish(world, begun, code)
    await eventually(() => world.simulator.logins.tokenRequests === 1 || undefined, 'the exchange')
    const second = await refusalOf(finish(world, begun, code))
    expect([second.status, second.message]).toEqual([409, 'This sign-in is being finished already.'])
    gate.resolve()
    expect((await first).name).toBe('max')
    expect(await namesIn(world)).toEqual(['max'])
    expect(world.simulator.logins.tokenRequests).toBe(1)
  })

  it('that nobody began is not there', async () => {
    const { status, message } = await refusalOf(finish(world, { sessionId: 'x'.repeat(43) }, 'a#b'))
    expect([status, message]).toEqual([404, expect.stringContaining('There is no such sign-in')])
  })

  it('does not survive a restart, and says so', async () => {
    const begun = await begin(world, 'max')
    await world.restart()
    const { status, message } = await refusalOf(finish(world, begun, 'a#b'))
    expect([status, message]).toEqual([404, expect.stringContaining('the gateway was restarted')])
  })

  it('is forgotten when very many are begun, and the memory with it', async () => {
    const first = await begin(world, 'max')
    for (let round = 0; round < 100; round++)
      await Promise.all(Array.from({ length: 10 }, (_, index) => begin(world, `max-${round}-${index}`)))
    expect((await refusalOf(finish(world, first, 'a#b'))).status).toBe(404)
    expect((await signIn(world, 'max')).name).toBe('max')
  })
})

describe('what goes wrong is said, and leaves nothing behind:', () => {
  afterEach(async () => {
    expect(await namesIn(world)).toEqual([])
  })

  it.each([
    ['a code without its second half', (code: string) => code.replace(/#.*/, '')],
    ['a code without its first half', (code: string) => code.replace(/.*#/, '#')],
    ['something else', () => 'yes'],
    ['an address without a code', () => 'https://platform.claude.com/oauth/code/callback'],
    ['blanks', () => '  \n '],
  ])('%s, and the same sign-in still takes the right one', async (_what, spoil) => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    const { status, message } = await refusalOf(finish(world, begun, spoil(code)))
    expect([status, message]).toEqual([
      400,
      expect.stringContaining('The code is not whole: paste everything'),
    ])
    expect(world.simulator.logins.tokenRequests).toBe(0)
    await finish(world, begun, code)
    await world.api.removeAccount({ params: { id: 'max' } })
  })

  it('the code of another page', async () => {
    const [begun, other] = [await begin(world, 'max'), await begin(world, 'max')]
    const code = world.simulator.logins.authorize(other.authUrl)
    const { status, message } = await refusalOf(finish(world, begun, code))
    expect([status, message]).toEqual([400, expect.stringContaining('its state does not match. Begin again')])
    expect(world.simulator.logins.tokenRequests).toBe(0)
  })

  it('a wrong code', async () => {
    const begun = await begin(world, 'max')
    const [, state] = world.simulator.logins.authorize(begun.authUrl).split('#')
    const { status, message } = await refusalOf(finish(world, begun, `CANARY-wrong#${state}`))
    expect([status, message]).toEqual([
      400,
      expect.stringMatching(/^The code was not accepted: .* begin again\.$/),
    ])
    expect(message).not.toContain('CANARY')
  })

  it('a code that was used already', async () => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    world.simulator.script(TOKEN_ENDPOINT, (request) => {
      world.simulator.unscripted(request)
      return [reset]
    })
    const lost = await refusalOf(finish(world, begun, code))
    expect([lost.status, lost.message]).toEqual([503, expect.stringContaining('Nothing was added')])
    const used = await refusalOf(finish(world, begun, code))
    expect(used.message).toContain('Nothing was added')
  })

  it('a person who says no', async () => {
    const begun = await begin(world, 'max')
    const address = world.simulator.logins.authorize(begun.authUrl, { deny: true })
    const { status, message } = await refusalOf(finish(world, begun, address))
    expect([status, message]).toEqual([403, expect.stringContaining('was not allowed (access_denied)')])
    expect((await refusalOf(finish(world, begun, address))).status).toBe(404)
  })

  it.each([
    ['an error', [serverError], 'answered 500'],
    ['a web page', [html(200)], 'with a web page'],
    ['too many requests', [refusal(429, 'rate_limit_error', 'Slow down')], 'limits sign-ins'],
    ['nothing', [[reset]], 'could not be asked'],
    ['no JSON', [whole(200, '{"access_token": "CANARY-cut')], 'no JSON'],
  ])('a token endpoint that answers %s; later it works with the same code', async (_what, replies, words) => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    world.simulator.script(TOKEN_ENDPOINT, ...replies)
    const { status, message } = await refusalOf(finish(world, begun, code))
    expect([status, message]).toEqual([503, expect.stringContaining(words)])
    expect(message).toContain('Nothing was added; paste the code again')
    expect(message).not.toContain('CANARY')
    await finish(world, begun, code)
    await world.api.removeAccount({ params: { id: 'max' } })
  })

  it.each([
    ['an empty object', {}],
    ['a list', []],
    ['a token that is a number', { access_token: 5, expires_in: 5 }],
    ['an empty token', { access_token: '', expires_in: 5 }],
    ['a token with a line break', { access_token: 'CANARY-a\r\nx: y', expires_in: 5 }],
    ['a token without an end', { access_token: 'CANARY-a' }],
    ['a token that has ended', { access_token: 'CANARY-a', expires_in: -5 }],
    ['a token of another type', { access_token: 'CANARY-a', expires_in: 5, token_type: 'DPoP' }],
  ])('an answer that holds %s', async (_what, answer) => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    world.simulator.script(TOKEN_ENDPOINT, json(answer))
    const { status, message } = await refusalOf(finish(world, begun, code))
    expect([status, message]).toEqual([503, expect.stringContaining('Nothing was added')])
    expect(message).not.toContain('CANARY')
  })

  it('a refusal that repeats what it was sent, however long', async () => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    const [secret] = code.split('#')
    world.simulator.script(TOKEN_ENDPOINT, (request) => {
      const { code_verifier: verifier } = JSON.parse(request.body.toString())
      const description = `${'x'.repeat(190)}${secret} ${verifier}\u001b[2J`
      return whole(
        400,
        JSON.stringify({ error: `invalid_${secret}_request`, error_description: description }),
      )
    })
    const { message } = await refusalOf(finish(world, begun, code))
    expect(message).not.toContain('CANARY')
    expect(message).not.toMatch(/\p{Cc}/u)
    expect(message.length).toBeLessThan(700)
  })

  it('a token endpoint that is not there', async () => {
    await world.api.changeConfig({ body: { anthropicOauthUrl: 'http://127.0.0.1:1' } })
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    const { status, message } = await refusalOf(finish(world, begun, code))
    expect([status, message]).toEqual([503, expect.stringContaining('could not be asked (127.0.0.1')])
  })

  it('a client that the provider does not know', async () => {
    const begun = await begin(world, 'max')
    const code = world.simulator.logins.authorize(begun.authUrl)
    await world.api.changeConfig({ body: { clientId: 'another-client' } })
    const { status, message } = await refusalOf(finish(world, begun, code))
    expect([status, message]).toEqual([503, expect.stringContaining('invalid_client')])
    expect(message).toContain('check the settings clientId')
  })

  it.each([
    [
      'a provider whose accounts have keys',
      { provider: 'console' },
      'Accounts of the provider console have an API key',
    ],
    ['a provider that nobody knows', { provider: 'constructor' }, 'There is no provider "constructor"'],
    ['a mode that nobody knows', { mode: 'team' as 'max' }, '"mode"'],
    ['a key from a subscription', { createKey: true }, 'use the mode "console"'],
    ['a name that cannot be one', { name: '../x' }, 'A name begins with a letter or digit'],
    ['a name that is too long', { name: 'n'.repeat(65) }, '"name"'],
    ['a proxy that cannot be one', { proxy: 'https://CANARY-p:x@p:1' }, 'A proxy is not spoken to over TLS'],
    [
      'a header that is the gateway’s',
      { headers: { 'X-Api-Key': 'CANARY-h' } },
      'x-api-key is set by the gateway',
    ],
    ['an address in the cloud’s back room', { baseUrl: 'http://169.254.169.254' }, '169.254.169.254'],
  ])('to begin with %s', async (_what, more, words) => {
    const { status, message } = await refusalOf(begin(world, 'max', more))
    expect([status, message]).toEqual([400, expect.stringContaining(words)])
    expect(message).not.toContain('CANARY')
  })
})

describe('the terms', () => {
  it('are said before the first subscription, once, and a yes is kept', async () => {
    const { status, code, message } = await refusalOf(begin(world, 'max', { acceptTerms: false }))
    expect([status, code]).toEqual([403, 'forbidden'])
    expect(message).toContain('Anthropic’s terms say')
    expect((await refusalOf(beginAgain(world, 'max'))).code).toBe('forbidden')
    await signIn(world, 'max')
    await world.restart()
    expect(await beginAgain(world, 'other')).toHaveProperty('authUrl')
  })

  it('are not asked for by whatever is wrong anyway', async () => {
    const { status } = await refusalOf(begin(world, 'max', { acceptTerms: false, baseUrl: 'nowhere' }))
    expect(status).toBe(400)
  })

  it('do not concern the console, nor keys', async () => {
    expect(await beginAgain(world, 'console', { mode: 'console' })).toHaveProperty('authUrl')
    const body = { name: 'key', provider: 'console', apiKey: 'CANARY-key', baseUrl: world.simulator.url }
    expect(await world.api.addAccount({ body })).toMatchObject({ name: 'key' })
  })

  it('concern a token that is handed over as well', async () => {
    const body = {
      name: 'max',
      provider: 'claude-oauth',
      apiKey: 'CANARY-token',
      baseUrl: world.simulator.url,
    }
    expect((await refusalOf(world.api.addAccount({ body }))).code).toBe('forbidden')
    expect(await namesIn(world)).toEqual([])
    await world.api.addAccount({ body: { ...body, acceptTerms: true } })
    expect(await namesIn(world)).toEqual(['max'])
  })
})

describe('an organization of the console', () => {
  const newest = () => world.simulator.received.filter(({ target }) => target === '/v1/messages').at(-1)

  it('makes a key, which is used in the place of the tokens', async () => {
    const { provider, notes, tokenExpiresAt, organizationName } = await signIn(world, 'work', {
      mode: 'console',
    })
    expect([provider, tokenExpiresAt, organizationName]).toEqual(['console', undefined, 'Organization 1'])
    expect(notes).toContain('An API key was made and is used in the place of the tokens.')
    expect((await world.ask()).status).toBe(200)
    const sent = Object.fromEntries(newest()?.headers ?? [])
    expect(sent['x-api-key']).toStartWith('CANARY-key-')
    expect(sent).not.toHaveProperty('authorization')
    const { tokens } = await world.api.tokenHealth()
    expect(tokens).toEqual([])
  })

  it('keeps the tokens where no key was wanted', async () => {
    const account = await signIn(world, 'work', { mode: 'console', createKey: false })
    expect([account.provider, account.notes]).toEqual(['claude-oauth', ['It belongs to Organization 1.']])
    expect((await world.ask()).status).toBe(200)
    expect(Object.fromEntries(newest()?.headers ?? [])).toMatchObject({
      authorization: 'Bearer CANARY-oat-1',
    })
    expect(world.simulator.received.some(({ target }) => target.endsWith('create_api_key'))).toBe(false)
  })

  it('keeps the tokens where none could be made, and says why', async () => {
    const as = { scopes: ['user:profile', 'user:inference'] }
    const { provider, notes } = await signIn(world, 'work', { mode: 'console', as })
    expect(provider).toBe('claude-oauth')
    expect(notes[0]).toMatch(
      /^No API key could be made \(the provider answered 403 .*\); the tokens are used\.$/,
    )
    expect((await world.ask()).status).toBe(200)
  })
})
