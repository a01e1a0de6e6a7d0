/** Accounts and the pool together: who counts, what is shown of those who do not, what is tightest. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import { usageHistory } from '../../test/support/usage-history.ts'
import { type ForecastInput, forecastAccount, forecastPool } from './forecast.ts'
import type { Window } from './limits.ts'
import { DAY, HOUR, later, MINUTE } from './time.ts'

const WEEKS = usageHistory({ seed: 7, until: NOON, days: 28 })

describe('an account', () => {
  it('is forecast from its history and from what was read of it last, which may be newer', () => {
    const { windows } = forecastAccount(account('a', { windows: [sevenDays(0.97)] }), NOON)
    expect(windows.map(({ window, utilization }) => [window, utilization])).toEqual([['7d', 0.97]])
    expect(windows[0]?.outlook.kind).toBe('runs-out')
    const { windows: fresh } = forecastAccount(account('a', { windows: [sevenDays(0.01)] }), NOON)
    expect(fresh[0]?.outlook.kind).toBe('lasts')
  })

  it('has no forecast of meters, nor of balances', () => {
    const windows = [window('requests/min', 0.5), { ...window('balance', 0), utilization: undefined }]
    expect(forecastAccount(account('a', { windows: windows.map(withoutUndefined) }), NOON).windows).toEqual(
      [],
    )
  })

  it('with a spent window of one family of models can still be used', () => {
    const windows = [sevenDays(0.1), window('7d_opus', 1)]
    expect(forecastAccount(account('a', { windows }), NOON).isUsable).toBe(true)
    expect(forecastAccount(account('a', { windows: [sevenDays(1)] }), NOON).isUsable).toBe(false)
  })
})

describe('the pool', () => {
  it('is as safe as its accounts, and names the tightest window', () => {
    const pool = poolOf(
      account('a', { windows: [sevenDays(0.97)] }),
      account('b', { windows: [sevenDays(0.99)] }),
    )
    if (pool.outlook.kind !== 'forecast') throw new Error(`It is ${pool.outlook.kind}.`)
    expect(pool.outlook.outAt.low).toBeWithin(NOON, NOON + 2 * DAY)
    expect([pool.usable, pool.total]).toEqual([2, 2])
    expect(pool.tightest?.account).toBe('b')
  })

  it('is tightest where the risk is greatest, and not where the most is used', () => {
    const soonAnew = { ...sevenDays(0.95), resetsAt: later(NOON, MINUTE) }
    const pool = poolOf(
      account('full', { windows: [soonAnew] }),
      account('risky', { windows: [sevenDays(0.9)] }),
    )
    expect(pool.tightest).toMatchObject({ account: 'risky', window: '7d' })
  })

  it.each([
    ['paused', { kind: 'paused' }, 'it is paused'],
    ['in need of a sign-in', { kind: 'needs-login' }, 'it needs a person'],
    ['in need of their key', { kind: 'error' }, 'it needs a person'],
  ] as const)(
    'does not count on accounts that are %s, though it shows their windows',
    (_what, state, reason) => {
      const off = account('off', { state, windows: [sevenDays(0.1)] })
      expect(forecastAccount(off, NOON).windows).toHaveLength(1)
      const pool = poolOf(account('a', { windows: [sevenDays(0.99)] }), off)
      expect(pool.uncounted).toEqual([{ account: 'off', reason }])
      expect([pool.usable, pool.total, pool.outlook.kind]).toEqual([1, 2, 'forecast'])
      expect(poolOf(off).outlook.kind).toBe('unknown')
    },
  )

  it('does not count on accounts with too little history, and says what is missing', () => {
    const readings = WEEKS.filter(({ at }) => at > NOON - 5 * HOUR)
    const { uncounted, outlook, usable } = poolOf(account('new', { readings, windows: [sevenDays(0.5)] }))
    expect(uncounted[0]?.reason).toMatch(
      /^7d: it has been read for \d+ h.* so far, and a forecast needs 3 days$/,
    )
    expect([outlook.kind, usable]).toEqual(['unknown', 1])
  })

  it('does not take windows that were not read yet for none', () => {
    const unread = account('max', { tellsUsage: true, windows: [], readings: [] })
    expect(poolOf(unread).uncounted).toEqual([
      { account: 'max', reason: 'its windows have not been read yet' },
    ])
    expect(poolOf({ ...unread, tellsUsage: false }).outlook).toEqual({
      kind: 'open-ended',
      accounts: ['max'],
    })
  })

  it('knows that a spent account is out until its reset, also without any history', () => {
    const spent = account('a', { readings: [], windows: [sevenDays(1)] })
    expect(poolOf(spent).outlook).toEqual({ kind: 'out', until: later(NOON, 4 * DAY) })
  })

  it('knows until when a cooling account rests', () => {
    const state = { kind: 'cooling', until: later(NOON, HOUR) } as const
    expect(poolOf(account('a', { state, windows: [sevenDays(0.1)] })).outlook).toEqual({
      kind: 'out',
      until: later(NOON, HOUR),
    })
  })
})

const poolOf = (...inputs: readonly ForecastInput[]) =>
  forecastPool(
    inputs.map((input) => forecastAccount(input, NOON)),
    NOON,
  )

const account = (name: string, fields: Partial<ForecastInput>): ForecastInput => ({
  account: name,
  state: { kind: 'ready' },
  tier: 1,
  tellsUsage: false,
  windows: [],
  readings: WEEKS,
  ...fields,
})

const window = (name: string, utilization: number): Window => ({
  name,
  utilization,
  resetsAt: later(NOON, 4 * DAY),
  readAt: NOON,
})

const sevenDays = (utilization: number): Window => window('7d', utilization)

const withoutUndefined = ({
  utilization,
  ...rest
}: Omit<Window, 'utilization'> & { readonly utilization?: number | undefined }): Window =>
  utilization === undefined ? rest : { ...rest, utilization }
