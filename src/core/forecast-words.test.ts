/** The sentence for people, word by word. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../test/support/samples.ts'
import type { PoolForecast } from './forecast.ts'
import { momentWords, sentenceOf } from './forecast-words.ts'
import { DAY, HOUR, later, MINUTE } from './time.ts'

describe('the sentence', () => {
  it('says until when the pool is safe, who is usable and what is tightest', () => {
    expect(sentenceOf(pool({ outlook: safeUntil(21) }), 0)).toBe(
      'Safe until tomorrow 09:00 · 4 of 6 accounts usable · tightest: 7d on work-2',
    )
  })

  it('says how far was looked where nothing is in sight', () => {
    expect(sentenceOf(pool({ outlook: safeUntil(undefined) }), 0)).toStartWith('Safe for the next 7 days · ')
  })

  it.each([
    [{ kind: 'open-ended', accounts: ['key'] }, 'Safe: key has no windows · '],
    [{ kind: 'open-ended', accounts: ['a', 'b'] }, 'Safe: a, b have no windows · '],
    [{ kind: 'out', until: later(NOON, 2 * HOUR) }, 'No account is usable until today 14:00 · '],
    [{ kind: 'out', until: undefined }, 'No account is usable · '],
    [{ kind: 'unknown', reason: 'no account can be counted on' }, 'Not known: a: it is paused · '],
  ] as const)('begins in each case with what matters: %j', (outlook, beginning) => {
    const uncounted = [{ account: 'a', reason: 'it is paused' }]
    expect(sentenceOf(pool({ outlook, uncounted }), 0)).toStartWith(beginning)
  })

  it('counts one account as one', () => {
    expect(sentenceOf(pool({ usable: 1, total: 1 }), 0)).toContain(' · 1 of 1 account usable · ')
  })

  it('without accounts says so', () => {
    expect(sentenceOf(pool({ total: 0 }), 0)).toBe('There are no accounts yet.')
  })
})

describe('a moment', () => {
  it.each([
    [0, 'today 12:00'],
    [11.999 * HOUR, 'today 23:59'],
    [12 * HOUR, 'tomorrow 00:00'],
    [2 * DAY, 'Sun 12:00'],
    [6 * DAY, 'Thu 12:00'],
    [7 * DAY, '2026-11-27 12:00'],
    [-DAY, 'yesterday 12:00'],
  ])('%d ms from now is %s', (ms, words) => {
    expect(momentWords(later(NOON, ms), NOON, 0)).toBe(words)
  })

  it('is that of a clock beside the reader, and of UTC otherwise', () => {
    expect(momentWords(later(NOON, 11 * HOUR), NOON, 120)).toBe('tomorrow 01:00')
    expect(momentWords(later(NOON, MINUTE), NOON, -12 * 60 - 30)).toBe('today 23:31')
    expect(momentWords(NOON, NOON, undefined)).toBe('today 12:00 UTC')
  })
})

const safeUntil = (hours: number | undefined): PoolForecast['outlook'] => ({
  kind: 'forecast',
  probability: 0.4,
  lookedUntil: later(NOON, 7 * DAY),
  outAt: {
    low: hours === undefined ? undefined : later(NOON, hours * HOUR),
    mid: undefined,
    high: undefined,
  },
})

const pool = (fields: Partial<PoolForecast>): PoolForecast => ({
  computedAt: NOON,
  usable: 4,
  total: 6,
  outlook: safeUntil(undefined),
  tightest: { account: 'work-2', window: '7d', probability: 0.4 },
  uncounted: [],
  ...fields,
})
