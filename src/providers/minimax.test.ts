/** MiniMax: errors behind a 200, numbers at the ends of messages, and percentages of what is left. */
import { describe, expect, it } from 'bun:test'
import {
  ACCOUNT,
  afterNoon,
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
import { MINUTE, toMillis } from '../core/time.ts'

describe('an error behind a 200', () => {
  it.each<
    [code: number, status: number, cause: Failure['cause'] | undefined, scope: Failure['scope'] | undefined]
  >([
    [1000, 500, 'server-error', REQUEST],
    [1001, 408, 'request-timeout', REQUEST],
    [1002, 429, 'throttled', REQUEST],
    [1004, 401, 'unauthorized', ACCOUNT],
    [1008, 402, 'billing', ACCOUNT],
    [1024, 500, 'server-error', REQUEST],
    [1026, 400, undefined, undefined],
    [1027, 400, undefined, undefined],
    [1033, 500, 'server-error', REQUEST],
    [1039, 429, 'throttled', REQUEST],
    [1042, 400, undefined, undefined],
    [1041, 429, 'throttled', REQUEST],
    [2013, 400, undefined, undefined],
    [2045, 429, 'throttled', REQUEST],
    [2049, 401, 'unauthorized', ACCOUNT],
    [2056, 429, 'window-spent', ACCOUNT],
    [2061, 403, 'forbidden', OF_MODEL],
    [2064, 529, 'overloaded', REQUEST],
    [9999, 500, 'server-error', REQUEST],
  ])('%d is a %d: %p', (status_code, status, cause, scope) => {
    const body = { base_resp: { status_code, status_msg: 'No.' } }
    expect(hiddenStatusOf('minimax', body)).toBe(status)
    const failure = failureOf('minimax', { status, body })
    expect(failure?.cause).toBe(cause)
    expect(failure?.scope).toEqual(scope)
  })

  it.each<[what: string, body: unknown]>([
    ['success', { base_resp: { status_code: 0, status_msg: 'success' }, type: 'message' }],
    ['an answer without its envelope', { type: 'message', content: [] }],
    [
      'an answer about its envelope',
      { type: 'message', content: [{ text: '"base_resp":{"status_code":1}' }] },
    ],
    ['something that is no JSON', 'data: {"base_resp"'],
  ])('is none in %s', (_what, body) => expect(hiddenStatusOf('minimax', body)).toBeUndefined())
})

describe('an error in Anthropic’s envelope', () => {
  it('has its number at the end of the message', () => {
    const failure = failureOf('minimax', { body: error('usage limit exceeded (2056)') })
    expect(failure).toMatchObject({ cause: 'window-spent', window: '5h', until: afterNoon(5 * MINUTE) })
  })

  it('of a spent window lasts as long as a wait is named', () => {
    const headers = { 'retry-after': '3600' }
    expect(failureOf('minimax', { headers, body: error('usage limit exceeded (2056)') })?.until).toBe(
      afterNoon(60 * MINUTE),
    )
  })

  it('is the request’s own where the number says so', () => {
    const body = error("invalid params, tool result's tool id not found (2013)")
    expect(failureOf('minimax', { status: 400, body })).toBeUndefined()
  })

  it('without a number is read as Anthropic’s', () => {
    expect(failureOf('minimax', { body: error('No.') })?.cause).toBe('request-refused')
  })
})

describe('its plan', () => {
  const GENERAL = {
    model_name: 'general',
    start_time: 1_795_176_000_000,
    end_time: 1_795_194_000_000,
    remains_time: 9_000_000,
    current_interval_remaining_percent: 71,
    current_weekly_remaining_percent: 88,
    weekly_end_time: 1_795_400_000_000,
  }

  it('tells what is left, and is read as what is used', () => {
    const windows = windowsOf('minimax', { body: plan([GENERAL]) })
    expect(windows).toMatchObject([
      { name: '5h', resetsAt: toMillis(1_795_194_000_000), status: 'allowed', readAt: NOON },
      { name: '7d', resetsAt: toMillis(1_795_400_000_000), status: 'allowed', readAt: NOON },
    ])
    expect(windows.map(({ utilization = 0 }) => Math.round(utilization * 100))).toEqual([29, 12])
  })

  it.each<[what: string, change: object, names: readonly string[]]>([
    ['without a weekly limit', { current_weekly_status: 3 }, ['5h']],
    ['with a weekly limit', { current_weekly_status: 1 }, ['5h', '7d']],
    ['of which one number is missing', { current_interval_remaining_percent: undefined }, ['7d']],
  ])('%s', (_what, change, names) => {
    const windows = windowsOf('minimax', { body: plan([{ ...GENERAL, ...change }]) })
    expect(windows.map(({ name }) => name)).toEqual([...names])
  })

  it.each<[what: string, percent: unknown, expected: Partial<Window>]>([
    ['nothing is left', 0, { utilization: 1, status: 'rejected' }],
    ['more than all is left', 120, { utilization: 0, status: 'allowed' }],
    ['it is said as text', '75', { utilization: 0.25 }],
  ])('where %s', (_what, percent, expected) => {
    const body = plan([{ ...GENERAL, current_interval_remaining_percent: percent }])
    expect(windowsOf('minimax', { body })[0]).toMatchObject(expected)
  })

  it('is that of language models, not of other media', () => {
    const video = { ...GENERAL, model_name: 'video', current_interval_remaining_percent: 0 }
    const older = { ...GENERAL, model_name: 'MiniMax-M2' }
    expect(windowsOf('minimax', { body: plan([video, older]) })[0]?.status).toBe('allowed')
    expect(windowsOf('minimax', { body: plan([video]) })).toEqual([])
    const spent = { ...older, current_interval_remaining_percent: 0 }
    expect(windowsOf('minimax', { body: plan([spent, GENERAL]) })[0]?.status).toBe('allowed')
  })

  it.each<[what: string, code: number, kind: 'refused' | 'later']>([
    ['a wrong key', 1004, 'refused'],
    ['an invalid key', 2049, 'refused'],
    ['a timeout', 1001, 'later'],
  ])('is not told, with status 200, for %s', (_what, status_code, kind) => {
    expect(usageOf('minimax', { body: { base_resp: { status_code } } }).kind).toBe(kind)
  })

  it('is asked for elsewhere than requests go', () => {
    expect(provider('minimax').usage).toMatchObject({
      origin: 'https://www.minimax.io',
      path: '/v1/token_plan/remains',
    })
  })
})

function error(message: string): object {
  return { type: 'error', error: { type: 'rate_limit_error', message } }
}

function plan(model_remains: readonly object[]): object {
  return { base_resp: { status_code: 0, status_msg: 'success' }, model_remains }
}
