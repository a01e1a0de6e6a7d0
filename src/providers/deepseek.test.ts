/** DeepSeek: statuses that mean what they say, and balances in one kind of money or two. */
import { describe, expect, it } from 'bun:test'
import {
  ACCOUNT,
  afterNoon,
  failureOf,
  NOON,
  OF_MODEL,
  REQUEST,
  usageOf,
  windowsOf,
} from '../../test/support/recorded.ts'
import type { Failure } from '../core/failure.ts'
import { MINUTE } from '../core/time.ts'

describe('a status', () => {
  it.each<[what: string, status: number, message: string, expected: Partial<Failure> | undefined]>([
    ['a wrong format', 400, 'Failed to deserialize', undefined],
    ['an unknown model', 400, 'Model Not Exist', { cause: 'model-not-found', scope: OF_MODEL }],
    ['a wrong key', 401, 'Authentication Fails', { cause: 'unauthorized', scope: ACCOUNT }],
    [
      'no balance',
      402,
      'Insufficient Balance',
      { cause: 'billing', scope: ACCOUNT, until: afterNoon(5 * MINUTE) },
    ],
    ['wrong parameters', 422, 'Invalid parameter', undefined],
    ['too many requests', 429, 'Too fast', { cause: 'request-refused', scope: REQUEST }],
    ['an error of its own', 500, 'Server error', { cause: 'server-error', scope: REQUEST }],
    ['an overload', 503, 'Server overloaded', { cause: 'overloaded', scope: REQUEST }],
  ])('for %s (%d)', (_what, status, message, expected) => {
    const body = { error: { message, type: 'invalid_request_error', param: null, code: 'x' } }
    const failure = failureOf('deepseek', { status, body })
    if (expected === undefined) expect(failure).toBeUndefined()
    else expect(failure).toMatchObject(expected)
  })
})

describe('its balance', () => {
  it('is read as the wire reference shows it', () => {
    expect(windowsOf('deepseek', { body: balances(true, ['USD', '110.00']) })).toEqual([
      { name: 'balance', remaining: 110, unit: 'USD', status: 'allowed', readAt: NOON },
    ])
  })

  it('is rejected where the provider says that it is too low', () => {
    expect(windowsOf('deepseek', { body: balances(false, ['USD', '0.01']) })).toMatchObject([
      { remaining: 0.01, status: 'rejected' },
    ])
  })

  it('in two kinds of money is the one that holds some, and the other beside it', () => {
    const body = balances(true, ['CNY', '0.00'], ['USD', '5.50'])
    expect(windowsOf('deepseek', { body })).toMatchObject([
      { name: 'balance_cny', remaining: 0, unit: 'CNY' },
      { name: 'balance', remaining: 5.5, unit: 'USD' },
    ])
  })

  it.each<[what: string, body: unknown]>([
    ['no list', { is_available: true }],
    ['an empty list', balances(true)],
    ['a word for a number', balances(true, ['USD', 'plenty'])],
  ])('is not understood with %s', (_what, body) => {
    expect(usageOf('deepseek', { body }).kind).toBe('later')
  })
})

function balances(is_available: boolean, ...all: readonly (readonly [string, string])[]): object {
  return {
    is_available,
    balance_infos: all.map(([currency, total_balance]) => ({
      currency,
      total_balance,
      granted_balance: '0',
    })),
  }
}
