/** z.ai: its numbers, its times in China's zone, and its quota that may come as an error with status 200. */
import { describe, expect, it } from 'bun:test'
import {
  ACCOUNT,
  afterNoon,
  at,
  failureOf,
  hiddenStatusOf,
  NOON,
  OF_MODEL,
  provider,
  REQUEST,
  usageOf,
  windowsOf,
} from '../../test/support/recorded.ts'
import type { Failure } from '../core/failure.ts'
import type { Window } from '../core/limits.ts'
import { DAY, HOUR, MINUTE, toMillis } from '../core/time.ts'

describe('a spent window', () => {
  it('lasts until the time that is told, which is China’s', () => {
    const message = 'Usage limit reached for 5 hour. Your limit will reset at 2026-11-20 23:14:00'
    expect(failureOf('zai', { body: error('1308', message) })).toEqual({
      cause: 'window-spent',
      scope: ACCOUNT,
      window: '5h',
      evidence: 'its 5h window is spent (429)',
      until: at('2026-11-20T15:14:00Z'),
    })
  })

  it.each<[what: string, code: string, message: string, window: string | undefined, lastsMs: number]>([
    ['of a week', '1310', 'Weekly limit. Reset at 2026-11-22 20:00:00', '7d', 2 * DAY],
    ['of a month', '1310', 'Monthly limit. Reset at 2026-12-01 20:00:00', '30d', 11 * DAY],
    ['of either', '1310', 'Weekly/Monthly limit exhausted. Reset at 2026-11-20 21:00:00', undefined, HOUR],
    ['of a day', '1304', 'Daily limit reached', '1d', 5 * MINUTE],
    ['with a zone of its own', '1308', 'Reset at 2026-11-20T13:00:00Z', '5h', HOUR],
    ['of another length', '1308', 'Usage limit reached for 2 day. Reset at 2026-11-21 20:00:00', '2d', DAY],
    ['without a time', '1308', 'Usage limit reached for 5 hour.', '5h', 5 * MINUTE],
    ['of no real time', '1308', 'Reset at 2026-99-99 23:14:00', '5h', 5 * MINUTE],
    ['whose end is too far', '1308', 'Reset at 2027-11-20 23:14:00', '5h', 5 * HOUR],
  ])('%s', (_what, code, message, window, lastsMs) => {
    const failure = failureOf('zai', { body: error(code, message) })
    expect(failure).toMatchObject({ cause: 'window-spent', scope: ACCOUNT, until: afterNoon(lastsMs) })
    expect(failure?.window).toBe(window)
  })

  it.each<[what: string, status: number, body: object]>([
    ['as the code', 429, { error: { code: '1308', message: 'Reset at 2026-11-20 23:14:00' } }],
    ['as a number', 429, { error: { code: 1308, message: 'Reset at 2026-11-20 23:14:00' } }],
    ['before the message', 429, api('[1308][Usage limit reached, reset at 2026-11-20 23:14:00][id]')],
    ['in a stream, where the status is lost', 500, error('1308', 'Reset at 2026-11-20 23:14:00')],
    ['in an envelope of its own', 429, { code: 1308, msg: 'Reset at 2026-11-20 23:14:00', success: false }],
  ])('is known by its number %s', (_what, status, body) => {
    expect(failureOf('zai', { status, body })).toMatchObject({
      window: '5h',
      until: at('2026-11-20T15:14:00Z'),
    })
  })
})

describe('a number', () => {
  it.each<[code: string, cause: Failure['cause'], scope: Failure['scope'], lastsMs: number | undefined]>([
    ['1000', 'unauthorized', ACCOUNT, undefined],
    ['1004', 'unauthorized', ACCOUNT, undefined],
    ['1112', 'forbidden', ACCOUNT, 5 * MINUTE],
    ['1113', 'billing', ACCOUNT, 5 * MINUTE],
    ['1309', 'billing', ACCOUNT, 5 * MINUTE],
    ['1211', 'model-not-found', OF_MODEL, 5 * MINUTE],
    ['1220', 'forbidden', OF_MODEL, 5 * MINUTE],
    ['1311', 'forbidden', OF_MODEL, 5 * MINUTE],
    ['1234', 'server-error', REQUEST, undefined],
    ['1302', 'throttled', REQUEST, undefined],
    ['1303', 'throttled', REQUEST, undefined],
    ['1305', 'throttled', REQUEST, undefined],
    ['1312', 'overloaded', REQUEST, undefined],
    ['1313', 'throttled', REQUEST, undefined],
  ])('%s means %s', (code, cause, scope, lastsMs) => {
    const failure = failureOf('zai', { body: error(code, 'No.') })
    expect(failure).toMatchObject({ cause, scope })
    expect(failure?.until).toBe(lastsMs === undefined ? undefined : afterNoon(lastsMs))
  })

  it.each(['1210', '1213', '1214', '1215', '1261', '1301'])('%s is the request’s own', (code) => {
    expect(failureOf('zai', { status: 400, body: error(code, 'Prompt too long') })).toBeUndefined()
  })

  it('of a throttle counts for the account only as long as a wait is named', () => {
    expect(failureOf('zai', { headers: { 'retry-after': '7' }, body: error('1302', '') })).toMatchObject({
      cause: 'throttled',
      scope: ACCOUNT,
      until: afterNoon(7_000),
    })
  })

  it('of a throttle beside inference never benches', () => {
    const recorded = { headers: { 'retry-after': '7' }, body: error('1302', ''), isSide: true }
    expect(failureOf('zai', recorded)?.scope).toEqual(REQUEST)
  })

  it('is final where the provider says that asking again is of no use', () => {
    const headers = { 'x-should-retry': 'false' }
    expect(failureOf('zai', { headers, body: error('1312', '') })?.final).toBe(true)
    expect(failureOf('zai', { body: error('1312', '') })?.final).toBeUndefined()
  })

  it('of a rate limit is an overload where its words say so', () => {
    const body = error('1305', 'The service may be temporarily overloaded, please try again later')
    expect(failureOf('zai', { body })).toMatchObject({ cause: 'overloaded', scope: REQUEST })
  })

  it('that nobody knows leaves the status to speak', () => {
    expect(failureOf('zai', { status: 401, body: error('1999', '') })?.cause).toBe('unauthorized')
    expect(failureOf('zai', { status: 429, body: error('1999', '') })?.cause).toBe('request-refused')
  })
})

describe('an error behind a 200', () => {
  it.each<[what: string, body: unknown, status: number | undefined]>([
    ['a throttle', { code: 1302, msg: 'Concurrency', success: false }, 429],
    ['a missing key', { code: 1001, msg: 'No token', success: false }, 401],
    ['a status for a number', { code: 401, msg: 'No token', success: false }, 401],
    ['trouble', { code: 500, msg: 'Broken', success: false }, 500],
    ['a prompt that is too long', { code: 1261, msg: 'Prompt too long', success: false }, 400],
    ['no number', { msg: 'Broken', success: false }, 500],
    ['an answer about it', { type: 'message', content: [{ text: '"success":false' }] }, undefined],
    ['success', { success: true, code: 200 }, undefined],
    ['no JSON', 'not JSON with "success"', undefined],
  ])('%s', (_what, body, status) => expect(hiddenStatusOf('zai', body)).toBe(status))
})

describe('its quota', () => {
  const RESET = 1_795_200_000_000
  const ANSWER = quota([
    { type: 'TOKENS_LIMIT', unit: 3, number: 5, percentage: 12, nextResetTime: RESET },
    { type: 'TOKENS_LIMIT', unit: 6, number: 7, percentage: 40, nextResetTime: RESET },
    {
      type: 'TIME_LIMIT',
      unit: 5,
      number: 1,
      percentage: 3,
      currentValue: 2,
      remaining: 98,
      usageDetails: [],
    },
  ])

  it('is read as the wire reference shows it', () => {
    const resetsAt = toMillis(RESET)
    expect(windowsOf('zai', { body: ANSWER })).toEqual([
      { name: '5h', utilization: 0.12, resetsAt, status: 'allowed', readAt: NOON },
      { name: '7d', utilization: 0.4, resetsAt, status: 'allowed', readAt: NOON },
      { name: '30d_tools', utilization: 0.03, remaining: 98, unit: 'calls', status: 'allowed', readAt: NOON },
    ])
  })

  it.each<[what: string, limit: object, expected: Partial<Window> | undefined]>([
    ['one week', { unit: 6, number: 1, percentage: 1 }, { name: '7d' }],
    ['text', { unit: 6, number: 1, percentage: '12' }, { name: '7d', utilization: 0.12 }],
    ['an idle window', { unit: 3, number: 5, percentage: 0 }, { name: '5h', utilization: 0 }],
    ['a full window', { unit: 3, number: 5, percentage: 100 }, { name: '5h', status: 'rejected' }],
    ['counts alone', { unit: 3, number: 5, currentValue: 25, usage: 100 }, { name: '5h', utilization: 0.25 }],
    ['credits', { type: 'CREDIT_LIMIT', unit: 3, number: 5, percentage: 1 }, { name: '5h' }],
    ['a unit that nobody knows', { unit: 9, number: 5, percentage: 1 }, undefined],
  ])('may be said as %s', (_what, limit, expected) => {
    const [window] = windowsOf('zai', { body: quota([{ type: 'TOKENS_LIMIT', ...limit }]) })
    if (expected === undefined) expect(window).toBeUndefined()
    else expect(window).toMatchObject(expected)
  })

  it('is nothing for a key that pays as it goes', () => {
    expect(windowsOf('zai', { body: quota([]) })).toEqual([])
  })

  it('said twice counts as the fuller one', () => {
    const limits = [5, 80, 20].map((percentage) => ({ type: 'TOKENS_LIMIT', unit: 3, number: 5, percentage }))
    expect(windowsOf('zai', { body: quota(limits) }).map(({ utilization }) => utilization)).toEqual([0.8])
  })

  it('is refused behind a 200, so that the other way to show the key is tried', () => {
    const body = { code: 401, msg: 'token expired or incorrect', success: false }
    expect(usageOf('zai', { body })).toEqual({
      kind: 'refused',
      evidence: 'its credential was refused (401)',
    })
    expect(usageOf('zai', { body: { ...body, code: 1001 } }).kind).toBe('refused')
    expect(provider('zai').usage?.signs.map((sign) => sign('CANARY-key'))).toEqual([
      [['authorization', 'Bearer CANARY-key']],
      [['authorization', 'CANARY-key']],
    ])
  })

  it('comes later where the provider is in trouble behind a 200', () => {
    expect(usageOf('zai', { body: { code: 500, msg: 'Broken', success: false } }).kind).toBe('later')
    expect(usageOf('zai', { body: { code: 200, success: true } }).kind).toBe('later')
  })
})

function error(type: string, message: string): object {
  return { type: 'error', error: { type, message } }
}

function api(message: string): object {
  return error('rate_limit_error', message)
}

function quota(limits: readonly object[]): object {
  return { code: 200, success: true, data: { level: 'pro', limits } }
}
