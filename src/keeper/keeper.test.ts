/**
 * Looking after the accounts: what is done when, for whom nothing is done, and that one
 * account's trouble is nobody else's. Renewals themselves are in refresher.test.ts.
 */
import { describe, expect, it } from 'bun:test'
import { type LoginPlan, openKeeping, plainSecrets } from '../../test/support/keeping.ts'
import { idOf, NOON } from '../../test/support/samples.ts'
import type { Account } from '../core/account.ts'
import type { Failure } from '../core/failure.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../core/time.ts'
import { json, refusal } from '../simulator/replies.ts'
import { createKeeper } from './keeper.ts'

const PROFILE = '/api/oauth/profile'
const USAGE = '/api/oauth/usage'
const LOGIN: Failure = { cause: 'login-required', scope: { kind: 'account' }, evidence: 'its grant is gone' }

describe('a look', () => {
  it('learns whose a signed-in account is, once a day', async () => {
    const { keeper, clock, pool, asked } = open([{ name: 'a', endsInMs: 90 * DAY, account: UNRENEWABLE }])
    await keeper.look()
    expect(pool.standingOf(idOf('a')).organization).toBeString()
    expect(asked(PROFILE)).toBe(1)
    for (let minute = 0; minute < 7 * 60; minute++) {
      await clock.advance(MINUTE)
      await keeper.look()
    }
    expect(asked(PROFILE)).toBe(1)
    await clock.advance(DAY)
    await keeper.look()
    expect(asked(PROFILE)).toBe(2)
  })

  it('asks again within the hour where it was not told whose it is, and holds it against nobody', async () => {
    const { keeper, clock, upstream, pool, asked } = open([
      { name: 'a', endsInMs: DAY, account: UNRENEWABLE },
    ])
    upstream.direct = ({ target }) =>
      target === PROFILE ? { reply: refusal(500, 'api_error', 'x') } : 'serve'
    await keeper.look()
    await clock.advance(59 * MINUTE)
    await keeper.look()
    expect(asked(PROFILE)).toBe(1)
    await clock.advance(MINUTE)
    await keeper.look()
    expect([asked(PROFILE), pool.views()[0]?.health.cooldowns]).toEqual([2, []])
  })

  it('says that a token which nobody can renew has ended, without waiting for a request', async () => {
    const { keeper, clock, pool, upstream } = open([{ name: 'a', endsInMs: HOUR, account: UNRENEWABLE }])
    const login = () => pool.views()[0]?.health.login?.reason
    await clock.advance(HOUR - SECOND)
    await keeper.look()
    expect(login()).toBeUndefined()
    await clock.advance(SECOND)
    const asked = upstream.requests.length
    await keeper.look()
    expect(login()).toContain('cannot be renewed')
    expect(upstream.requests).toHaveLength(asked)
  })

  it('polls usage when that is due, and not before', async () => {
    const { keeper, clock, asked } = open([{ name: 'a', account: UNRENEWABLE }])
    await keeper.look()
    expect(asked(USAGE)).toBe(0)
    await clock.advance(MINUTE)
    await keeper.look()
    await keeper.look()
    expect(asked(USAGE)).toBe(1)
  })

  it('asks nobody about keys whose provider has nothing to tell', async () => {
    const { keeper, clock, upstream } = open([
      { name: 'key', account: { provider: 'console', refreshSecret: undefined, tokenExpiresAt: undefined } },
    ])
    await keeper.look()
    await clock.advance(DAY)
    await keeper.look()
    expect(upstream.requests).toEqual([])
  })

  it('leaves alone who is paused and who needs a login, and comes back to them afterwards', async () => {
    const { keeper, clock, accounts, pool, upstream, asked } = open([{ name: 'paused' }, { name: 'login' }])
    accounts.change('paused', { pausedAt: NOON })
    pool.failed(idOf('login'), LOGIN, undefined)
    for (let minute = 0; minute < 120; minute++) {
      await clock.advance(MINUTE)
      await keeper.look()
    }
    expect(upstream.requests).toEqual([])
    accounts.change('paused', { pausedAt: undefined })
    pool.clear(idOf('login'))
    await keeper.look()
    expect(asked(PROFILE)).toBe(2)
  })

  it('at one account that meets a bug goes on at the others, and says what it met', async () => {
    const { keeper, clock, log, pool } = open([
      { name: 'bad', account: { secret: plainSecrets.seal('key-check', 'x', 'x'), ...UNRENEWABLE } },
      { name: 'good', account: UNRENEWABLE },
    ])
    await keeper.look()
    await clock.advance(MINUTE)
    await keeper.look()
    expect(pool.windowsOf(idOf('good')).length).toBeGreaterThan(0)
    expect(log.lines).toContain('error An account could not be looked after.')
    expect(log.lines.join('\n')).not.toContain('CANARY')
  })

  it('does not say every few seconds that an account’s secret cannot be opened', async () => {
    const { keeper, clock, log } = open([
      { name: 'bad', account: { secret: plainSecrets.seal('key-check', 'x', 'x'), ...UNRENEWABLE } },
    ])
    for (let look = 0; look < 120; look++) {
      await keeper.look()
      await clock.advance(5 * SECOND)
    }
    expect(log.lines.filter((line) => line.startsWith('error')).length).toBeLessThan(10)
  })

  it('forgets who is gone', async () => {
    const { keeper, clock, asked, gone } = open([{ name: 'a', account: UNRENEWABLE }])
    await keeper.look()
    gone.add('a')
    await keeper.look()
    gone.clear()
    await clock.advance(SECOND)
    await keeper.look()
    expect(asked(PROFILE)).toBe(2)
  })
})

describe('while it runs', () => {
  it('it looks every five seconds, until it is ended', async () => {
    const { keeper, clock, asked } = open([{ name: 'a', account: UNRENEWABLE }])
    const stop = keeper.start()
    expect(asked(PROFILE)).toBe(0)
    await clock.advance(5 * SECOND)
    expect(asked(PROFILE)).toBe(1)
    stop()
    const { timers } = clock
    await clock.advance(2 * DAY)
    expect([asked(PROFILE), timers]).toEqual([1, 0])
  })

  it('it has routing told of the accounts’ paces, until it is ended', async () => {
    const { context, clock } = open([{ name: 'a', account: UNRENEWABLE }])
    const told: string[] = []
    const paced = (id: string): void => void told.push(id)
    const keeper = createKeeper({ ...context, pacing: { readings: { list: async () => [] }, paced } })
    const stop = keeper.start()
    await clock.advance(2 * MINUTE)
    stop()
    await clock.advance(DAY)
    expect(told).toEqual([idOf('a'), idOf('a'), idOf('a')])
  })

  it('it says once that a token that nobody can renew will end, and once that it has ended', async () => {
    const { keeper, clock, log } = open([{ name: 'setup', endsInMs: 4 * DAY, account: UNRENEWABLE }])
    const stop = keeper.start()
    const warnings = () => log.lines.filter((line) => line.startsWith('warn'))
    await clock.advance(10 * MINUTE)
    expect(warnings()).toEqual([])
    await clock.advance(DAY + 10 * MINUTE)
    expect(warnings()).toEqual([
      'warn The account setup: It ends in 3 days, and it cannot be renewed. Sign in again with "spillway accounts login setup".',
    ])
    await clock.advance(4 * DAY)
    stop()
    expect(warnings().filter((line) => line.includes('ends in'))).toHaveLength(1)
    expect(warnings().filter((line) => line.includes('ended at'))).toEqual([
      'warn The account setup: Its token ended at 2026-11-24T12:00:00.000Z and cannot be renewed. Sign in again with "spillway accounts login setup".',
    ])
  })
})

describe('the report on tokens', () => {
  it('has one entry for each token, in the four states, and none for keys', () => {
    const { keeper, pool } = open([
      { name: 'healthy', endsInMs: 8 * HOUR },
      { name: 'expiring', endsInMs: 5 * MINUTE },
      { name: 'expired', endsInMs: -MINUTE },
      { name: 'login' },
      { name: 'key', account: { provider: 'console', refreshSecret: undefined, tokenExpiresAt: undefined } },
    ])
    pool.failed(idOf('login'), LOGIN, undefined)
    const { checkedAt, tokens } = keeper.tokenReport()
    expect(checkedAt).toBe(NOON)
    expect(tokens.map(({ account, status }) => [account.name, status])).toEqual([
      ['healthy', 'healthy'],
      ['expiring', 'expiring'],
      ['expired', 'expired'],
      ['login', 'needs-login'],
    ])
  })

  it('says when it was checked last: every five minutes', async () => {
    const { keeper, clock } = open([{ name: 'a', account: UNRENEWABLE }])
    const stop = keeper.start()
    await clock.advance(4 * MINUTE + 50 * SECOND)
    const before = keeper.tokenReport().checkedAt
    await clock.advance(15 * SECOND)
    expect(keeper.tokenReport().checkedAt - before).toBeWithin(
      4 * MINUTE + 50 * SECOND,
      5 * MINUTE + 10 * SECOND,
    )
    stop()
  })
})

describe('a refresh by hand', () => {
  it('renews, learns and polls at once, whatever is due', async () => {
    const { keeper, accounts, asked, pool, tokenRequests } = open([{ name: 'a', endsInMs: 7 * HOUR }])
    await keeper.refresh(accounts.find('a'))
    expect([tokenRequests(), asked(PROFILE), asked(USAGE)]).toEqual([1, 1, 1])
    expect(accounts.find('a').credentialVersion).toBe(2)
    expect(pool.windowsOf(idOf('a')).length).toBeGreaterThan(0)
  })

  it('only polls where there is nothing to renew', async () => {
    const { keeper, accounts, upstream, pool } = open([
      { name: 'z', account: { provider: 'zai', refreshSecret: undefined, tokenExpiresAt: undefined } },
    ])
    const limit = { type: 'TOKENS_LIMIT', unit: 3, number: 5, percentage: 30 }
    upstream.direct = () => ({ reply: json({ data: { limits: [limit] } }) })
    await keeper.refresh(accounts.find('z'))
    expect(pool.windowsOf(idOf('z'))).toMatchObject([{ name: '5h', utilization: 0.3 }])
  })

  it('says so where there is nothing to do at all', async () => {
    const { keeper, accounts } = open([
      { name: 'key', account: { provider: 'console', refreshSecret: undefined, tokenExpiresAt: undefined } },
    ])
    await expect(keeper.refresh(accounts.find('key'))).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('There is nothing to refresh: the key of key does not end by itself'),
    })
  })

  it('says what to do when the grant is gone', async () => {
    const { keeper, accounts, upstream } = open([{ name: 'a' }])
    upstream.logins.revoke(upstream.logins.newest('a').refreshToken)
    await expect(keeper.refresh(accounts.find('a'))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('Sign in again with "spillway accounts login a".'),
    })
  })

  it('says that the old token is used while it lives when the token endpoint is away', async () => {
    const { keeper, accounts, upstream } = open([{ name: 'a' }])
    upstream.direct = () => 'refuse'
    await expect(keeper.refresh(accounts.find('a'))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('The old token is used while it lives.'),
    })
  })

  it('is done although the usage is not told: that is only said', async () => {
    const { keeper, accounts, upstream, log } = open([{ name: 'a' }])
    upstream.direct = ({ target }) => (target === USAGE ? { reply: refusal(500, 'api_error', 'x') } : 'serve')
    await keeper.refresh(accounts.find('a'))
    expect(log.lines).toContain('warn The usage of a was not told: it answered 500.')
  })
})

/** Signed in for good: nothing but its end takes its token away. */
const UNRENEWABLE = { refreshSecret: undefined }

function open(plans: readonly LoginPlan[]) {
  const keeping = openKeeping(plans)
  const gone = new Set<string>()
  const all = (): readonly Account[] => keeping.accounts.all().filter(({ name }) => !gone.has(name))
  const keeper = createKeeper({ ...keeping.context, accounts: { all } })
  return {
    ...keeping,
    keeper,
    /** Names of accounts that have been removed. */
    gone,
    asked: (path: string): number => keeping.upstream.requests.filter(({ target }) => target === path).length,
  }
}
