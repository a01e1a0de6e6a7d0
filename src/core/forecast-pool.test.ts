/** The pool: safe until nobody is left, and what one account cannot take goes to the others. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { type PoolAccount, type PoolOutlook, poolOutlook } from './forecast-pool.ts'
import { HOUR, later } from './time.ts'

describe('the pool', () => {
  it('of one account is safe until that one’s earliest window is spent', () => {
    const a = account('a', tank('5h', { used: 0.5, perHour: 0.1 }), tank('7d', { used: 0.8, perHour: 0.1 }))
    expect(hoursSafe([a])).toBe(2)
  })

  it('outlasts a window that begins anew before another account is spent', () => {
    const a = account('a', tank('5h', { used: 0.9, perHour: 0.1, endsInHours: 2 }))
    const b = account('b', tank('5h', { used: 0, perHour: 0.1, endsInHours: 5 }))
    expect(hoursSafe([a])).toBe(1)
    expect(hoursSafe([a, b])).toBeUndefined()
  })

  it('counts that what one account cannot take goes to the others', () => {
    const a = account('a', tank('7d', { used: 1, perHour: 0.1 }))
    const b = account('b', tank('7d', { used: 0.6, perHour: 0.1 }))
    expect(hoursSafe([b])).toBe(4)
    expect(hoursSafe([a, b])).toBe(2)
  })

  it('weighs what is handed over by the size of the plans', () => {
    const small = account('small', tank('7d', { used: 1, perHour: 0.1 }))
    const big = { ...account('big', tank('7d', { used: 0.6, perHour: 0.1 })), size: 20 }
    expect(hoursSafe([small, big])).toBe(4)
    expect(
      hoursSafe([
        { ...small, size: 20 },
        { ...big, size: 1 },
      ]),
    ).toBe(0.5)
  })

  it('hands nothing over to accounts with windows of another name', () => {
    const a = account('a', tank('5h', { used: 1, perHour: 0.1, endsInHours: 100 }))
    const b = account('b', tank('7d', { used: 0.6, perHour: 0.1 }))
    expect(hoursSafe([a, b])).toBe(4)
  })

  it('does not count on an account that rests, and does when it is back', () => {
    const a = account('a', tank('7d', { used: 0.9, perHour: 0.1 }))
    const rests = (hours: number) => ({
      ...account('b', tank('7d', { used: 0, perHour: 0 })),
      restsUntil: later(NOON, hours * HOUR),
    })
    expect(hoursSafe([a, rests(5)])).toBe(1)
    expect(hoursSafe([a, rests(0.5)])).toBeGreaterThan(5)
  })

  it('is open-ended with an account that has no windows, unless that one rests', () => {
    const a = account('a', tank('7d', { used: 0.9, perHour: 0.1 }))
    const key = account('key')
    expect(poolOutlook([a, key], NOON)).toEqual({ kind: 'open-ended', accounts: ['key'] })
    expect(poolOutlook([a, { ...key, restsUntil: later(NOON, HOUR) }], NOON).kind).toBe('forecast')
  })

  it('is out when nobody can take anything, until the first one can', () => {
    const a = account('a', tank('5h', { used: 1, perHour: 0.1, endsInHours: 3 }))
    const b = { ...account('b'), restsUntil: later(NOON, 2 * HOUR) }
    expect(poolOutlook([a, b], NOON)).toEqual({ kind: 'out', until: later(NOON, 2 * HOUR) })
  })

  it('without anybody to count on is unknown', () => {
    expect(poolOutlook([], NOON)).toEqual({ kind: 'unknown', reason: 'no account can be counted on' })
  })

  it('has a busy day busy for all accounts at once', () => {
    const days = [0.01, 0.01, 0.01, 0.01, 0.5]
    const busy = ['a', 'b'].map((name) => account(name, tank('7d', { used: 0, perHour: days })))
    const outlook = expectation(poolOutlook(busy, NOON))
    expect(outlook.probability).toBeCloseTo(1)
    expect(((outlook.outAt.low ?? 0) - NOON) / HOUR).toBe(2)
    expect(((outlook.outAt.mid ?? 0) - NOON) / HOUR).toBeGreaterThan(50)
  })

  it('is never safer with more use, and never less safe with one account more that uses nothing', () => {
    fc.assert(
      fc.property(anyPool, fc.double({ min: 1, max: 3, noNaN: true }), (pool, factor) => {
        const safe = safety(pool, 1)
        expect(safety(pool, factor)).toBeLessThanOrEqual(safe)
        expect(safety([...pool, { used: 0, perHour: 0, endsInHours: 40 }], 1)).toBeGreaterThanOrEqual(safe)
      }),
    )
  })

  it('has a range in order and a probability between 0 and 1', () => {
    fc.assert(
      fc.property(anyPool, (pool) => {
        const outlook = poolOutlook(toAccounts(pool, 1), NOON)
        if (outlook.kind !== 'forecast') return
        const [low, mid, high] = (['low', 'mid', 'high'] as const).map(
          (end) => outlook.outAt[end] ?? Number.POSITIVE_INFINITY,
        )
        expect(outlook.probability).toBeWithin(0, 1 + Number.EPSILON)
        expect(low).toBeLessThanOrEqual(mid ?? Number.NaN)
        expect(mid).toBeLessThanOrEqual(high ?? Number.NaN)
      }),
    )
  })
})

interface Plan {
  readonly used: number
  /** One pace, or one for each past day. */
  readonly perHour: number | readonly number[]
  readonly endsInHours?: number
}

const anyPool = fc.array(
  fc.record({
    used: fc.double({ min: 0, max: 0.99, noNaN: true }),
    perHour: fc.double({ min: 0, max: 0.2, noNaN: true }),
    endsInHours: fc.integer({ min: 200, max: 400 }),
  }),
  { minLength: 1, maxLength: 4 },
)

const toAccounts = (pool: readonly (Plan & { readonly perHour: number })[], factor: number) =>
  pool.map((plan, index) => account(`a${index}`, tank('7d', { ...plan, perHour: plan.perHour * factor })))

const safety = (pool: readonly (Plan & { readonly perHour: number })[], factor: number): number =>
  hoursSafe(toAccounts(pool, factor)) ?? Number.POSITIVE_INFINITY

function hoursSafe(accounts: readonly PoolAccount[]): number | undefined {
  const { low } = expectation(poolOutlook(accounts, NOON)).outAt
  return low === undefined ? undefined : (low - NOON) / HOUR
}

function expectation(outlook: PoolOutlook) {
  if (outlook.kind !== 'forecast') throw new Error(`It is ${outlook.kind}.`)
  return outlook
}

const account = (name: string, ...prospects: PoolAccount['prospects']): PoolAccount => ({
  account: name,
  prospects,
  restsUntil: undefined,
  size: 1,
})

/** Courses of one even pace each. */
function tank(window: string, { used, perHour, endsInHours = 150 }: Plan): PoolAccount['prospects'][number] {
  const paces = typeof perHour === 'number' ? [perHour, perHour] : perHour
  const all = paces.map((pace, index) => ({
    daysAgo: index + 1,
    weight: 1,
    path: Float64Array.from({ length: 200 }, (_, hour) => hour * pace),
  }))
  const endsAt = later(NOON, endsInHours * HOUR)
  return { window, used, endsAt, courses: { from: NOON, presentPace: 0, usualPace: 0, all } }
}
