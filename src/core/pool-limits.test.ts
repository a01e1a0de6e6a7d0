/** The accounts as one plan: weighed, never guessed, and never at its end while somebody can serve. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON, sampleAccount, sampleCooldown } from '../../test/support/samples.ts'
import type { Account } from './account.ts'
import { HEALTHY, type Health } from './health.ts'
import type { Window } from './limits.ts'
import { type PoolLimits, type PoolMember, type PoolWindowName, poolLimitsOf } from './pool-limits.ts'
import { DAY, HOUR, later, type Millis, SECOND } from './time.ts'

const END = later(NOON, 2 * HOUR)
const WEEKEND = later(NOON, 3 * DAY)

describe('a window of the pool', () => {
  it('is the members’ own, weighed by the size of their plans', () => {
    const members = [member({ '5h': 0.9 }, { tier: 1 }), member({ '5h': 0.1 }, { tier: 20 })]
    expect(share(members, '5h')).toBeCloseTo((0.9 + 20 * 0.1) / 21)
  })

  it('counts plans of one size alike, and those without a sensible size as the smallest', () => {
    expect(share([member({ '5h': 0.2 }), member({ '5h': 0.4 })], '5h')).toBeCloseTo(0.3)
    expect(
      share([member({ '5h': 0.2 }, { tier: 0 }), member({ '5h': 0.4 }, { tier: -3 })], '5h'),
    ).toBeCloseTo(0.3)
  })

  it('counts a plan that is overdrawn as spent, not as more: others cannot make up for it', () => {
    expect(share([member({ '5h': 1.6 }), member({ '5h': 0 })], '5h')).toBeCloseTo(0.5)
  })

  it('begins anew when the first of them does', () => {
    const members = [
      member({ '5h': 0.5 }, {}, { '5h': END }),
      member({ '5h': 0.1 }, {}, { '5h': later(END, -HOUR) }),
    ]
    expect(windowOf(members, '5h')?.resetsAt).toBe(later(END, -HOUR))
  })

  it('has no end where none was named', () => {
    expect(windowOf([member({ '5h': 0 })], '5h')?.resetsAt).toBeUndefined()
  })

  it('leaves out who has said nothing of it: absent is not zero', () => {
    expect(share([member({ '5h': 0.8 }), member({ '7d': 0.2 })], '5h')).toBeCloseTo(0.8)
    expect(share([member({ '5h': 0.8 }), member({})], '5h')).toBeCloseTo(0.8)
  })

  it('is absent where nobody has said anything of it', () => {
    expect(poolLimitsOf([member({ '5h': 0.8 })], NOON)?.windows.map(({ name }) => name)).toEqual(['5h'])
  })

  it('leaves out readings whose end has passed: they are of another window', () => {
    const members = [member({ '5h': 1 }, {}, { '5h': NOON }), member({ '5h': 0.3 }, {}, { '5h': END })]
    expect(share(members, '5h')).toBeCloseTo(0.3)
  })

  it('is none of a family, of a minute or of a balance', () => {
    expect(
      poolLimitsOf([member({ '7d_opus': 0.9, 'requests/min': 0.5, balance: 0.1 })], NOON),
    ).toBeUndefined()
  })

  it.each([
    [0.89, 'allowed'],
    [0.9, 'allowed_warning'],
    [0.9999, 'allowed_warning'],
  ] as const)('of which %d is used is %s', (used, status) => {
    expect(windowOf([member({ '5h': used })], '5h')?.status).toBe(status)
  })
})

describe('the pool', () => {
  it('is told by the window that is nearest to its end', () => {
    expect(poolLimitsOf([member({ '5h': 0.2, '7d': 0.7 })], NOON)?.tightest.name).toBe('7d')
    expect(poolLimitsOf([member({ '5h': 0.7, '7d': 0.2 })], NOON)?.tightest.name).toBe('5h')
  })

  it.each<[string, readonly PoolMember[]]>([
    ['nobody', []],
    ['only keys', [member({}), member({ 'tokens/min': 0.4 })]],
    ['only paused plans', [member({ '5h': 0.4 }, { pausedAt: NOON })]],
    ['only plans that need a login', [needingLogin({ '5h': 0.4 })]],
    ['only plans whose windows have passed', [member({ '5h': 0.4 }, {}, { '5h': later(NOON, -SECOND) })]],
  ])('has nothing to tell with %s', (_who, members) => {
    expect(poolLimitsOf(members, NOON)).toBeUndefined()
  })

  it('leaves out paused accounts and those that need a login', () => {
    const members = [
      member({ '5h': 0.4 }),
      member({ '5h': 1 }, { pausedAt: NOON }),
      needingLogin({ '5h': 0 }),
    ]
    expect(share(members, '5h')).toBeCloseTo(0.4)
  })

  it('is rejected when everything is spent, and so is the window that is', () => {
    const limits = poolLimitsOf([spent({ '5h': 1, '7d': 0.3 }), spent({ '5h': 1, '7d': 0.5 })], NOON)
    expect(statusesOf(limits)).toEqual({ pool: 'rejected', '5h': 'rejected', '7d': 'allowed' })
  })

  it('is not, while one of them can be used', () => {
    const limits = poolLimitsOf([spent({ '5h': 1 }), member({ '5h': 0.95 })], NOON)
    expect(statusesOf(limits)).toEqual({ pool: 'allowed_warning', '5h': 'allowed_warning' })
  })

  it('is not, and neither is a window, while one whose window has begun anew can be used', () => {
    const anew = member({ '5h': 1 }, {}, { '5h': later(NOON, -SECOND) })
    const limits = poolLimitsOf([spent({ '5h': 1 }, { '5h': END }), anew], NOON)
    expect(statusesOf(limits)).toEqual({ pool: 'allowed_warning', '5h': 'allowed_warning' })
  })

  it('is not, while a key stands beside the spent plans: then nothing is even tight', () => {
    const limits = poolLimitsOf([spent({ '5h': 1 }), member({})], NOON)
    expect(statusesOf(limits)).toEqual({ pool: 'allowed', '5h': 'allowed' })
    expect(limits?.windows[0]?.utilization).toBe(1)
  })

  it('is rejected when the key beside the spent plans cools as well', () => {
    expect(poolLimitsOf([spent({ '5h': 1 }), spent({})], NOON)?.status).toBe('rejected')
  })

  it('is not rejected for a throttle of seconds: no plan is at its end for that', () => {
    const throttled = cooled(member({ '5h': 0.2 }), { cause: 'throttled', until: later(NOON, 10 * SECOND) })
    expect(statusesOf(poolLimitsOf([throttled], NOON))).toEqual({ pool: 'allowed', '5h': 'allowed' })
  })

  it('is not rejected when only one family is spent', () => {
    const family = cooled(member({ '5h': 0.2 }), { scope: { kind: 'family', family: 'opus' } })
    expect(poolLimitsOf([family], NOON)?.status).toBe('allowed')
  })

  it('can be used again from the very end of its cooldowns on', () => {
    const over = cooled(member({ '5h': 0.2 }), { until: NOON })
    expect(poolLimitsOf([over], NOON)?.status).toBe('allowed')
  })

  it('never exceeds its parts, and is rejected only when nobody can serve', () => {
    const parts = fc.array(
      fc.record({
        used: fc.option(fc.double({ min: 0, max: 2, noNaN: true }), { nil: undefined }),
        tier: fc.constantFrom(1, 5, 20),
        isCooling: fc.boolean(),
        isPaused: fc.boolean(),
      }),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(parts, (plans) => {
        const members = plans.map(({ used, tier, isCooling, isPaused }) => {
          const one = member(used === undefined ? {} : { '5h': used }, {
            tier,
            pausedAt: isPaused ? NOON : undefined,
          })
          return isCooling ? cooled(one, {}) : one
        })
        const limits = poolLimitsOf(members, NOON)
        if (limits === undefined) return
        const known = plans.filter(({ isPaused }) => !isPaused).flatMap(({ used }) => used ?? [])
        const { utilization } = limits.tightest
        expect(utilization).toBeLessThanOrEqual(Math.min(1, Math.max(...known)) + 1e-9)
        expect(utilization).toBeGreaterThanOrEqual(Math.min(1, ...known) - 1e-9)
        const canServe = plans.some(({ isCooling, isPaused }) => !isCooling && !isPaused)
        expect(limits.status === 'rejected').toBe(!canServe)
        if (canServe) for (const { status } of limits.windows) expect(status).not.toBe('rejected')
      }),
    )
  })
})

type Shares = Readonly<Record<string, number>>
type Ends = Readonly<Record<string, Millis>>

function member(shares: Shares, account: Partial<Account> = {}, ends: Ends = {}): PoolMember {
  const windows = Object.entries(shares).map(([name, utilization]): Window => {
    const resetsAt = ends[name]
    return { name, utilization, readAt: later(NOON, -HOUR), ...(resetsAt === undefined ? {} : { resetsAt }) }
  })
  return { account: sampleAccount('a', account), health: HEALTHY, windows }
}

function cooled(one: PoolMember, change: Parameters<typeof sampleCooldown>[0]): PoolMember {
  const health: Health = { ...HEALTHY, cooldowns: [sampleCooldown({ until: WEEKEND, ...change })] }
  return { ...one, health }
}

const spent = (shares: Shares, ends: Ends = {}): PoolMember => cooled(member(shares, {}, ends), {})

function needingLogin(shares: Shares): PoolMember {
  return { ...member(shares), health: { ...HEALTHY, login: { since: NOON, reason: 'gone' } } }
}

const windowOf = (members: readonly PoolMember[], name: PoolWindowName) =>
  poolLimitsOf(members, NOON)?.windows.find((window) => window.name === name)

const share = (members: readonly PoolMember[], name: PoolWindowName): number =>
  windowOf(members, name)?.utilization ?? Number.NaN

function statusesOf(limits: PoolLimits | undefined) {
  const windows = (limits?.windows ?? []).map(({ name, status }) => [name, status])
  return { pool: limits?.status, ...Object.fromEntries(windows) }
}
