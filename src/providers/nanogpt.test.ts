/** NanoGPT: a subscription's days, weeks and months, in requests or in tokens. */
import { describe, expect, it } from 'bun:test'
import {
  ACCOUNT,
  afterNoon,
  failureOf,
  NOON,
  REQUEST,
  usageOf,
  windowsOf,
} from '../../test/support/recorded.ts'
import type { Failure } from '../core/failure.ts'
import type { Window } from '../core/limits.ts'
import { MINUTE, toMillis } from '../core/time.ts'

const RESET = 1_795_200_000_000
const ANSWER = {
  active: true,
  state: 'active',
  limits: { daily: 2000, monthly: 60_000 },
  enforceDailyLimit: true,
  daily: { used: 5, remaining: 1995, percentUsed: 0.0025, resetAt: RESET },
  monthly: { used: 30_000, remaining: 30_000, percentUsed: 0.5, resetAt: RESET },
  period: { currentPeriodEnd: '2026-12-13T23:59:59.000Z' },
  graceUntil: null,
}

describe('its subscription', () => {
  it('is read as the wire reference shows it: its shares are fractions', () => {
    const resetsAt = toMillis(RESET)
    const common = { unit: 'requests', status: 'allowed', resetsAt, readAt: NOON }
    expect(windowsOf('nanogpt', { body: ANSWER })).toEqual([
      { name: '1d', utilization: 0.0025, remaining: 1995, ...common },
      { name: '30d', utilization: 0.5, remaining: 30_000, ...common },
    ])
  })

  it.each<[what: string, change: object, expected: readonly Partial<Window>[]]>([
    ['without a daily limit', { enforceDailyLimit: false }, [{ name: '30d' }]],
    ['in its days of grace', { state: 'grace' }, [{ name: '1d' }, { name: '30d' }]],
    ['that has ended', { active: false, state: 'inactive' }, []],
    ['that says so in one word', { active: undefined, state: 'inactive' }, []],
    ['without a share', { monthly: null, daily: { used: 5, remaining: 15 } }, [{ utilization: 0.25 }]],
    ['without anything used', { monthly: null, daily: { used: 0, remaining: 0 } }, []],
    ['that is used up', { daily: null, monthly: { percentUsed: 1 } }, [{ status: 'rejected' }]],
    [
      'counted in tokens',
      {
        daily: undefined,
        monthly: undefined,
        weeklyInputTokens: { used: 1, remaining: 3, percentUsed: 0.25 },
      },
      [{ name: '7d', utilization: 0.25, remaining: 3, unit: 'tokens' }],
    ],
  ])('%s', (_what, change, expected) => {
    const windows = windowsOf('nanogpt', { body: { ...ANSWER, ...change } })
    expect(windows).toHaveLength(expected.length)
    expect(windows).toMatchObject([...expected])
  })

  it('that is not there is not understood', () => {
    expect(usageOf('nanogpt', { body: { error: 'No.' } }).kind).toBe('later')
  })
})

describe('a status', () => {
  it.each<[status: number, body: object, expected: Partial<Failure> | undefined]>([
    [400, anthropic('max_tokens is required'), undefined],
    [401, { error: 'Invalid key', status: 401 }, { cause: 'unauthorized', scope: ACCOUNT }],
    [
      402,
      { error: 'Insufficient balance', status: 402 },
      { cause: 'billing', scope: ACCOUNT, until: afterNoon(5 * MINUTE) },
    ],
    [413, anthropic('Too large'), undefined],
    [429, anthropic('Slower'), { cause: 'request-refused', scope: REQUEST }],
    [503, anthropic('Busy'), { cause: 'server-error', scope: REQUEST }],
  ])('of %d means what it says', (status, body, expected) => {
    const failure = failureOf('nanogpt', { status, body })
    if (expected === undefined) expect(failure).toBeUndefined()
    else expect(failure).toMatchObject(expected)
  })

  it('of 429 counts for the account as long as a wait is named', () => {
    const recorded = { headers: { 'retry-after': '60' }, body: anthropic('Slower') }
    expect(failureOf('nanogpt', recorded)).toMatchObject({ scope: ACCOUNT, until: afterNoon(MINUTE) })
  })
})

function anthropic(message: string): object {
  return { type: 'error', error: { type: 'invalid_request_error', message } }
}
