/**
 * Signing in again to an account that is there: what changes of it, what stays, what happens
 * to requests that run meanwhile, and what two people do to one name.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { TOKEN_ENDPOINT } from '../src/simulator/logins.ts'
import { until, windowSpent } from '../src/simulator/replies.ts'
import {
  begin,
  beginAgain,
  finish,
  namesIn,
  openSignInWorld,
  refusalOf,
  signIn,
  signInAgain,
} from './support/sign-in.ts'
import { eventually, type World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await openSignInWorld()
})
afterEach(() => world.stop())

const show = (id: string) => world.api.showAccount({ params: { id } })

const kindsOfEvents = async (id: string): Promise<readonly string[]> => {
  const { events } = await world.api.listAccountEvents({ params: { id }, query: {} })
  return events.map(({ kind }) => kind)
}

describe('an account that is signed in to again', () => {
  it('has another credential, and everything else as it was', async () => {
    const before = await signIn(world, 'max', {
      ...{ priority: 3, weight: 2, tier: 5, groups: ['team'], modelMap: { a: 'b' }, planOnly: true },
      headers: { 'x-team': 'CANARY-header' },
    })
    await world.ask()
    const { notes, ...after } = await signInAgain(world, 'max')
    const { notes: _, inFlight: __, totals: ___, windows: ____, ...kept } = before
    const theSecondLogins = {
      organization: '0b1c0000-0000-4000-8000-000000000002',
      organizationName: 'Organization 2',
      email: 'dev-2@acme.test',
      tokenExpiresAt: expect.any(String),
    }
    expect(after).toMatchObject({ ...kept, ...theSecondLogins, totals: { requests: 1 } })
    expect(notes).toEqual(['It belongs to Organization 2.'])
    expect((await world.ask()).status).toBe(200)
    expect(world.simulator.received.at(-1)?.key).toBe('CANARY-oat-2')
  })

  it('no longer needs a login, and serves at once', async () => {
    await signIn(world, 'max')
    const { loginId, refreshToken, accessToken } = world.simulator.logins.newest('login-1')
    world.simulator.logins.revoke(refreshToken)
    world.simulator.logins.expire(accessToken)
    expect((await world.ask()).status).not.toBe(200)
    expect((await show('max')).state).toMatchObject({
      kind: 'needs-login',
      remedy: 'Sign in again with "spillway accounts login max".',
    })
    await signInAgain(world, 'max', { id: loginId })
    expect((await show('max')).state).toEqual({ kind: 'ready' })
    expect((await world.ask()).status).toBe(200)
    expect((await world.api.tokenHealth()).tokens).toMatchObject([{ status: 'healthy' }])
    expect((await kindsOfEvents('max'))[0]).toBe('new-credential')
  })

  it('serves the requests that run meanwhile to their end', async () => {
    await signIn(world, 'max')
    const gate = Promise.withResolvers<void>()
    world.simulator.script('CANARY-oat-1', (request) => [
      until(gate.promise),
      ...world.simulator.unscripted(request),
    ])
    const running = world.ask()
    await eventually(async () => (await show('max')).inFlight === 1 || undefined, 'the request to run')
    await signInAgain(world, 'max')
    expect((await world.ask()).status).toBe(200)
    expect(world.simulator.received.at(-1)?.key).toBe('CANARY-oat-2')
    gate.resolve()
    expect((await running).status).toBe(200)
    expect((await show('max')).state).toEqual({ kind: 'ready' })
  })

  it('keeps its paused state and its name, whatever was renamed meanwhile', async () => {
    await signIn(world, 'max')
    await world.api.pauseAccount({ params: { id: 'max' } })
    const begun = await beginAgain(world, 'max')
    await world.api.changeAccount({ params: { id: 'max' }, body: { name: 'office' } })
    const account = await finish(world, begun, world.simulator.logins.authorize(begun.authUrl))
    expect(account).toMatchObject({ name: 'office', state: { kind: 'paused' } })
    expect(await namesIn(world)).toEqual(['office'])
  })

  it('is signed in to where it was before: at the console', async () => {
    await signIn(world, 'work', { mode: 'console', createKey: false })
    await world.api.changeConfig({ body: { anthropicAuthorizeUrl: '' } })
    const { authUrl } = await beginAgain(world, 'work')
    expect(authUrl).toStartWith('https://platform.claude.com/')
    await world.restart()
    expect((await beginAgain(world, 'work')).authUrl).toStartWith('https://platform.claude.com/')
  })

  it.each([
    ['baseUrl', { baseUrl: 'http://169.254.169.254' }],
    ['priority', { priority: 7 }],
    ['proxy', { proxy: 'http://127.0.0.1:1' }],
    ['headers', { headers: { 'x-team': 'a' } }],
  ])('is told that its %s is not changed so', async (field, more) => {
    await signIn(world, 'max')
    const { status, message } = await refusalOf(beginAgain(world, 'max', more))
    expect([status, message]).toEqual([400, expect.stringContaining(`leave out ${field}`)])
  })
})

describe('a window that is spent', () => {
  const spend = async (): Promise<void> => {
    const resetsAt = Math.round(Date.now() / 1_000) + 3_600
    world.simulator.script('CANARY-oat-1', windowSpent('5h', resetsAt))
    await world.ask()
    expect((await show('max')).state.kind).toBe('cooling')
  }

  it('is spent for the same plan’s new login too', async () => {
    await signIn(world, 'max')
    await spend()
    await signInAgain(world, 'max', { id: 'login-1' })
    expect((await show('max')).state.kind).toBe('cooling')
  })

  it('is no affair of another organization’s plan', async () => {
    await signIn(world, 'max')
    await spend()
    await signInAgain(world, 'max')
    expect((await show('max')).state).toEqual({ kind: 'ready' })
    expect((await world.ask()).status).toBe(200)
  })
})

describe('a sign-in that fails', () => {
  it('leaves the account as it was, its credential too', async () => {
    await signIn(world, 'max')
    const before = await show('max')
    const begun = await beginAgain(world, 'max')
    const [, state] = world.simulator.logins.authorize(begun.authUrl).split('#')
    expect((await refusalOf(finish(world, begun, `CANARY-wrong#${state}`))).status).toBe(400)
    expect(await show('max')).toEqual(before)
    expect((await world.ask()).status).toBe(200)
    expect(world.simulator.received.at(-1)?.key).toBe('CANARY-oat-1')
  })

  it('because the account was removed meanwhile adds nothing', async () => {
    await signIn(world, 'max')
    const begun = await beginAgain(world, 'max')
    await world.api.removeAccount({ params: { id: 'max' } })
    const code = world.simulator.logins.authorize(begun.authUrl)
    const { status, message } = await refusalOf(finish(world, begun, code))
    expect([status, message]).toEqual([
      404,
      expect.stringContaining('has been removed meanwhile. Nothing was added'),
    ])
    expect(await namesIn(world)).toEqual([])
  })
})

describe('a name', () => {
  it('that somebody else signed in under meanwhile stays theirs', async () => {
    const [mine, theirs] = [await begin(world, 'max'), await begin(world, 'max')]
    const { id } = await finish(world, theirs, world.simulator.logins.authorize(theirs.authUrl))
    const late = await refusalOf(finish(world, mine, world.simulator.logins.authorize(mine.authUrl)))
    expect([late.status, late.message]).toEqual([
      409,
      expect.stringContaining('choose another name and begin again'),
    ])
    expect(await show('max')).toMatchObject({ id, organizationName: 'Organization 1' })
    await world.ask()
    expect(world.simulator.received.at(-1)?.key).toBe('CANARY-oat-1')
  })

  it('that two finish at the same moment is one account’s', async () => {
    const begun = [await begin(world, 'max'), await begin(world, 'max')]
    const gate = Promise.withResolvers<void>()
    world.simulator.always(TOKEN_ENDPOINT, (request) => [
      until(gate.promise),
      ...world.simulator.unscripted(request),
    ])
    const both = begun.map((each) => finish(world, each, world.simulator.logins.authorize(each.authUrl)))
    await eventually(() => world.simulator.logins.tokenRequests === 2 || undefined, 'both exchanges')
    gate.resolve()
    const ends = await Promise.allSettled(both)
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(await namesIn(world)).toEqual(['max'])
    const [lost] = ends.filter((end) => end.status === 'rejected')
    expect(lost?.reason).toMatchObject({ status: 409 })
  })

  it('of an account with a key is not signed in to, and it is said what to do', async () => {
    const body = { name: 'key', provider: 'console', apiKey: 'CANARY-key', baseUrl: world.simulator.url }
    await world.api.addAccount({ body })
    for (const provider of ['claude-oauth', 'console']) {
      const { status, message } = await refusalOf(beginAgain(world, 'key', { provider, acceptTerms: true }))
      expect([status, message]).toEqual([
        409,
        expect.stringContaining('"spillway accounts set key --api-key-stdin"'),
      ])
    }
  })

  it('that was given to an account with a key meanwhile stays that account’s', async () => {
    const begun = await begin(world, 'max')
    const body = { name: 'max', provider: 'console', apiKey: 'CANARY-key', baseUrl: world.simulator.url }
    await world.api.addAccount({ body })
    const late = await refusalOf(finish(world, begun, world.simulator.logins.authorize(begun.authUrl)))
    expect(late.status).toBe(409)
    expect((await show('max')).provider).toBe('console')
  })
})
