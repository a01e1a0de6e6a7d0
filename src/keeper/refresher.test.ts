/** Who waits for a renewal, for how long, and what each gets: one renewal at a time, whoever asks (G9). */
import { describe, expect, it } from 'bun:test'
import { type Keeping, openKeeping, plainSecrets } from '../../test/support/keeping.ts'
import { idOf, sampleAccount } from '../../test/support/samples.ts'
import { calm } from '../../test/support/ticking-clock.ts'
import type { Account } from '../core/account.ts'
import type { Renewed } from '../core/ports/tokens.ts'
import { HOUR, later, MINUTE, SECOND } from '../core/time.ts'
import * as reply from '../simulator/replies.ts'
import { createKeeper } from './keeper.ts'
import { createRefresher, type Refresher } from './refresher.ts'

const YEAR = 365 * 24 * HOUR

interface Scene extends Keeping {
  readonly refresher: Refresher
  readonly account: () => Account
}

/** One account "a", whose token ends in so long. */
function scene(endsInMs: number, account: Partial<Account> = {}): Scene {
  const keeping = openKeeping([{ name: 'a', endsInMs, account }])
  return {
    ...keeping,
    refresher: createRefresher(keeping.context),
    account: () => keeping.accounts.find('a'),
  }
}

/** The token that comes of it, or why there is none. */
async function outcomeOf({ tokenOf }: Keeping, usable: Account | Promise<Renewed>): Promise<string> {
  if ('id' in usable) return tokenOf(usable)
  const renewed = await usable
  return renewed.kind === 'fresh' ? tokenOf(renewed.account) : renewed.failure.cause
}

const use = (on: Scene) => outcomeOf(on, on.refresher.usable(on.account()))
const refuse = (on: Scene, version: number) => outcomeOf(on, on.refresher.afterRefusal(idOf('a'), version))
const trouble = { reply: reply.serverError }
const invalidGrant = { reply: reply.oauthRefusal('invalid_grant', 'Gone') }

describe('a credential before its use', () => {
  it.each([
    ['a key', sampleAccount('a')],
    [
      'a token with a minute left',
      sampleAccount('a', { tokenExpiresAt: later(sampleAccount('a').createdAt, MINUTE) }),
    ],
  ])('is used as it is, at once: %s', (_what, account) => {
    expect(createRefresher(openKeeping([]).context).usable(account)).toBe(account)
  })

  it('is used to its last second where it cannot be renewed, and then needs a sign-in', async () => {
    const on = scene(SECOND, { refreshSecret: undefined })
    expect(await use(on)).toBe('CANARY-oat-1')
    await on.clock.advance(SECOND)
    expect(await use(on)).toBe('login-required')
    expect(on.tokenRequests()).toBe(0)
  })

  it.each([59, 1, 0, -3_600])('is renewed when %p s are left', async (seconds) => {
    const on = scene(seconds * SECOND)
    expect(await use(on)).toBe('CANARY-oat-2')
    expect(await use(on)).toBe('CANARY-oat-2')
    expect(on.tokenRequests()).toBe(1)
  })

  it('is renewed once for a hundred that ask at once', async () => {
    const on = scene(0)
    const all = await Promise.all(Array.from({ length: 100 }, () => use(on)))
    expect(new Set(all)).toEqual(new Set(['CANARY-oat-2']))
    expect([on.tokenRequests(), on.upstream.logins.reuses.length]).toEqual([1, 0])
  })

  it('that lives only for moments is used for two thirds of them', async () => {
    const on = scene(0)
    on.upstream.logins.lifetimeSeconds = 30
    await use(on)
    await on.clock.advance(19 * SECOND)
    expect(await use(on)).toBe('CANARY-oat-2')
    await on.clock.advance(2 * SECOND)
    expect(await use(on)).toBe('CANARY-oat-3')
  })

  it('comes with what the operator changed while it was renewed', async () => {
    const on = scene(0)
    const gate = Promise.withResolvers<void>()
    on.upstream.direct = () => ({ until: gate.promise })
    const waiting = on.refresher.usable(on.account())
    on.accounts.change('a', { name: 'renamed', priority: 7 })
    gate.resolve()
    expect(await waiting).toMatchObject({ kind: 'fresh', account: { name: 'renamed', priority: 7 } })
    expect(on.account()).toMatchObject({ name: 'renamed', priority: 7, credentialVersion: 2 })
  })
})

describe('a renewal that fails', () => {
  it('leaves the old token in use while it lives', async () => {
    const on = scene(30 * SECOND)
    on.upstream.direct = () => trouble
    for (const _ of [1, 2, 3]) expect(await use(on)).toBe('CANARY-oat-1')
    expect(on.tokenRequests()).toBe(1)
    await on.clock.advance(30 * SECOND)
    expect(await use(on)).toBe('refresh-failed')
  })

  it('leaves no old token in use when somebody has signed in meanwhile', async () => {
    const on = scene(30 * SECOND)
    const gate = Promise.withResolvers<void>()
    on.upstream.direct = () => ({ until: gate.promise.then(() => Promise.reject(new Error('Broken.'))) })
    const waiting = outcomeOf(on, on.refresher.usable(on.account()))
    await calm()
    const secret = plainSecrets.seal('account-credential', idOf('a'), 'CANARY-signed-in')
    await on.accounts.credentials.replace(idOf('a'), 1, {
      secret,
      refreshSecret: undefined,
      tokenExpiresAt: later(on.clock.now(), HOUR),
    })
    gate.resolve()
    expect(await waiting).toBe('CANARY-signed-in')
  })

  it('is tried again further and further apart, and at least every few minutes', async () => {
    const on = scene(0)
    on.upstream.direct = () => trouble
    const triedAt: number[] = []
    for (let second = 0; second < 3_600; second++) {
      const before = on.tokenRequests()
      await use(on)
      if (on.tokenRequests() > before) triedAt.push(second)
      await on.clock.advance(SECOND)
    }
    const pauses = triedAt.slice(1).map((at, index) => at - (triedAt[index] ?? 0))
    expect(pauses.slice(0, 8)).toEqual([5, 10, 20, 40, 80, 160, 300, 300])
  })

  it.each([
    ['a wait of two minutes', 120, 120, 151],
    ['a wait without end', 1e20, HOUR / SECOND, 1.26 * (HOUR / SECOND)],
  ])('is not tried again before its time: %s', async (_what, seconds, earliest, latest) => {
    const on = scene(0)
    on.upstream.direct = () => ({ reply: reply.throttled(seconds) })
    on.clock.setChance(0)
    expect(await use(on)).toBe('refresh-failed')
    await on.clock.advance((earliest - 1) * SECOND)
    expect(await use(on)).toBe('refresh-failed')
    expect(on.tokenRequests()).toBe(1)
    await on.clock.advance((latest - earliest + 1) * SECOND)
    on.upstream.direct = () => 'serve'
    expect(await use(on)).toBe('CANARY-oat-2')
  })

  it('is waited for ten seconds, by everybody, and goes on', async () => {
    const on = scene(0)
    const gate = Promise.withResolvers<void>()
    on.upstream.direct = () => ({ until: gate.promise })
    const outcomes: string[] = []
    const wait = () => use(on).then((outcome) => outcomes.push(outcome))
    void wait()
    await on.clock.advance(9 * SECOND)
    void wait()
    await on.clock.advance(SECOND - 1)
    expect(outcomes).toEqual([])
    await on.clock.advance(1)
    expect(outcomes).toEqual(['refresh-failed'])
    gate.resolve()
    await calm()
    expect(outcomes).toEqual(['refresh-failed', 'CANARY-oat-2'])
    expect(on.tokenRequests()).toBe(1)
  })

  it('is given up after twenty seconds, and may have renewed the token all the same', async () => {
    const on = scene(0)
    on.upstream.direct = () => 'hang'
    const outcome = on.refresher.renew(on.account())
    await on.clock.advance(20 * SECOND)
    expect(await outcome).toMatchObject({ failure: { cause: 'refresh-failed' } })
    on.upstream.direct = () => invalidGrant
    expect(await on.refresher.renew(on.account())).toMatchObject({
      failure: { cause: 'login-required', evidence: expect.stringContaining('renewed token was lost') },
    })
  })
})

describe('a token that its provider has refused', () => {
  it('is renewed, once for all that were refused with it', async () => {
    const on = scene(HOUR)
    expect(await Promise.all([refuse(on, 1), refuse(on, 1)])).toEqual(['CANARY-oat-2', 'CANARY-oat-2'])
    expect(await refuse(on, 1)).toBe('CANARY-oat-2')
    expect(on.tokenRequests()).toBe(1)
  })

  it('is not renewed again within a minute of its issue', async () => {
    const on = scene(HOUR)
    await refuse(on, 1)
    expect(await refuse(on, 2)).toBe('unauthorized')
    await on.clock.advance(MINUTE)
    expect(await refuse(on, 2)).toBe('CANARY-oat-3')
  })

  it('of an account that is gone says so', async () => {
    expect(await createRefresher(openKeeping([]).context).afterRefusal(idOf('a'), 1)).toMatchObject({
      failure: { cause: 'unauthorized', evidence: 'it has been removed' },
    })
  })

  it('for good needs a sign-in at once, and is not asked about again', async () => {
    const on = scene(HOUR)
    on.upstream.direct = () => invalidGrant
    for (const _ of [1, 2, 3]) expect(await refuse(on, 1)).toBe('login-required')
    expect(on.tokenRequests()).toBe(1)
    expect(on.pool.views()[0]?.health.login?.reason).toContain('no longer knows its grant: Gone')
    expect(on.events).toMatchObject([{ kind: 'needs-login' }])
  })

  it('for good is asked about once more when the need of a sign-in was cleared by hand', async () => {
    const on = scene(HOUR)
    on.upstream.direct = () => invalidGrant
    await refuse(on, 1)
    on.pool.clear(idOf('a'))
    on.upstream.direct = () => 'serve'
    expect(await refuse(on, 1)).toBe('CANARY-oat-2')
  })
})

describe('a calendar that is set', () => {
  it.each([
    ['an hour ahead', HOUR],
    ['ten years ahead', 10 * YEAR],
  ])('%s causes one renewal, and none when it is set back', async (_what, byMs) => {
    const on = scene(HOUR)
    on.clock.jump(byMs)
    await Promise.all([use(on), use(on), refuse(on, 1)])
    expect(on.tokenRequests()).toBe(1)
    on.clock.jump(-byMs)
    for (let minute = 0; minute < 60; minute++) {
      await use(on)
      await on.clock.advance(MINUTE)
    }
    expect(on.tokenRequests()).toBe(1)
  })

  it('an hour back causes none', async () => {
    const on = scene(HOUR)
    on.clock.jump(-HOUR)
    expect(await use(on)).toBe('CANARY-oat-1')
    expect(on.refresher.isDue(on.account())).toBe(false)
  })

  it.each([
    ['an hour', HOUR],
    ['ten years', 10 * YEAR],
  ])('%s back does not lengthen the pause after a failure', async (_what, byMs) => {
    const on = scene(-1)
    on.clock.jump(byMs)
    on.upstream.direct = () => trouble
    expect(await use(on)).toBe('refresh-failed')
    on.clock.jump(-byMs)
    await on.clock.advance(4 * SECOND)
    const waiting = await on.refresher.afterRefusal(idOf('a'), 1)
    expect(waiting).toMatchObject({ failure: { until: later(on.clock.now(), SECOND) } })
    await on.clock.advance(SECOND)
    on.upstream.direct = () => 'serve'
    expect(await refuse(on, 1)).toBe('CANARY-oat-2')
  })
})

describe('in the background', () => {
  it.each([0, 0.5, 1])(
    'a token is renewed ten to twelve minutes before its end, by chance (%p)',
    async (chance) => {
      const on = scene(HOUR)
      on.clock.setChance(chance)
      const keeper = createKeeper(on.context)
      const leftMs = (10 + 2 * chance) * MINUTE
      await on.clock.advance(HOUR - leftMs - SECOND)
      await keeper.look()
      expect(on.tokenRequests()).toBe(0)
      await on.clock.advance(SECOND)
      await keeper.look()
      await keeper.look()
      expect(on.tokenRequests()).toBe(1)
    },
  )

  it('nothing is renewed for an account that is paused or needs a sign-in, nor asked about it', async () => {
    const keeping = openKeeping([
      { name: 'paused', endsInMs: -1, account: { pausedAt: sampleAccount('a').createdAt } },
      { name: 'revoked', endsInMs: -1 },
    ])
    keeping.upstream.direct = () => invalidGrant
    const keeper = createKeeper(keeping.context)
    const stop = keeper.start()
    await keeping.clock.advance(HOUR)
    stop()
    expect(keeping.upstream.requests.map(({ kind }) => kind)).toEqual(['token'])
    expect(keeping.clock.timers).toBe(0)
  })

  it('a failing endpoint is not asked more often than for requests', async () => {
    const on = scene(-1)
    on.upstream.direct = () => trouble
    const stop = createKeeper(on.context).start()
    await on.clock.advance(HOUR)
    stop()
    expect(on.tokenRequests()).toBeWithin(10, 22)
  })

  it('everything after a renewal is asked with the new token', async () => {
    const on = scene(5 * MINUTE)
    await createKeeper(on.context).look()
    await on.clock.advance(MINUTE)
    await createKeeper(on.context).look()
    const asked = on.upstream.requests.filter(({ kind }) => kind === 'account')
    expect(asked.length).toBeGreaterThan(0)
    expect(new Set(asked.map(({ key }) => key))).toEqual(new Set(['CANARY-oat-2']))
  })

  it('an account that takes long holds nobody else up', async () => {
    const keeping = openKeeping([{ name: 'slow', endsInMs: -1 }, { name: 'other' }])
    keeping.accounts.failures.replace = Number.POSITIVE_INFINITY
    const stop = createKeeper(keeping.context).start()
    await keeping.clock.advance(30 * MINUTE)
    stop()
    const asked = keeping.upstream.requests.filter(({ kind }) => kind === 'account')
    expect(asked.length).toBeGreaterThan(2)
    expect(keeping.tokenRequests()).toBe(1)
  })

  it('is over when the renewals under way are, or after a few seconds', async () => {
    const on = scene(-1)
    const gate = Promise.withResolvers<void>()
    on.upstream.direct = () => ({ until: gate.promise })
    const keeper = createKeeper(on.context)
    await keeper.settled()
    let settled = 0
    const settle = (): void => void keeper.settled().then(() => settled++)
    void keeper.look()
    await calm()
    settle()
    await on.clock.advance(5 * SECOND)
    expect(settled).toBe(1)
    settle()
    await calm()
    expect(settled).toBe(1)
    gate.resolve()
    await calm()
    expect(settled).toBe(2)
    expect(on.account().credentialVersion).toBe(2)
  })
})
