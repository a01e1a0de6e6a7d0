/**
 * What the admin API says of accounts and takes for them beyond their beginnings: their way
 * out, their events, their tokens' health, their windows over time, and what is renewed and
 * polled on demand.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import type { Account } from '../src/api/contract.ts'
import { unauthorized, whole, windowSpent } from '../src/simulator/replies.ts'
import { namesIn, openSignInWorld, refusalOf, signIn } from './support/sign-in.ts'
import { keyOf, type World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await openSignInWorld()
})
afterEach(() => world.stop())

const JSON_TYPE = { 'content-type': 'application/json' }

const show = (id: string): Promise<Account> => world.api.showAccount({ params: { id } })

const addKey = (name: string, more: object = {}): Promise<Account> => {
  const body = { name, provider: 'console', apiKey: keyOf(name), baseUrl: world.simulator.url, ...more }
  return world.api.addAccount({ body })
}

interface Problem {
  readonly code: string
  readonly message: string
  readonly details?: readonly { readonly path: string; readonly message: string }[]
}

/** As nobody's typed client would send it. */
async function sendRaw(
  method: string,
  path: string,
  body?: string,
): Promise<{ readonly status: number; readonly error?: Problem }> {
  const init = body === undefined ? { method } : { method, body, headers: JSON_TYPE }
  const response = await world.admin(path, init)
  return { status: response.status, ...JSON.parse(await response.text()) }
}

describe('an account’s way out', () => {
  it('is shown without credentials and values, kept over a restart, and taken away with null', async () => {
    const added = await addKey('work', {
      planOnly: true,
      proxy: 'socks5://CANARY-user:CANARY-pass@127.0.0.1:1080',
      headers: { 'X-Team': 'CANARY-blue', 'x-cost-centre': '42' },
    })
    const shown = {
      planOnly: true,
      proxy: 'socks5://127.0.0.1:1080',
      headers: ['x-team', 'x-cost-centre'],
    }
    expect(added).toMatchObject(shown)
    await world.restart()
    expect(await show('work')).toMatchObject(shown)
    const change = (body: object) => world.api.changeAccount({ params: { id: 'work' }, body })
    expect(await change({ proxy: null })).toMatchObject({ headers: shown.headers })
    expect(await show('work')).not.toHaveProperty('proxy')
    expect((await world.ask()).status).toBe(200)
    const [, value] = world.simulator.received.at(-1)?.headers.find(([name]) => name === 'x-team') ?? []
    expect(value).toBe('CANARY-blue')
    expect(await change({ headers: { 'x-other': '1' } })).toMatchObject({ headers: ['x-other'] })
    expect(await change({ headers: null, planOnly: false })).toMatchObject({ headers: [], planOnly: false })
    expect((await change({ priority: 1 })).headers).toEqual([])
    expect(JSON.stringify([added, await show('work')])).not.toContain('CANARY')
  })

  it.each([
    ...['user-agent', 'X-Api-Key', 'HOST', 'anthropic-beta', 'anthropic-version', 'Authorization', 'cookie'],
    ...['content-length', 'transfer-encoding', 'connection', 'x-stainless-lang', 'x-app', 'x-claude-code-x'],
    ...[
      'te',
      'x-spillway-account',
      'accept-encoding',
      '',
      ' ',
      'x team',
      'x:team',
      'ünicode',
      'x\r\ny',
      'x\0',
    ],
  ])('adds no header called %p', async (name) => {
    const problem = await refusalOf(addKey('work', { headers: { [name]: 'CANARY-value' } }))
    expect(problem.status).toBe(400)
    expect(problem.message).toEndWith('.')
    expect(problem.message.toLowerCase()).toContain(name.toLowerCase().slice(0, 40))
    expect(problem.message).not.toContain('CANARY')
    expect(await namesIn(world)).toEqual([])
  })

  it.each([
    ['two lines', 'CANARY-a\r\nx-api-key: b'],
    ['a NUL', 'CANARY-a\0b'],
    ['letters that no header has', 'CANARY-ж'],
    ['very much', `CANARY-${'x'.repeat(5_000)}`],
  ])('adds no header with %s in it', async (_what, value) => {
    const { status, message } = await refusalOf(addKey('work', { headers: { 'x-team': value } }))
    expect([status, message]).toEqual([400, expect.stringContaining('x-team')])
    expect(message).not.toContain('CANARY')
  })

  it.each([
    ...['', 'nowhere', '127.0.0.1:1080', 'https://CANARY-u:p@proxy:443', 'ftp://proxy:1', 'http://proxy'],
    ...['http://proxy:0', 'http://proxy:99999', 'http://CANARY-a b@proxy:1', 'socks5://:CANARY@proxy:1'],
    ...['http://proxy:1/path', 'env:PROXY', `http://${'CANARY'.repeat(200)}@proxy:1`],
  ])('is not the proxy %p', async (proxy) => {
    const body = JSON.stringify({ name: 'work', provider: 'console', apiKey: 'CANARY-key', proxy })
    const { status, error } = await sendRaw('POST', '/api/accounts', body)
    expect(status).toBe(400)
    expect(error?.details?.map(({ path }) => path)).toEqual(['proxy'])
    expect(error?.message).toMatch(/proxy|Proxy/)
    expect(JSON.stringify(error)).not.toContain('CANARY')
  })

  it('is checked as well when it is changed, and a change that is refused changes nothing', async () => {
    await addKey('work', { proxy: 'http://127.0.0.1:1' })
    const change = (body: object) => refusalOf(world.api.changeAccount({ params: { id: 'work' }, body }))
    expect((await change({ proxy: 'https://x:1', priority: 9 })).message).toContain('proxy')
    expect((await change({ headers: { host: 'x' }, name: 'other' })).message).toContain('host')
    expect(await show('work')).toMatchObject({ name: 'work', priority: 0, proxy: 'http://127.0.0.1:1' })
  })
})

describe('odd names', () => {
  it.each(['constructor', 'toString', 'hasOwnProperty'])(
    '%s in a model map is a model like any other',
    async (model) => {
      await addKey('a', { modelMap: { [model]: 'served' } })
      expect((await show('a')).modelMap).toEqual({ [model]: 'served' })
      expect((await world.ask({ model })).status).toBe(200)
      expect(world.simulator.received.at(-1)?.body.toString()).toContain('"model":"served"')
    },
  )

  it.each(['headers', 'modelMap'])('__proto__ in %s does no harm', async (field) => {
    const body = `{"name":"a","provider":"console","apiKey":"CANARY-a","baseUrl":"${world.simulator.url}","${field}":{"__proto__":"x"}}`
    const { status } = await sendRaw('POST', '/api/accounts', body)
    expect([201, 400]).toContain(status)
    expect(await namesIn(world)).toEqual(status === 201 ? ['a'] : [])
    if (status === 201) expect((await world.ask()).status).toBe(200)
  })

  it.each([
    ...['', ' ', '.', '..', '../x', 'a/b', 'a b', 'ünï', '😀', 'a\0', 'a\n', '-a', `${'n'.repeat(65)}`],
    ...['\u202ea', 'a,b', 'a"b'],
  ])('%p is no account’s', async (name) => {
    const { status, message } = await refusalOf(addKey('x', { name }))
    expect([status, message]).toEqual([400, expect.stringMatching(/name/)])
  })

  it('of sixty-four letters is one', async () => {
    const name = `N${'@'.repeat(63)}`
    await addKey('x', { name })
    expect((await show(name)).name).toBe(name)
  })
})

describe('events', () => {
  it('come newest first, page by page, with their evidence', async () => {
    await addKey('a')
    for (let round = 0; round < 3; round++) {
      await world.api.pauseAccount({ params: { id: 'a' } })
      await world.api.resumeAccount({ params: { id: 'a' } })
    }
    world.simulator.script(keyOf('a'), windowSpent('5h', Math.round(Date.now() / 1_000) + 3_600))
    await world.ask()
    const list = (query: object) => world.api.listAccountEvents({ params: { id: 'a' }, query })
    const { events: all } = await list({})
    expect(all.map(({ kind }) => kind)).toEqual(['cooling', ...Array(3).fill(['resumed', 'paused']).flat()])
    expect(all[0]).toMatchObject({
      scope: 'account',
      cause: 'window-spent',
      evidence: expect.stringContaining('5h'),
      until: expect.any(String),
    })
    const paged: string[] = []
    let cursor: string | undefined
    for (let count = 0; count < 4; count++) {
      const page = await list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) })
      paged.push(...page.events.map(({ id }) => id))
      cursor = page.nextCursor
      expect(cursor === undefined).toBe(count === 3)
    }
    expect(paged).toEqual(all.map(({ id }) => id))
    await world.restart()
    expect((await list({})).events).toEqual(all)
  })

  it('of another account are not among them, and of a removed one there are none', async () => {
    await addKey('a')
    await addKey('b')
    await world.api.pauseAccount({ params: { id: 'a' } })
    expect((await world.api.listAccountEvents({ params: { id: 'b' }, query: {} })).events).toEqual([])
    await world.api.removeAccount({ params: { id: 'a' } })
    expect((await sendRaw('GET', '/api/accounts/a/events')).status).toBe(404)
  })

  it.each([
    ['/api/accounts/a/events?limit=0', 'limit'],
    ['/api/accounts/a/events?limit=1001', 'limit'],
    ['/api/accounts/a/events?limit=x', 'limit'],
    ['/api/accounts/a/events?cursor=x', 'cursor'],
    ['/api/accounts/a/events?page=2', 'page'],
    ['/api/usage-history?since=yesterday', 'since'],
    ['/api/usage-history?until=x', 'until'],
    ['/api/usage-history?limit=0', 'limit'],
    ['/api/usage-history?limit=20001', 'limit'],
    ['/api/usage-history?days=3', 'days'],
    ['/api/token-health?account=a', 'account'],
  ])('%s is refused, and %s is named', async (path, field) => {
    await addKey('a')
    const { status, error } = await sendRaw('GET', path)
    expect(status).toBe(400)
    expect(error?.details?.map((detail) => detail.path)).toEqual([field])
    expect(error?.message).toMatch(/^".+\.$/)
  })
})

describe('the health of tokens', () => {
  it('is told of those that end, and of nobody else’s', async () => {
    await addKey('key')
    await signIn(world, 'max')
    const { checkedAt, tokens } = await world.api.tokenHealth()
    expect(Date.parse(checkedAt)).toBeLessThanOrEqual(Date.now())
    expect(tokens).toEqual([
      {
        account: 'max',
        provider: 'claude-oauth',
        status: 'healthy',
        expiresAt: expect.any(String),
        renewsItself: true,
        message: expect.stringMatching(/^It ends in .* and is renewed by itself\.$/),
      },
    ])
  })

  it('is bad once the login has gone, and says what to do', async () => {
    await signIn(world, 'max')
    world.simulator.logins.revoke(world.simulator.logins.newest('login-1').refreshToken)
    const refused = await refusalOf(world.api.refreshAccount({ params: { id: 'max' } }))
    expect([refused.status, refused.message]).toEqual([409, expect.stringContaining('accounts login max')])
    const { tokens } = await world.api.tokenHealth()
    expect(tokens).toMatchObject([
      { status: 'needs-login', remedy: 'Sign in again with "spillway accounts login max".' },
    ])
  })
})

describe('refreshing', () => {
  it('renews a login’s token and reads its windows', async () => {
    await signIn(world, 'max')
    world.simulator.logins.setUsage('CANARY-oat-1', {
      fiveHour: { usedPercent: 42 },
      sevenDayFable: { usedPercent: 7 },
    })
    const before = await show('max')
    const after = await world.api.refreshAccount({ params: { id: 'max' } })
    expect(world.simulator.logins.refreshes).toHaveLength(1)
    expect(Date.parse(after.tokenExpiresAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(before.tokenExpiresAt ?? ''),
    )
    const five = after.windows.find(({ name }) => name === '5h')
    expect(five).toMatchObject({ utilization: 0.42, resetsAt: expect.any(String) })
    expect(after.totals.requests).toBe(0)
  })

  it.each([
    ['zai', '5h', 0.12],
    ['minimax', '5h', 0.29],
    ['nanogpt', undefined, undefined],
    ['openrouter', undefined, undefined],
    ['kimi-code', undefined, undefined],
    ['deepseek', undefined, undefined],
    ['moonshot', undefined, undefined],
    ['opencode-go', undefined, undefined],
  ])('asks %s for its windows', async (provider, name, utilization) => {
    await addKey('vendor', { provider })
    const { windows } = await world.api.refreshAccount({ params: { id: 'vendor' } })
    expect(windows).not.toEqual([])
    if (name !== undefined)
      expect(windows.find((window) => window.name === name)?.utilization).toBeCloseTo(utilization ?? 0)
    expect((await show('vendor')).windows).toEqual(windows)
  })

  it('finds nothing to do for a key that tells nothing, and says so', async () => {
    await addKey('work')
    const { status, message } = await refusalOf(world.api.refreshAccount({ params: { id: 'work' } }))
    expect([status, message]).toEqual([
      400,
      expect.stringContaining('There is nothing to refresh: the key of work'),
    ])
  })

  it.each([
    ['refuses', unauthorized],
    ['answers nonsense', whole(200, '{"code":200,"data":{"limits":"many"}}')],
  ])('says so where the provider %s, and holds nothing against the account', async (_what, reply) => {
    await addKey('vendor', { provider: 'zai' })
    // It has two ways to be asked.
    world.simulator.script(keyOf('vendor'), reply, reply)
    const { status, message } = await refusalOf(world.api.refreshAccount({ params: { id: 'vendor' } }))
    expect([status, message]).toEqual([503, expect.stringContaining('The usage of vendor was not told')])
    const { state, windows } = await show('vendor')
    expect([state.kind, windows]).toEqual(['ready', []])
  })
})

describe('the history of windows', () => {
  it('holds what was read, oldest first, by account, window and time', async () => {
    await signIn(world, 'max')
    await addKey('vendor', { provider: 'zai' })
    const list = (query: object) => world.api.usageHistory({ query })
    for (const usedPercent of [10, 20, 30]) {
      world.simulator.logins.setUsage(world.simulator.logins.newest('login-1').accessToken, {
        fiveHour: { usedPercent },
      })
      await world.api.refreshAccount({ params: { id: 'max' } })
    }
    await world.api.refreshAccount({ params: { id: 'vendor' } })
    const five = (await list({ account: 'max', window: '5h' })).readings
    expect(five.map(({ utilization }) => utilization)).toEqual([0.1, 0.2, 0.3])
    expect(five.map(({ at }) => at)).toEqual(five.map(({ at }) => at).toSorted())
    const { readings } = await list({})
    expect(new Set(readings.map(({ account }) => account))).toEqual(new Set(['max', 'vendor']))
    const one = await list({ account: 'max', window: '5h', limit: 1 })
    expect([one.readings.length, one.isWhole]).toEqual([1, false])
    expect((await list({ account: 'max', window: '5h', limit: 3 })).isWhole).toBe(true)
    expect((await list({ since: '2000-01-01T00:00:00Z', until: '1h' })).readings).toEqual([])
    expect((await list({ window: 'nothing' })).readings).toEqual([])
    expect((await refusalOf(list({ account: 'nobody' }))).status).toBe(404)
  })
})

describe('the OpenAPI document', () => {
  it('has the routes of accounts that stay usable', async () => {
    const text = await (await world.admin('/api/openapi.json')).text()
    const { paths }: { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> } =
      JSON.parse(text)
    for (const [method, path] of [
      ['post', '/api/oauth/init'],
      ['post', '/api/oauth/callback'],
      ['get', '/api/token-health'],
      ['get', '/api/usage-history'],
      ['get', '/api/accounts/{id}/events'],
      ['post', '/api/accounts/{id}/refresh'],
      ['post', '/api/accounts/export'],
      ['post', '/api/accounts/import'],
    ] as const)
      expect(paths[path]?.[method]).toMatchObject({ operationId: expect.any(String) })
  })
})

describe('without the admin’s token', () => {
  it.each(['init', 'callback'])('nobody gets an answer from /api/oauth/%s', async (step) => {
    const response = await fetch(`${world.url}/api/oauth/${step}`, {
      method: 'POST',
      body: '{"name":"x","acceptTerms":true,"sessionId":"x","code":"a#b"}',
      headers: JSON_TYPE,
    })
    expect([response.status, await response.text()]).toEqual([
      401,
      expect.stringContaining('unauthenticated'),
    ])
  })
})
