/** When a token is renewed, and how it is shown to stand. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON, sampleAccount } from '../../test/support/samples.ts'
import { toSealedSecret } from './account.ts'
import type { LoginNeed } from './health.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from './time.ts'
import { isDueBeforeUse, renewalAt, tokenHealthOf } from './token.ts'

const REFRESH = toSealedSecret('v1.refresh')
const renewable = (leftMs: number) =>
  sampleAccount('max', { tokenExpiresAt: later(NOON, leftMs), refreshSecret: REFRESH })
const unrenewable = (leftMs: number) => sampleAccount('setup', { tokenExpiresAt: later(NOON, leftMs) })

describe('before its use a token is renewed', () => {
  it.each([
    [8 * HOUR, false],
    [MINUTE, false],
    [MINUTE - 1, true],
    [0, true],
    [-HOUR, true],
  ])('with %d ms left: %p', (leftMs, expected) => {
    expect(isDueBeforeUse(renewable(leftMs), NOON)).toBe(expected)
  })

  it('never, where it does not end by itself', () => {
    expect(isDueBeforeUse(sampleAccount('key'), NOON)).toBe(false)
  })

  it('not before two thirds of a short life are used', () => {
    expect(isDueBeforeUse(renewable(11 * SECOND), NOON, 30 * SECOND)).toBe(false)
    expect(isDueBeforeUse(renewable(9 * SECOND), NOON, 30 * SECOND)).toBe(true)
  })

  it('never in the very moment of its issue, however short it lives: that would be a loop', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: DAY }), (lifeMs) => {
        expect(isDueBeforeUse(renewable(lifeMs), NOON, lifeMs)).toBe(false)
        expect(renewalAt(renewable(lifeMs), 1, lifeMs) ?? NOON).toBeGreaterThan(NOON)
      }),
    )
  })

  it('at most three times in the life of a token of 30 s that is asked for all the time', () => {
    let renewals = 0
    let expiresAt = later(NOON, 30 * SECOND)
    for (let now = NOON; now < later(NOON, 10 * MINUTE); now = later(now, 100)) {
      const account = sampleAccount('short', { tokenExpiresAt: expiresAt, refreshSecret: REFRESH })
      if (!isDueBeforeUse(account, now, 30 * SECOND)) continue
      renewals++
      expiresAt = later(now, 30 * SECOND)
    }
    expect(renewals).toBeGreaterThanOrEqual(20)
    expect(renewals).toBeLessThanOrEqual(30)
  })
})

describe('in the background a token is renewed', () => {
  it.each([
    [0, 10 * MINUTE],
    [0.5, 11 * MINUTE],
    [1, 12 * MINUTE],
  ])(
    'ten minutes before its end, earlier by chance (%d), so that accounts do not come all at once',
    (chance, aheadMs) => {
      expect(renewalAt(renewable(8 * HOUR), chance, 8 * HOUR)).toBe(later(NOON, 8 * HOUR - aheadMs))
      expect(renewalAt(renewable(8 * HOUR), chance)).toBe(later(NOON, 8 * HOUR - aheadMs))
    },
  )

  it('in the last third of a short life', () => {
    expect(renewalAt(renewable(30 * SECOND), 1, 30 * SECOND)).toBe(later(NOON, 20 * SECOND))
  })

  it('never where nobody can renew it, or it does not end', () => {
    expect(renewalAt(unrenewable(HOUR), 0)).toBeUndefined()
    expect(renewalAt(sampleAccount('key', { refreshSecret: REFRESH }), 0)).toBeUndefined()
  })

  it('always before it would be too late for a request', () => {
    const lives = fc.integer({ min: 1, max: 30 * DAY })
    fc.assert(
      fc.property(lives, fc.double({ min: 0, max: 1, noNaN: true }), (lifeMs, chance) => {
        const at = renewalAt(renewable(lifeMs), chance, lifeMs) ?? NOON
        expect(isDueBeforeUse(renewable(lifeMs), later(at, -1), lifeMs)).toBe(false)
      }),
    )
  })
})

describe('a token that is renewed by itself', () => {
  it.each([
    ['healthy', 8 * HOUR, 'It ends in 8 h and is renewed by itself.'],
    ['healthy', 10 * MINUTE, 'It ends in 10 min and is renewed by itself.'],
    ['expiring', 10 * MINUTE - 1, 'It ends in 10 min and is renewed by itself.'],
    ['expiring', 5 * SECOND, 'It ends in 5 s and is renewed by itself.'],
    ['expired', 0, 'It ended at 2026-11-20T12:00:00.000Z and is renewed with the next request.'],
    ['expired', -HOUR, 'It ended at 2026-11-20T11:00:00.000Z and is renewed with the next request.'],
  ] as const)('is %s with %d ms left, and asks nothing of anybody', (status, leftMs, message) => {
    expect(tokenHealthOf(renewable(leftMs), WELL, NOON)).toEqual({
      status,
      expiresAt: later(NOON, leftMs),
      message,
      remedy: undefined,
    })
  })
})

describe('a token that cannot be renewed', () => {
  const remedy = 'Sign in again with "spillway accounts login setup".'

  it.each([
    ['healthy', 300 * DAY, 'It ends in 300 days, and it cannot be renewed.', undefined],
    ['healthy', 3 * DAY, 'It ends in 3 days, and it cannot be renewed.', undefined],
    ['expiring', 3 * DAY - 1, 'It ends in 3 days, and it cannot be renewed.', remedy],
    ['expired', -SECOND, 'It ended at 2026-11-20T11:59:59.000Z, and it cannot be renewed.', remedy],
  ] as const)('is %s with %d ms left, and is announced in time', (status, leftMs, message, wanted) => {
    const expected = { status, expiresAt: later(NOON, leftMs), message, remedy: wanted }
    expect(tokenHealthOf(unrenewable(leftMs), WELL, NOON)).toEqual(expected)
  })
})

describe('an account that needs a login', () => {
  const needs = (reason: string): { readonly login: LoginNeed } => ({ login: { since: NOON, reason } })

  it('says so whatever is left of its token, with the reason as a sentence', () => {
    for (const leftMs of [8 * HOUR, -HOUR])
      expect(
        tokenHealthOf(renewable(leftMs), needs('its refresh token was refused (invalid_grant)'), NOON),
      ).toEqual({
        status: 'needs-login',
        expiresAt: later(NOON, leftMs),
        message: 'Its refresh token was refused (invalid_grant).',
        remedy: 'Sign in again with "spillway accounts login max".',
      })
  })

  it('does not end its sentence twice', () => {
    expect(tokenHealthOf(renewable(HOUR), needs('It is over.'), NOON)?.message).toBe('It is over.')
  })
})

it('an API key has no token to speak of', () => {
  expect(tokenHealthOf(sampleAccount('key'), WELL, NOON)).toBeUndefined()
})

const WELL: { readonly login: undefined; readonly now?: Millis } = { login: undefined }
