/** OpenRouter: which of its limits refused, numbers for codes, and errors behind a 200. */
import { describe, expect, it } from 'bun:test'
import {
  ACCOUNT,
  afterNoon,
  failureOf,
  hiddenStatusOf,
  NOON,
  OF_MODEL,
  REQUEST,
  usageOf,
  windowsOf,
} from '../../test/support/recorded.ts'
import type { Failure } from '../core/failure.ts'
import type { Window } from '../core/limits.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../core/time.ts'

type Row = readonly [what: string, code: number, metadata: object | undefined, expected: Partial<Failure>]

describe('a refusal for money', () => {
  it.each<Row>([
    [
      'its credits',
      402,
      { limit_source: 'openrouter_credits' },
      { cause: 'billing', scope: ACCOUNT, until: afterNoon(5 * MINUTE) },
    ],
    ['without a source', 402, undefined, { cause: 'billing', scope: ACCOUNT, until: afterNoon(5 * MINUTE) }],
    [
      'its key’s limit',
      403,
      { limit_source: 'openrouter_key_limit', resets_at: '2026-11-21T00:00:00Z' },
      { cause: 'spend-limit', scope: ACCOUNT, until: afterNoon(12 * HOUR) },
    ],
    [
      'its key’s limit without an end',
      402,
      { limit_source: 'openrouter_key_limit' },
      { cause: 'spend-limit', scope: ACCOUNT, until: afterNoon(HOUR) },
    ],
    [
      'its workspace’s budget, whose end is too far',
      403,
      { limit_source: 'openrouter_workspace_budget', resets_at: '2027-11-21T00:00:00Z' },
      { cause: 'spend-limit', scope: ACCOUNT, until: afterNoon(31 * DAY) },
    ],
    [
      'a guardrail',
      403,
      { limit_source: 'openrouter_guardrail_budget' },
      { cause: 'spend-limit', scope: ACCOUNT, until: afterNoon(HOUR) },
    ],
    [
      'a request that costs more than is there',
      402,
      { limit_source: 'openrouter_credits', reason: 'weight_exceeds_budget' },
      { cause: 'context-limit', scope: REQUEST },
    ],
    [
      'requests in flight',
      402,
      { limit_source: 'openrouter_in_flight_budget', reason: 'in_flight_budget_exhausted' },
      { cause: 'throttled', scope: REQUEST },
    ],
  ])('by %s (%d)', (_what, code, metadata, expected) => {
    expect(failureOf('openrouter', { status: code, body: error(code, 'No.', metadata) })).toMatchObject(
      expected,
    )
  })

  it('by requests in flight lasts as long as the wait that is named', () => {
    const body = error(402, 'Busy.', { limit_source: 'openrouter_in_flight_budget' })
    expect(failureOf('openrouter', { status: 402, headers: { 'retry-after': '8' }, body })).toMatchObject({
      cause: 'throttled',
      scope: ACCOUNT,
      until: afterNoon(8 * SECOND),
    })
  })
})

describe('a throttle', () => {
  const resetIn = (byMs: number) => ({ headers: { 'X-RateLimit-Reset': String(afterNoon(byMs)) } })

  it.each<readonly [...Row, message: string]>([
    ['without a wait', 429, undefined, { cause: 'throttled', scope: REQUEST }, 'Rate limited'],
    ['with an end', 429, resetIn(MINUTE), { scope: ACCOUNT, until: afterNoon(MINUTE) }, 'Rate limited'],
    [
      'of free models',
      429,
      resetIn(HOUR),
      { scope: OF_MODEL, until: afterNoon(HOUR) },
      'free-models-per-day',
    ],
    ['of free models, far away', 429, resetIn(DAY), { until: afterNoon(5 * HOUR) }, 'free-models-per-day'],
    ['of a provider behind it', 429, { provider_name: 'X' }, { scope: REQUEST }, 'Provider returned error'],
  ])('%s', (_what, code, metadata, expected, message) => {
    expect(failureOf('openrouter', { status: 429, body: error(code, message, metadata) })).toMatchObject(
      expected,
    )
  })

  it('of a provider behind it that names a wait concerns the model', () => {
    const recorded = { headers: { 'retry-after': '8' }, body: error(429, 'No.', { provider_name: 'X' }) }
    expect(failureOf('openrouter', recorded)).toMatchObject({ scope: OF_MODEL, until: afterNoon(8_000) })
    expect(failureOf('openrouter', { ...recorded, isSide: true })?.scope).toEqual(REQUEST)
  })
})

describe('a number', () => {
  it.each<[what: string, status: number, code: unknown, cause: Failure['cause'] | undefined]>([
    ['is the status where that was lost in a stream', 500, '402', 'billing'],
    ['is the status behind a 200', 200, 502, 'server-error'],
    ['is the request’s own where it is a 400', 500, 400, undefined],
    ['is a wrong key where it is a 401', 500, 401, 'unauthorized'],
    ['is nothing where it is none', 503, 'server_error', 'server-error'],
  ])('%s', (_what, status, code, cause) => {
    expect(failureOf('openrouter', { status, body: error(code, 'No.') })?.cause).toBe(cause)
  })

  it('of a flagged request benches nobody', () => {
    const body = error(403, 'Flagged', { reasons: ['violence'], flagged_input: '…', provider_name: 'X' })
    expect(failureOf('openrouter', { status: 403, body })).toMatchObject({
      cause: 'forbidden',
      scope: REQUEST,
    })
    expect(failureOf('openrouter', { status: 403, body: error(403, 'No.') })?.scope).toEqual(OF_MODEL)
  })

  it.each<[what: string, body: unknown, status: number | undefined]>([
    ['an error', error(502, 'Provider down'), 502],
    ['an error without a number', { error: { message: 'Broken' } }, 500],
    ['an answer', { type: 'message', content: [] }, undefined],
    ['an answer about errors', { type: 'message', content: [{ text: '"error"' }] }, undefined],
    ['an answer whose error is null', { type: 'message', error: null }, undefined],
  ])('behind a 200 is found in %s', (_what, body, status) => {
    expect(hiddenStatusOf('openrouter', body)).toBe(status)
  })
})

describe('its key', () => {
  const KEY = {
    label: 'sk-or-v1-ab…cd',
    limit: 100,
    limit_remaining: 74.5,
    limit_reset: 'monthly',
    usage: 25.5,
  }

  it.each<[what: string, change: object, expected: readonly Partial<Window>[]]>([
    ['as the wire reference shows it', {}, [{ utilization: 0.255, remaining: 74.5, status: 'allowed' }]],
    ['that is used up', { limit_remaining: 0 }, [{ utilization: 1, remaining: 0, status: 'rejected' }]],
    [
      'that is overdrawn',
      { limit_remaining: -2 },
      [{ utilization: 1.02, remaining: -2, status: 'rejected' }],
    ],
    ['without a limit', { limit: null, limit_remaining: null }, []],
    ['with a limit of which nothing more is said', { limit_remaining: null }, []],
  ])('%s', (_what, change, expected) => {
    const windows = windowsOf('openrouter', { body: { data: { ...KEY, ...change } } })
    const whole = expected.map((window) => ({ name: 'key', unit: 'USD', readAt: NOON, ...window }))
    expect(windows).toEqual(whole as readonly Window[] as Window[])
  })

  it('that is not there is not understood', () => {
    expect(usageOf('openrouter', { body: { data: {} } }).kind).toBe('later')
  })
})

function error(code: unknown, message: string, metadata?: object): object {
  return { error: { code, message, ...(metadata === undefined ? {} : { metadata }) } }
}
