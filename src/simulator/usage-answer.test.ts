/** The usage endpoint's JSON against the example of `wire.md` §2.6, and windows that end. */
import { describe, expect, it } from 'bun:test'
import { HOUR } from '../core/time.ts'
import { type LoginUsage, UNUSED, usageAfterRequest, usageAt } from './login-usage.ts'
import { usageAnswer } from './usage-answer.ts'

const NOON = Date.parse('2026-11-20T12:00:00Z')
const NO_DOLLARS = { limit_dollars: null, used_dollars: null, remaining_dollars: null }

describe('the usage answer', () => {
  it('has every field of the recorded one', () => {
    const usage = {
      fiveHour: { usedPercent: 42, resetsAt: NOON + 3 * HOUR },
      sevenDay: { usedPercent: 17, resetsAt: NOON + 93 * HOUR },
      sevenDayFable: { usedPercent: 91, resetsAt: NOON + 93 * HOUR },
    }
    expect(answerTo(usage)).toEqual({
      five_hour: { utilization: 42, resets_at: '2026-11-20T15:00:00.000Z', ...NO_DOLLARS },
      seven_day: { utilization: 17, resets_at: '2026-11-24T09:00:00.000Z', ...NO_DOLLARS },
      seven_day_opus: null,
      seven_day_sonnet: null,
      seven_day_oauth_apps: null,
      seven_day_cowork: null,
      extra_usage: { is_enabled: false, monthly_limit: null, used_credits: null, utilization: null },
      limits: [
        limit('session', 42, 'normal', '2026-11-20T15:00:00.000Z'),
        limit('weekly_all', 17, 'normal', '2026-11-24T09:00:00.000Z'),
        limit('weekly_scoped', 91, 'warning', '2026-11-24T09:00:00.000Z', 'Fable'),
      ],
      spend: {
        used: { amount_minor: 0, currency: 'USD', exponent: 2 },
        limit: null,
        percent: 0,
        severity: 'normal',
        enabled: false,
        disabled_reason: 'out_of_credits',
        cap: null,
        can_purchase_credits: true,
      },
      member_dashboard_available: false,
    })
  })

  it('of an older kind has no limits', () => {
    expect(answerTo({ hasLimits: false })).not.toHaveProperty('limits')
  })

  it('names a family’s window in both places where it has one', () => {
    const answer = answerTo({ sevenDayOpus: { usedPercent: 100 } })
    expect(answer).toMatchObject({ seven_day_opus: { utilization: 100 } })
    expect(answer).toMatchObject({
      limits: [{ kind: 'session' }, { kind: 'weekly_all' }, { kind: 'weekly_scoped', severity: 'critical' }],
    })
  })

  it('counts overage in money and in percent', () => {
    expect(answerTo({ overage: { isEnabled: true, usedPercent: 25 } })).toMatchObject({
      extra_usage: { is_enabled: true, monthly_limit: 5_000, used_credits: 1_250, utilization: 25 },
      spend: { used: { amount_minor: 1_250 }, limit: { amount_minor: 5_000 }, percent: 25, enabled: true },
    })
  })
})

describe('windows', () => {
  it('with something used in them begin when that is set', () => {
    const usage = usageAt({ ...UNUSED, fiveHour: { usedPercent: 5 } }, NOON)
    expect(usage.fiveHour).toEqual({ usedPercent: 5, resetsAt: NOON + 5 * HOUR })
    expect(usage.sevenDay?.resetsAt).toBeUndefined()
  })

  it('are empty and idle from the moment of their end', () => {
    const fiveHour = { usedPercent: 5, resetsAt: NOON }
    expect(usageAt({ ...UNUSED, fiveHour }, NOON - 1).fiveHour).toEqual(fiveHour)
    expect(usageAt({ ...UNUSED, fiveHour }, NOON).fiveHour).toEqual({ usedPercent: 0, resetsAt: undefined })
  })

  it('that a plan does not have never appear', () => {
    const usage = usageAfterRequest({ ...UNUSED, fiveHour: undefined }, NOON)
    expect(usage.fiveHour).toBeUndefined()
    expect(usage.sevenDayOpus).toBeUndefined()
  })

  it('a request begins those that are idle and no others', () => {
    const fiveHour = { usedPercent: 5, resetsAt: NOON + HOUR }
    const usage = usageAfterRequest({ ...UNUSED, fiveHour }, NOON)
    expect(usage.fiveHour).toEqual(fiveHour)
    expect(usage.sevenDay).toEqual({ usedPercent: 0, resetsAt: NOON + 168 * HOUR })
  })

  it('of overage end too', () => {
    const overage = { isEnabled: true, usedPercent: 100, resetsAt: NOON }
    expect(usageAt({ ...UNUSED, overage }, NOON).overage).toMatchObject({ isEnabled: true, usedPercent: 0 })
  })
})

function answerTo(usage: Partial<LoginUsage>): object {
  return usageAnswer(usageAt({ ...UNUSED, ...usage }, NOON))
}

function limit(kind: string, percent: number, severity: string, resetsAt: string, model?: string): object {
  const scope = model === undefined ? null : { model: { id: null, display_name: model }, surface: null }
  const group = kind === 'session' ? 'session' : 'weekly'
  return { kind, group, percent, severity, resets_at: resetsAt, scope, is_active: true }
}
