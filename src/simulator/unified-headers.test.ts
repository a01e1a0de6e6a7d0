/** Standings of logins as headers: the vocabulary of `wire.md` §1.7, case by case. */
import { describe, expect, it } from 'bun:test'
import { HOUR } from '../core/time.ts'
import { type LoginUsage, UNUSED, type UsedOverage, usageAfterRequest } from './login-usage.ts'
import { standingOf } from './unified-headers.ts'

const NOON = Date.parse('2026-11-20T12:00:00Z')
const IN_5_HOURS = '1795194000'
const IN_7_DAYS = '1795780800'

describe('a standing', () => {
  it('of an unused login is allowed by both of its windows', () => {
    expect(headersOf({})).toEqual({
      status: 'allowed',
      'representative-claim': 'five_hour',
      reset: IN_5_HOURS,
      '5h-status': 'allowed',
      '5h-utilization': '0',
      '5h-reset': IN_5_HOURS,
      '7d-status': 'allowed',
      '7d-utilization': '0',
      '7d-reset': IN_7_DAYS,
      'overage-status': 'rejected',
      'overage-disabled-reason': 'out_of_credits',
    })
  })

  it('is represented by the fullest window', () => {
    const headers = headersOf({ fiveHour: { usedPercent: 29 }, sevenDay: { usedPercent: 57.5 } })
    expect(headers).toMatchObject({ 'representative-claim': 'seven_day', reset: IN_7_DAYS })
    expect(headers).toMatchObject({ '5h-utilization': '0.29', '7d-utilization': '0.575' })
  })

  it.each([
    [74.9, 'allowed', undefined],
    [75, 'allowed_warning', '0.75'],
    [90, 'allowed_warning', '0.9'],
    [99.9, 'allowed_warning', '0.9'],
    [100, 'rejected', '1.0'],
    [113, 'rejected', '1.0'],
  ])('at %d %% is %s, past %p', (usedPercent, status, threshold) => {
    const headers = headersOf({ fiveHour: { usedPercent } })
    expect(headers).toMatchObject({ status, '5h-status': status, '7d-status': 'allowed' })
    expect(headers['5h-surpassed-threshold']).toBe(threshold)
  })

  it.each([
    ['claude-opus-5-5', '7d_opus'],
    ['claude-sonnet-5-5', '7d_sonnet'],
    ['claude-fable-5-2', '7d_oi'],
    ['claude-haiku-5-5', undefined],
    [undefined, undefined],
  ])('of %s is metered apart as %s', (model, name) => {
    const spent = { usedPercent: 100 }
    const usage = { ...UNUSED, sevenDayOpus: spent, sevenDaySonnet: spent, sevenDayFable: spent }
    const { isRefused, headers } = standingOf(usage, model, NOON)
    const rejected = headers.filter(([, value]) => value === 'rejected').map(([field]) => field.slice(PREFIX))
    expect(isRefused).toBe(name !== undefined)
    expect(rejected).toEqual([...(name === undefined ? [] : ['status', `${name}-status`]), 'overage-status'])
  })

  it.each<[string, UsedOverage, boolean, object]>([
    ['pays', { isEnabled: true, usedPercent: 20 }, false, { status: 'allowed', 'overage-in-use': 'true' }],
    ['warns', { isEnabled: true, usedPercent: 80 }, false, { status: 'allowed_warning' }],
    ['is spent too', { isEnabled: true, usedPercent: 100 }, true, { status: 'rejected' }],
    [
      'is off for a reason',
      { isEnabled: false, usedPercent: 0, disabledReason: 'org_level_disabled' },
      true,
      { status: 'rejected', 'overage-disabled-reason': 'org_level_disabled' },
    ],
  ])('of a spent window whose overage %s', (_what, overage, isRefused, expected) => {
    const usage = { fiveHour: { usedPercent: 100 }, overage }
    expect(standing(usage).isRefused).toBe(isRefused)
    expect(headersOf(usage)).toMatchObject({ ...expected, '5h-status': 'rejected' })
    if (overage.isEnabled) expect(headersOf(usage)).toMatchObject({ 'representative-claim': 'overage' })
  })

  it('with overage that nothing needs yet says that it is not in use', () => {
    const headers = headersOf({ overage: { isEnabled: true, usedPercent: 20, resetsAt: NOON + HOUR } })
    expect(headers).toMatchObject({ 'representative-claim': 'five_hour', 'overage-in-use': 'false' })
    expect(headers).toMatchObject({ 'overage-utilization': '0.2', 'overage-reset': '1795179600' })
  })

  it('of an overage-only plan has no windows', () => {
    const overage = { isEnabled: true, usedPercent: 20 }
    expect(headersOf({ fiveHour: undefined, sevenDay: undefined, overage })).toEqual({
      status: 'allowed',
      'representative-claim': 'overage',
      'overage-status': 'allowed',
      'overage-utilization': '0.2',
      'overage-in-use': 'true',
    })
  })

  it('says how long to wait only where it refuses', () => {
    const spent = standing({ fiveHour: { usedPercent: 100, resetsAt: NOON + 90_500 } })
    expect(spent.headers).toContainEqual(['retry-after', '91'])
    expect(standing({}).headers.map(([name]) => name)).not.toContain('retry-after')
  })
})

const PREFIX = 'anthropic-ratelimit-unified-'.length

function standing(usage: Partial<LoginUsage>): ReturnType<typeof standingOf> {
  return standingOf(usageAfterRequest({ ...UNUSED, ...usage }, NOON), 'claude-sonnet-5-5', NOON)
}

/** By their suffixes, the wait aside. */
function headersOf(usage: Partial<LoginUsage>): Readonly<Record<string, string>> {
  const fields = standing(usage).headers.filter(([name]) => name !== 'retry-after')
  return Object.fromEntries(fields.map(([name, value]) => [name.slice(PREFIX), value]))
}
