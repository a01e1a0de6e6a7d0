/** OpenCode Zen Go: 401s that are no matter of the credential, and three windows. */
import { describe, expect, it } from 'bun:test'
import {
  ACCOUNT,
  afterNoon,
  at,
  failureOf,
  NOON,
  OF_MODEL,
  REQUEST,
  usageOf,
  windowsOf,
} from '../../test/support/recorded.ts'
import type { Failure } from '../core/failure.ts'
import type { Window } from '../core/limits.ts'
import { DAY, HOUR, MINUTE } from '../core/time.ts'

describe('an error', () => {
  it.each<[type: string, status: number, cause: Failure['cause'], scope: Failure['scope']]>([
    ['AuthError', 401, 'unauthorized', ACCOUNT],
    ['ModelError', 401, 'model-not-found', OF_MODEL],
    ['CreditsError', 401, 'billing', ACCOUNT],
    ['MonthlyLimitError', 401, 'spend-limit', ACCOUNT],
    ['UserLimitError', 401, 'spend-limit', ACCOUNT],
    ['RegionError', 403, 'forbidden', OF_MODEL],
    ['FreeUsageLimitError', 429, 'throttled', REQUEST],
    ['GoUsageLimitError', 500, 'window-spent', ACCOUNT],
    ['UnheardOfError', 401, 'unauthorized', ACCOUNT],
  ])('%s (%d) means %s', (type, status, cause, scope) => {
    expect(failureOf('opencode-go', { status, body: error(type, 'No.') })).toMatchObject({ cause, scope })
  })

  it.each<
    [
      what: string,
      message: string,
      limitName: string | undefined,
      window: string | undefined,
      lastsMs: number,
    ]
  >([
    ['in hours', 'Weekly usage limit reached. Resets in 19hr', undefined, '7d', 19 * HOUR],
    ['in days and hours', 'It will reset in 5 days 10 hours.', 'weekly', '7d', 5 * DAY + 10 * HOUR],
    ['in minutes', 'Resets in 45min', 'rolling', '5h', 45 * MINUTE],
    [
      'of a month',
      'Monthly usage limit reached. It will reset in 10 days 19 hours.',
      undefined,
      '30d',
      259 * HOUR,
    ],
    ['in other words', 'Come back soon.', undefined, undefined, 5 * MINUTE],
    ['in a unit that nobody knows', 'Resets in 2 months', 'monthly', '30d', 5 * MINUTE],
    ['too far', '5 hour usage limit reached. Resets in 9 days', undefined, '5h', 5 * HOUR],
  ])('of a spent window tells its end %s', (_what, message, limitName, window, lastsMs) => {
    const body = { ...error('GoUsageLimitError', message), metadata: { limitName } }
    const failure = failureOf('opencode-go', { body })
    expect(failure).toMatchObject({ cause: 'window-spent', until: afterNoon(lastsMs) })
    expect(failure?.window).toBe(window)
  })

  it('of a spent window without words lasts as long as the header says', () => {
    const body = { ...error('GoUsageLimitError', 'No.'), metadata: { limitName: 'weekly' } }
    const headers = { 'retry-after': '300' }
    expect(failureOf('opencode-go', { headers, body })).toMatchObject({
      window: '7d',
      until: afterNoon(5 * MINUTE),
    })
  })
})

describe('its usage', () => {
  const resetsAt = '2026-11-20T15:00:00Z'
  const ANSWER = {
    usage: {
      rolling: { status: 'ok', percent: 5, resetsAt },
      weekly: { status: 'ok', percent: 60, resetsAt },
      monthly: { status: 'rate-limited', percent: 100, resetsAt },
    },
  }

  it('is read as the wire reference shows it', () => {
    const common = { resetsAt: at(resetsAt), readAt: NOON }
    expect(windowsOf('opencode-go', { body: ANSWER })).toEqual([
      { name: '5h', utilization: 0.05, status: 'allowed', ...common },
      { name: '7d', utilization: 0.6, status: 'allowed', ...common },
      { name: '30d', utilization: 1, status: 'rejected', ...common },
    ])
  })

  it.each<[what: string, rolling: unknown, expected: Partial<Window> | undefined]>([
    ['in another word', { status: 'slowed', percent: 5 }, { status: 'slowed' }],
    ['without a word', { percent: 100 }, { status: 'rejected' }],
    ['without a share', { status: 'ok' }, undefined],
    ['not at all', null, undefined],
  ])('may tell a window %s', (_what, rolling, expected) => {
    const [window] = windowsOf('opencode-go', { body: { usage: { rolling } } })
    if (expected === undefined) expect(window).toBeUndefined()
    else expect(window).toMatchObject(expected)
  })

  it('that is not there is not understood', () => {
    expect(usageOf('opencode-go', { body: {} }).kind).toBe('later')
  })
})

function error(type: string, message: string): object {
  return { type: 'error', error: { type, message }, metadata: {} }
}
