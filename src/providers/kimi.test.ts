/** The Kimi platform and the Kimi Code plan: counts as text, balances, and refusals that only words tell apart. */
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
import { MINUTE, SECOND } from '../core/time.ts'

describe('the platform’s 429s', () => {
  it.each<
    [type: string, message: string, cause: Failure['cause'], scope: object, lastsMs: number | undefined]
  >([
    ['exceeded_current_quota_error', 'Insufficient balance.', 'billing', ACCOUNT, 5 * MINUTE],
    ['rate_limit_reached_error', 'Too many requests.', 'throttled', REQUEST, undefined],
    ['rate_limit_reached_error', 'Please try again after 3 seconds', 'throttled', ACCOUNT, 3 * SECOND],
    ['engine_overloaded_error', 'Try again later.', 'overloaded', REQUEST, undefined],
    ['unheard_of_error', 'No.', 'request-refused', REQUEST, undefined],
  ])('%s: %s', (type, message, cause, scope, lastsMs) => {
    const failure = failureOf('moonshot', { body: { error: { type, message } } })
    expect(failure).toMatchObject({ cause, scope })
    expect(failure?.until).toBe(lastsMs === undefined ? undefined : afterNoon(lastsMs))
  })

  it.each(['moonshot', 'kimi-code'])('of %s prefer the wait in the header to the words', (id) => {
    const error = { type: 'rate_limit_reached_error', message: 'Please try again after 9 seconds' }
    const failure = failureOf(id, { headers: { 'retry-after': '3' }, body: { error } })
    expect(failure?.until).toBe(afterNoon(3 * SECOND))
  })
})

describe('the platform’s other errors', () => {
  it('of content are the request’s own', () => {
    const error = { type: 'content_filter', message: 'High risk.' }
    expect(failureOf('moonshot', { status: 400, body: { error } })).toBeUndefined()
  })

  it('of an unknown model are the model’s', () => {
    const error = { type: 'resource_not_found_error', message: 'Not found the model x or Permission denied' }
    expect(failureOf('moonshot', { status: 404, body: { error } })).toMatchObject({
      cause: 'model-not-found',
      scope: OF_MODEL,
    })
  })
})

describe('the platform’s balance', () => {
  const ANSWER = balance(49.5)

  it.each([
    ['api.moonshot.ai', 'USD'],
    ['api.moonshot.cn', 'CNY'],
  ])('at %s is in %s', (host, unit) => {
    expect(windowsOf('moonshot', { body: ANSWER, host })).toEqual([
      { name: 'balance', remaining: 49.5, unit, status: 'allowed', readAt: NOON },
    ])
  })

  it('has no unit where it is not known which one', () => {
    expect(windowsOf('moonshot', { body: ANSWER })[0]).not.toHaveProperty('unit')
  })

  it.each([0, -3])('of %d stops the account', (left) => {
    expect(windowsOf('moonshot', { body: balance(left) })).toMatchObject([
      { remaining: left, status: 'rejected' },
    ])
  })

  it('that is not there is not understood', () => {
    expect(usageOf('moonshot', { body: { code: 0, data: {} } }).kind).toBe('later')
  })
})

describe('the plan’s refusals', () => {
  it.each<[message: string, window: string | undefined]>([
    ["You've reached your weekly (7-day) usage limit. Your quota will reset when it ends.", '7d'],
    ["You've reached your usage limit for this billing cycle.", undefined],
    ["You've reached your usage limit for this period.", undefined],
    ["You've reached kimi monthly usage limit", '30d'],
    ["You've reached your 5-hour usage limit.", '5h'],
  ])('%s', (message, window) => {
    const body = { error: { type: 'access_terminated_error', message } }
    const failure = failureOf('kimi-code', { status: 403, body })
    expect(failure).toMatchObject({ cause: 'window-spent', scope: ACCOUNT, until: afterNoon(5 * MINUTE) })
    expect(failure?.window).toBe(window)
  })

  it('of a client that is no coding agent blame nobody', () => {
    const message = 'Kimi For Coding is currently only available for Coding Agents such as Kimi CLI.'
    const body = { error: { type: 'access_terminated_error', message } }
    expect(failureOf('kimi-code', { status: 403, body })).toMatchObject({
      cause: 'forbidden',
      scope: REQUEST,
    })
  })
})

describe('the plan’s quota', () => {
  const WEEK = { limit: '1000', used: '120', remaining: '880', resetTime: '2026-11-24T05:24:18Z' }
  const ANSWER = {
    user: { membership: { level: 'LEVEL_BASIC' } },
    usage: WEEK,
    limits: [
      window(300, 'TIME_UNIT_MINUTE', { limit: '50', remaining: '40', resetTime: '2026-11-20T15:00:00Z' }),
    ],
  }

  it.each<[what: string, body: object]>([
    ['at the top', ANSWER],
    ['under data', { data: ANSWER }],
  ])('is read as the wire reference shows it, %s', (_what, body) => {
    expect(windowsOf('kimi-code', { body })).toEqual([
      {
        name: '7d',
        utilization: 0.12,
        remaining: 880,
        resetsAt: at('2026-11-24T05:24:18Z'),
        status: 'allowed',
        readAt: NOON,
      },
      {
        name: '5h',
        utilization: 0.2,
        remaining: 40,
        resetsAt: at('2026-11-20T15:00:00Z'),
        status: 'allowed',
        readAt: NOON,
      },
    ])
  })

  it.each<[what: string, week: object, expected: Partial<Window> | undefined]>([
    ['in numbers', { limit: 1000, used: 120, remaining: 880 }, { utilization: 0.12, remaining: 880 }],
    ['without what is left', { limit: '10', used: '4' }, { utilization: 0.4, remaining: 6 }],
    ['without what is used', { limit: '10', remaining: '4' }, { utilization: 0.6, remaining: 4 }],
    ['used up', { limit: '10', used: '10', remaining: '0' }, { utilization: 1, status: 'rejected' }],
    ['without a limit', { used: '4' }, undefined],
    ['with a limit of zero', { limit: '0', used: '0' }, undefined],
    ['without counts', { limit: '10' }, undefined],
  ])('may be said %s', (_what, usage, expected) => {
    const [first] = windowsOf('kimi-code', { body: { usage } })
    if (expected === undefined) expect(first).toBeUndefined()
    else expect(first).toMatchObject(expected)
  })

  it.each<[duration: number, unit: string, name: string | undefined]>([
    [300, 'TIME_UNIT_MINUTE', '5h'],
    [5, 'TIME_UNIT_HOUR', '5h'],
    [7, 'TIME_UNIT_DAY', '7d'],
    [1440, 'TIME_UNIT_MINUTE', '1d'],
    [90, 'TIME_UNIT_MINUTE', undefined],
    [0, 'TIME_UNIT_HOUR', undefined],
    [5, 'TIME_UNIT_MOON', undefined],
  ])('of %d %s is called %p', (duration, unit, name) => {
    const limits = [window(duration, unit, { limit: '1', remaining: '1' })]
    expect(windowsOf('kimi-code', { body: { limits } }).map((each) => each.name)).toEqual(name ? [name] : [])
  })

  it('that is not there is not understood', () => {
    expect(usageOf('kimi-code', { body: { user: {} } }).kind).toBe('later')
  })
})

function window(duration: number, timeUnit: string, detail: object): object {
  return { window: { duration, timeUnit }, detail }
}

function balance(available_balance: number): object {
  return {
    code: 0,
    scode: '0x0',
    status: true,
    data: { available_balance, cash_balance: 3, voucher_balance: 1 },
  }
}
