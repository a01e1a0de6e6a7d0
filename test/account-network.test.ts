/**
 * How an account's traffic leaves: through its own proxy, all of it and nobody else's, over
 * real HTTP and SOCKS5 proxies; and the headers that an operator adds for one account.
 */
import { afterEach, describe, expect, it } from 'bun:test'
import { headersOf } from '../src/core/headers.ts'
import { pathOf } from '../src/simulator/healthy.ts'
import { unauthorized } from '../src/simulator/replies.ts'
import { last, only } from './support/first.ts'
import { PROXIES, type ProxyPlan, type TestProxy } from './support/proxies.ts'
import { begin, finish, openSignInWorld, signIn } from './support/sign-in.ts'
import { keyOf, openWorld, type World } from './support/world.ts'

let world: World
const proxies: TestProxy[] = []
afterEach(async () => {
  await world.stop()
  for (const proxy of proxies.splice(0)) proxy.stop()
  ways.clear()
})

const PASSWORD = 'CANARY-p:ss w@rd'
const KINDS = ['http', 'socks5'] as const
type Kind = (typeof KINDS)[number]

const GONE: ProxyPlan = {}
const WRONG_LOGIN = ['wants other credentials', { credentials: 'operator:CANARY-right' }] as const
/** What an HTTP proxy refuses without a tunnel cannot be told from a provider's refusal; tunnels are in egress-proxy. */
const FAILING: Readonly<Record<Kind, readonly (readonly [what: string, plan: ProxyPlan])[]>> = {
  http: [WRONG_LOGIN, ['is gone', GONE]],
  socks5: [WRONG_LOGIN, ['refuses to go there', { refusal: 2 }], ['is gone', GONE]],
}

describe.each(KINDS)('an account’s %s proxy', (kind) => {
  it('carries its requests, streamed and not, and nobody else’s', async () => {
    const proxy = await start(kind)
    world = await openWorld({
      accounts: [
        { name: 'proxied', proxy: addressOf(kind, proxy) },
        { name: 'direct', priority: 1 },
      ],
    })
    for (const stream of [true, false]) expect(await served(world.ask({ stream }))).toBe('proxied')
    expect(new Set(proxy.visits.flatMap(({ goals }) => goals))).toEqual(new Set([goal()]))
    const visits = goalsOf(proxy)
    await pause('proxied')
    for (const stream of [true, false]) expect(await served(world.ask({ stream }))).toBe('direct')
    await world.api.resumeAccount({ params: { id: 'proxied' } })
    expect(goalsOf(proxy)).toBe(visits)
    const connections = (name: string) =>
      new Set(world.simulator.requestsOf(keyOf(name)).map(({ connection }) => connection))
    expect([...connections('proxied')].filter((each) => connections('direct').has(each))).toEqual([])
  })

  it('is logged in to with its credentials, which stand nowhere', async () => {
    const proxy = await start(kind, { credentials: `operator:${PASSWORD}` })
    const address = addressOf(kind, proxy, `operator:${encodeURIComponent(PASSWORD)}`)
    world = await openWorld({ accounts: [{ name: 'a', proxy: address }] })
    expect(await served(world.ask())).toBe('a')
    expect(new Set(proxy.visits.flatMap(({ logins }) => logins))).toEqual(new Set([`operator:${PASSWORD}`]))
    const shown = JSON.stringify(await world.api.listAccounts())
    expect(shown).toContain(`${kind}://127.0.0.1:${proxy.port}`)
    expect(shown).not.toMatch(/CANARY|operator/)
    await world.restart()
    expect(await served(world.ask())).toBe('a')
    expect(only(world.simulator.received.slice(1)).headers.map(([name]) => name)).not.toContain(
      'proxy-authorization',
    )
  })

  it('carries its sign-in, renewals, profile, polls and tests too', async () => {
    const mine = await start(kind)
    const other = await start(kind)
    world = await openSignInWorld()
    const proxy = addressOf(kind, mine)
    const signingIn = ['/v1/oauth/token', '/api/oauth/profile']
    await expectThrough(mine, signingIn, async () => {
      const begun = await begin(world, 'a', { mode: 'max', proxy })
      await finish(world, begun, world.simulator.logins.authorize(begun.authUrl, { id: 'a' }))
    })
    await expectThrough(other, signingIn, () =>
      signIn(world, 'b', { mode: 'max', proxy: addressOf(kind, other), as: { id: 'b' } }),
    )
    await expectThrough(mine, signingIn, async () => {
      const again = await world.api.beginSignIn({ body: { name: 'a', mode: 'max' } })
      await finish(world, again, world.simulator.logins.authorize(again.authUrl, { id: 'a' }))
    })
    await expectThrough(mine, ['/v1/messages', '/v1/oauth/token', '/v1/messages'], async () => {
      await pause('b')
      world.simulator.script(world.simulator.logins.newest('a').accessToken, unauthorized)
      expect(await served(world.ask())).toBe('a')
    })
    const everything = ['/v1/oauth/token', '/api/oauth/profile', '/api/oauth/usage']
    await expectThrough(mine, everything, () => world.api.refreshAccount({ params: { id: 'a' } }))
    await expectThrough(mine, ['/api/oauth/profile'], () => world.api.testAccount({ params: { id: 'a' } }))
    await expectThrough(other, everything, () => world.api.refreshAccount({ params: { id: 'b' } }))
    // No connection of the provider's came about without a proxy's.
    expect(mine.visits.length + other.visits.length).toBe(ways.size)
  })

  it.each(FAILING[kind])(
    'that %s sends the request to the next account, and is told of without its password',
    async (_what, plan) => {
      const proxy = await start(kind, plan)
      if (plan === GONE) proxy.stop()
      const address = addressOf(kind, proxy, 'operator:CANARY-wrong')
      world = await openWorld({
        accounts: [
          { name: 'proxied', proxy: address },
          { name: 'direct', priority: 1 },
        ],
        settings: { retryAttempts: 1 },
      })
      for (const stream of [true, false]) {
        expect(await served(world.ask({ stream }))).toBe('direct')
        // The connection to the proxy is let go of, and so is what its fault has taught.
        await world.restart()
      }
      expect(world.simulator.requestsOf(keyOf('proxied'))).toEqual([])
      await pause('direct')
      const answer = await world.ask()
      expect(answer.status).toBe(503)
      const text = await answer.text()
      expect(text).toMatch(/proxied: .*proxy/)
      const rows = await world.rows(3)
      expect(rows[0]?.attempts[0]).toMatchObject({
        account: 'proxied',
        failure: expect.stringMatching(/^(?:egress-proxy|connect-refused)$/),
      })
      await world.restart()
      const test = await world.api.testAccount({ params: { id: 'proxied' } })
      expect(test.ok).toBe(false)
      const told = `${text}${JSON.stringify([rows, test, await world.api.listAccounts()])}${world.log()}`
      expect(told).not.toMatch(/CANARY|operator/)
    },
  )

  it('can be changed and taken away, at once', async () => {
    const [first, second] = [await start(kind), await start(kind)]
    world = await openWorld({ accounts: [{ name: 'a', proxy: addressOf(kind, first) }] })
    await served(world.ask())
    await change({ proxy: addressOf(kind, second) })
    const before = goalsOf(first)
    await served(world.ask())
    expect([goalsOf(first), goalsOf(second)]).toEqual([before, 1])
    await change({ proxy: null })
    await served(world.ask())
    expect([goalsOf(first), goalsOf(second)]).toEqual([before, 1])
    expect(world.simulator.received).toHaveLength(3)
  })
})

describe('two accounts of one proxy', () => {
  it.each(KINDS)('with different logins never share a connection (%s)', async (kind) => {
    const proxy = await start(kind)
    const through = (user: string) => addressOf(kind, proxy, `${user}:CANARY-${user}`)
    world = await openWorld({
      accounts: [
        { name: 'a', proxy: through('ann') },
        { name: 'b', proxy: through('ben'), priority: 1 },
      ],
    })
    await served(world.ask())
    await pause('a')
    await served(world.ask())
    expect(new Set(world.simulator.received.map(({ connection }) => connection)).size).toBe(2)
  })
})

describe('a proxy’s address', () => {
  it.each([
    ['https://CANARY-user:CANARY-pw@127.0.0.1:8080', /not spoken to over TLS/],
    ['127.0.0.1:8080', /is written http:\/\/host:port or socks5:\/\/host:port/],
    ['http://CANARY-user:CANARY-pw@127.0.0.1', /names its port/],
    ['socks4://127.0.0.1:1080', /is written http/],
    ['http://CANARY-user:CANARY/pw@127.0.0.1:8080', /./],
  ])('that cannot be used is refused without being repeated: %s', async (proxy, sentence) => {
    world = await openWorld()
    const call = world.api.changeAccount({ params: { id: 'a' }, body: { proxy } })
    const error = await call.then(() => undefined, String)
    expect(error).toMatch(sentence)
    expect(error).not.toContain('CANARY')
    expect((await world.api.showAccount({ params: { id: 'a' } })).proxy).toBeUndefined()
  })
})

describe('an account’s added headers', () => {
  it('reach its provider, in the place of the client’s own, and nobody else', async () => {
    world = await openWorld({
      accounts: [
        { name: 'a', headers: { 'X-Team': 'CANARY-team', 'anthropic-workspace-id': 'CANARY-wrkspc' } },
        { name: 'b', priority: 1 },
      ],
    })
    const own = { 'x-team': 'the clients', 'x-other': 'kept' }
    for (const stream of [true, false]) await served(world.ask({ stream }, own))
    for (const { headers } of world.simulator.requestsOf(keyOf('a'))) {
      expect(headersOf(headers, 'x-team')).toEqual(['CANARY-team'])
      expect(headersOf(headers, 'anthropic-workspace-id')).toEqual(['CANARY-wrkspc'])
      expect(headersOf(headers, 'x-other')).toEqual(['kept'])
    }
    await pause('a')
    await served(world.ask({}, own))
    const { headers } = last(world.simulator.requestsOf(keyOf('b')))
    expect(headersOf(headers, 'x-team')).toEqual(['the clients'])
    expect(headersOf(headers, 'anthropic-workspace-id')).toEqual([])
  })

  it('go with its tests, and are shown by name alone', async () => {
    world = await openWorld({ accounts: [{ name: 'a', headers: { 'x-team': 'CANARY-team' } }] })
    expect(await world.api.testAccount({ params: { id: 'a' } })).toMatchObject({ ok: true })
    expect(headersOf(last(world.simulator.received).headers, 'x-team')).toEqual(['CANARY-team'])
    const shown = await world.api.showAccount({ params: { id: 'a' } })
    expect(shown.headers).toEqual(['x-team'])
    await change({ headers: null })
    await served(world.ask())
    expect(headersOf(last(world.simulator.received).headers, 'x-team')).toEqual([])
  })

  it('go with its polls: an endpoint that wants them for requests wants them for all', async () => {
    world = await openWorld({
      accounts: [{ name: 'a', provider: 'openrouter', headers: { 'x-team': 'CANARY-team' } }],
    })
    await world.api.refreshAccount({ params: { id: 'a' } })
    const asked = only(world.simulator.received)
    expect([pathOf(asked), ...headersOf(asked.headers, 'x-team')]).toEqual(['/api/v1/key', 'CANARY-team'])
  })

  it.each([
    ['authorization', 'Bearer CANARY-x', /is set by the gateway itself/],
    ['X-Api-Key', 'CANARY-x', /is set by the gateway itself/],
    ['host', 'CANARY-x', /is set by the gateway itself/],
    ['user-agent', 'CANARY-x', /says which client a request comes from/],
    ['anthropic-beta', 'CANARY-x', /says which client/],
    ['x-claude-code-session-id', 'CANARY-x', /says which client/],
    ['x-two', 'CANARY-x\r\nx-three: y', /must be one line/],
    ['x two', 'CANARY-x', /is not a header’s name/],
  ])('cannot be %s', async (name, value, sentence) => {
    world = await openWorld()
    const error = await change({ headers: { [name]: value } }).then(() => undefined, String)
    expect(error).toMatch(sentence)
    expect(error).not.toContain('CANARY')
    await served(world.ask())
  })
})

async function start(kind: Kind, plan: ProxyPlan = {}): Promise<TestProxy> {
  const proxy = await PROXIES[kind](plan)
  proxies.push(proxy)
  return proxy
}

const addressOf = (kind: Kind, { port }: TestProxy, credentials?: string): string =>
  `${kind}://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${port}`

const goal = (): string => `127.0.0.1:${world.simulator.port}`
/** How many requests (HTTP) or connections (SOCKS) it was asked for. */
const goalsOf = ({ visits }: TestProxy): number => visits.flatMap(({ goals }) => goals).length

const change = (body: Parameters<World['api']['changeAccount']>[0]['body']) =>
  world.api.changeAccount({ params: { id: 'a' }, body })
const pause = (id: string) => world.api.pauseAccount({ params: { id } })

/** What reaches the provider meanwhile has come through this proxy, and what it is. */
async function expectThrough(
  proxy: TestProxy,
  paths: readonly string[],
  work: () => Promise<unknown>,
): Promise<void> {
  const before = world.simulator.received.length
  const others = proxies.filter((each) => each !== proxy).map((each) => [each, goalsOf(each)] as const)
  await work()
  const sent = world.simulator.received.slice(before)
  expect(sent.map(pathOf).toSorted()).toEqual(paths.toSorted())
  for (const [each, count] of others) expect(goalsOf(each)).toBe(count)
  for (const { connection } of sent) {
    expect(ways.get(connection) ?? proxy.port).toBe(proxy.port)
    ways.set(connection, proxy.port)
  }
}

/** The provider's connections, and through which proxy each has come. */
const ways = new Map<number, number>()

async function served(call: Promise<Response>): Promise<string> {
  const answer = await call
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(`It was answered ${answer.status}: ${text}`)
  return answer.headers.get('x-spillway-account') ?? ''
}
