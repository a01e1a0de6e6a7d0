/** Anthropic's usage answer (`wire.md` §2.6): shares of 0–100, absent and idle windows, paid use beyond the plan. */
import { describe, expect, it } from 'bun:test'
import { at, NOON, provider, type Recorded, usageOf, windowsOf } from '../../../test/support/recorded.ts'
import type { Window } from '../../core/limits.ts'
import { MINUTE } from '../../core/time.ts'

const ANSWER = {
  five_hour: {
    utilization: 42,
    resets_at: '2026-11-20T15:00:00.412Z',
    limit_dollars: null,
    used_dollars: null,
    remaining_dollars: null,
  },
  seven_day: { utilization: 17, resets_at: '2026-11-24T09:00:00Z' },
  seven_day_opus: null,
  seven_day_sonnet: null,
  seven_day_oauth_apps: null,
  extra_usage: { is_enabled: false, monthly_limit: null, used_credits: null, utilization: null },
  limits: [
    listed('session', 42, { resets_at: '2026-11-20T15:00:00Z' }),
    listed('weekly_scoped', 91, {
      severity: 'warning',
      resets_at: '2026-11-24T09:00:00Z',
      scope: { model: { id: null, display_name: 'Fable' }, surface: null },
    }),
  ],
  spend: {
    used: { amount_minor: 0, currency: 'USD', exponent: 2 },
    limit: null,
    percent: 0,
    severity: 'normal',
    enabled: false,
    disabled_reason: 'out_of_credits',
  },
  member_dashboard_available: false,
}

it('is read as the wire reference shows it: the list first, then what it leaves out', () => {
  expect(windows(ANSWER)).toEqual([
    { name: '5h', utilization: 0.42, resetsAt: at('2026-11-20T15:00:00Z'), status: 'allowed', readAt: NOON },
    {
      name: '7d_fable',
      utilization: 0.91,
      resetsAt: at('2026-11-24T09:00:00Z'),
      status: 'allowed_warning',
      readAt: NOON,
    },
    { name: '7d', utilization: 0.17, resetsAt: at('2026-11-24T09:00:00Z'), readAt: NOON },
  ])
})

it('is asked for with the sign-in and its beta, every ten minutes at most', () => {
  const { usage } = provider('claude-oauth')
  expect(usage).toMatchObject({ path: '/api/oauth/usage', everyMs: 10 * MINUTE })
  expect(usage?.signs.map((sign) => sign('CANARY-token'))).toEqual([
    [
      ['authorization', 'Bearer CANARY-token'],
      ['anthropic-beta', 'oauth-2025-04-20'],
    ],
  ])
})

it('is the list’s where the list and a named window speak of the same', () => {
  const body = { five_hour: { utilization: 50 }, limits: [listed('session', 42)] }
  expect(windows(body).map(({ utilization }) => utilization)).toEqual([0.42])
})

describe('a named window', () => {
  it.each<[what: string, body: object, expected: readonly Partial<Window>[]]>([
    ['that is null is absent', { five_hour: null, seven_day: null }, []],
    [
      'without an end is idle',
      { five_hour: { utilization: 0, resets_at: null } },
      [{ name: '5h', utilization: 0 }],
    ],
    ['of Opus', { seven_day_opus: { utilization: 5 } }, [{ name: '7d_opus', utilization: 0.05 }]],
    ['of Sonnet', { seven_day_sonnet: { utilization: 5 } }, [{ name: '7d_sonnet', utilization: 0.05 }]],
    [
      'below one per cent is no fraction',
      { five_hour: { utilization: 0.5 } },
      [{ name: '5h', utilization: 0.005 }],
    ],
    [
      'that is full',
      { five_hour: { utilization: 100 } },
      [{ name: '5h', utilization: 1, status: 'rejected' }],
    ],
    [
      'beyond its end',
      { five_hour: { utilization: 113 } },
      [{ name: '5h', utilization: 1.13, status: 'rejected' }],
    ],
    ['of nothing known', { five_hour: { utilization: null, resets_at: null } }, []],
    ['of garbage', { five_hour: { utilization: 'some', resets_at: 'soon' } }, []],
    ['under a code name', { five_hour: null, iguana_necktie: { utilization: 5 } }, []],
  ])('%s', (_what, body, expected) => {
    expect(windows(body)).toEqual(expected.map((window) => ({ ...window, readAt: NOON }) as Window))
  })
})

describe('a listed window', () => {
  it.each<[what: string, limit: object, name: string | undefined]>([
    ['the session', listed('session', 1), '5h'],
    ['the week', listed('weekly_all', 1), '7d'],
    ['a model’s week', scoped({ display_name: 'Sonnet 5.5' }), '7d_sonnet_5_5'],
    ['a model’s week, by its id alone', scoped({ display_name: null, id: 'claude-x' }), '7d_claude_x'],
    ['a week of nobody', scoped({ display_name: null, id: null }), undefined],
    ['a week of no name', scoped({ display_name: '—' }), undefined],
    ['a kind that nobody knows', listed('monthly_all', 1), undefined],
    ['a null window', listed('session', null), undefined],
  ])('of %s', (_what, limit, name) => {
    expect(windows({ limits: [limit] }).map((window) => window.name)).toEqual(
      name === undefined ? [] : [name],
    )
  })

  it.each<[severity: string, percent: number, status: string | undefined]>([
    ['normal', 42, 'allowed'],
    ['warning', 80, 'allowed_warning'],
    ['critical', 99, 'allowed_warning'],
    ['critical', 100, 'rejected'],
    ['normal', 101, 'rejected'],
    ['unheard_of', 42, undefined],
  ])('of severity %s at %d %%', (severity, percent, status) => {
    expect(windows({ limits: [listed('session', percent, { severity })] })[0]?.status).toBe(status)
  })
})

describe('paid use beyond the plan', () => {
  const usd = (amount_minor: number) => ({ amount_minor, currency: 'USD', exponent: 2 })

  it.each<[what: string, body: object, expected: Partial<Window> | undefined]>([
    ['switched off', { extra_usage: { is_enabled: false, utilization: 50 } }, undefined],
    ['without amounts', { extra_usage: { is_enabled: true, utilization: 50 } }, { utilization: 0.5 }],
    ['without a share', { extra_usage: { is_enabled: true, utilization: null } }, {}],
    [
      'with a cap',
      { spend: { enabled: true, percent: 25, severity: 'normal', used: usd(1250), limit: usd(5000) } },
      { utilization: 0.25, status: 'allowed', remaining: 37.5, unit: 'USD' },
    ],
    [
      'with a cap that is reached',
      { spend: { enabled: true, percent: 100, severity: 'critical', used: usd(5000), limit: usd(5000) } },
      { utilization: 1, status: 'rejected', remaining: 0, unit: 'USD' },
    ],
    [
      'without a cap',
      { spend: { enabled: true, percent: 0, used: usd(1250), limit: null } },
      { utilization: 0 },
    ],
    [
      'in two kinds of money',
      { spend: { enabled: true, percent: 0, used: usd(1), limit: { ...usd(2), currency: 'EUR' } } },
      { utilization: 0 },
    ],
  ])('%s', (_what, body, expected) => {
    const window = windows({ five_hour: null, ...body })[0]
    if (expected === undefined) expect(window).toBeUndefined()
    else expect(window).toEqual({ name: 'overage', ...expected, readAt: NOON })
  })
})

describe('an answer that is none', () => {
  it.each<[what: string, recorded: Recorded, kind: string, words: RegExp]>([
    ['a refused token', { status: 401 }, 'refused', /credential was refused \(401\)/],
    [
      'a setup token',
      { status: 403, body: error('OAuth token does not meet scope requirement user:profile') },
      'refused',
      /lacks the scope user:profile, as setup tokens do/,
    ],
    [
      'a lapsed subscription',
      { status: 403, body: error('No.', 'oauth_not_allowed_for_organization') },
      'refused',
      /does not allow sign-ins/,
    ],
    ['a refusal without words', { status: 403, body: '<html>' }, 'refused', /may not ask for usage/],
    ['a broken server', { status: 500 }, 'later', /500/],
    ['something else', { body: { hello: 'world' } }, 'later', /not understood/],
    ['a page', { body: '<html>' }, 'later', /not understood/],
    ['half an answer', { body: '{"five_hour":' }, 'later', /not understood/],
  ])('%s', (_what, recorded, kind, words) => {
    const reading = usageOf('claude-oauth', recorded)
    expect(reading.kind).toBe(kind as typeof reading.kind)
    expect(reading).toMatchObject({ evidence: expect.stringMatching(words) })
  })

  it('names the wait that a limit has', () => {
    expect(usageOf('claude-oauth', { status: 429, headers: { 'retry-after': '2900' } })).toMatchObject({
      kind: 'later',
      waitMs: 2_900_000,
    })
    expect(usageOf('claude-oauth', { status: 429 })).not.toHaveProperty('waitMs')
  })
})

function windows(body: object): readonly Window[] {
  return windowsOf('claude-oauth', { body })
}

function listed(kind: string, percent: number | null, more: object = {}): object {
  return { kind, group: 'session', percent, severity: 'normal', resets_at: null, scope: null, ...more }
}

function scoped(model: object): object {
  return listed('weekly_scoped', 1, { scope: { model, surface: null } })
}

function error(message: string, code?: string): object {
  return { type: 'error', error: { type: 'permission_error', message, details: { error_code: code } } }
}
