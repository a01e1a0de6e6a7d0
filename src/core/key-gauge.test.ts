/** Whether a key's request is let in, what keeps it out, and when that is over. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { excessName, excessOf, gaugesOf, resetsAt, sentenceOf } from './key-gauge.ts'
import type { KeyLimits } from './key-limits.ts'
import { afterArrival, afterEnd, afterRow, type KeyUse, NO_USE } from './key-use.ts'
import type { Use } from './sliding-use.ts'
import { HOUR, later, MINUTE, type Millis, SECOND, toMillis } from './time.ts'

const used = (tokens: number, usd: number): Use => ({ requests: 1, tokens, usd })
const atNoon = (tokens: number, usd = 0) => ({ at: NOON, tokens, usd })
const spent = (tokens: number, usd: number, at: Millis = NOON, use: KeyUse = NO_USE): KeyUse =>
  afterRow(use, used(tokens, usd), at)
const iso = (text: string): Millis => toMillis(Date.parse(text))

const arrivals = (times: number, tokens = 0, usd = 0): KeyUse =>
  Array.from({ length: times }).reduce<KeyUse>((use) => afterArrival(use, atNoon(tokens, usd)), NO_USE)

describe('a request is let in', () => {
  it.each<[string, KeyLimits, KeyUse]>([
    ['without any limit', {}, arrivals(1_000, 1_000, 1_000)],
    ['below its requests a minute', { requestsPerMinute: 3 }, arrivals(2)],
    ['below its tokens a minute, however little is left', { tokensPerMinute: 100 }, arrivals(1, 99)],
    ['below its requests at once', { maxConcurrent: 3 }, arrivals(2)],
    ['below its budget', { budgets: [{ usd: 5, period: 'day' }] }, spent(0, 4.99)],
    ['though it asks for more than its whole budget', { budgets: [{ tokens: 1, period: 'month' }] }, NO_USE],
    [
      'in a period that has begun anew',
      { budgets: [{ usd: 5, period: 'day' }] },
      spent(0, 9, later(NOON, -13 * HOUR)),
    ],
  ])('%s', (_what, limits, use) => expect(excessOf(limits, use, NOON)).toBeUndefined())
})

describe('a request is kept out', () => {
  const day = iso('2026-11-21T00:00:00Z')
  it.each<[string, KeyLimits, KeyUse, string, Millis | undefined]>([
    [
      'by requests a minute',
      { requestsPerMinute: 3 },
      arrivals(3),
      'requests-per-minute',
      later(NOON, 62 * SECOND),
    ],
    [
      'by tokens a minute',
      { tokensPerMinute: 100 },
      arrivals(1, 100),
      'tokens-per-minute',
      later(NOON, 62 * SECOND),
    ],
    ['by requests at once', { maxConcurrent: 3 }, arrivals(3), 'max-concurrent', undefined],
    ['by money a day', { budgets: [{ usd: 5, period: 'day' }] }, spent(0, 5), 'budget-usd-day', day],
    [
      'by tokens a week',
      { budgets: [{ tokens: 9, period: 'week' }] },
      spent(9, 0),
      'budget-tokens-week',
      iso('2026-11-23T00:00:00Z'),
    ],
    [
      'by money a month',
      { budgets: [{ usd: 5, period: 'month' }] },
      spent(0, 6),
      'budget-usd-month',
      iso('2026-12-01T00:00:00Z'),
    ],
    [
      'by money in five hours',
      { budgets: [{ usd: 5, period: '5h' }] },
      spent(0, 5),
      'budget-usd-5h',
      later(NOON, 5 * HOUR + 5 * MINUTE),
    ],
    [
      'by what may still be used',
      { budgets: [{ usd: 5, period: 'day' }] },
      arrivals(2, 0, 2.5),
      'budget-usd-day',
      undefined,
    ],
    [
      'by whatever keeps it out the longest',
      {
        requestsPerMinute: 1,
        maxConcurrent: 1,
        budgets: [
          { usd: 1, period: 'month' },
          { usd: 1, period: 'day' },
        ],
      },
      spent(0, 1, NOON, arrivals(1)),
      'budget-usd-month',
      iso('2026-12-01T00:00:00Z'),
    ],
  ])('%s, until it is let in again', (_what, limits, use, name, until) => {
    const excess = excessOf(limits, use, NOON)
    expect([excess && excessName(excess.gauge), excess?.until]).toEqual([name, until])
  })

  it('only until enough is out of the window: the oldest goes first', () => {
    const early = spent(60, 0, later(NOON, -4 * HOUR))
    const use = spent(50, 0, NOON, early)
    const excess = excessOf({ budgets: [{ tokens: 100, period: '5h' }] }, use, NOON)
    expect(excess?.until).toBe(later(NOON, HOUR + 5 * MINUTE))
  })
})

describe('what the client reads', () => {
  const sentence = (limits: KeyLimits, use: KeyUse): string => {
    const excess = excessOf(limits, use, NOON)
    return excess === undefined ? '' : sentenceOf('ci', excess, NOON)
  }

  it.each<[KeyLimits, KeyUse, string]>([
    [
      { requestsPerMinute: 2 },
      arrivals(2),
      'The key "ci" has made its 2 requests of this minute. It is let in again at 2026-11-20T12:01:02.000Z (in 62 s).',
    ],
    [
      { tokensPerMinute: 10 },
      arrivals(2, 6),
      'The key "ci" has used its 10 tokens of this minute, with what its requests under way may use. It is let in again at 2026-11-20T12:01:02.000Z (in 62 s).',
    ],
    [
      { maxConcurrent: 2 },
      arrivals(2),
      'The key "ci" has 2 requests under way, and may have 2. Try again when one of its requests is over.',
    ],
    [
      { budgets: [{ usd: 5, period: 'day' }] },
      spent(0, 5.1),
      'The key "ci" has used up its budget of 5 USD a day (UTC). It is let in again at 2026-11-21T00:00:00.000Z (in 12 h).',
    ],
    [
      { budgets: [{ tokens: 10, period: '5h' }] },
      afterArrival(spent(4, 0), atNoon(7)),
      'The key "ci" has used 4 tokens of its budget of 10 tokens in 5 hours, and its requests under way may use the rest. Try again when one of its requests is over.',
    ],
  ])('names the key, the limit and the end of it: %j', (limits, use, words) =>
    expect(sentence(limits, use)).toBe(words),
  )
})

it('a limit resets when nothing of what was used counts any more', () => {
  const limits: KeyLimits = {
    requestsPerMinute: 9,
    maxConcurrent: 9,
    budgets: [
      { usd: 9, period: '5h' },
      { usd: 9, period: 'day' },
    ],
  }
  const use = spent(1, 1, later(NOON, -HOUR), arrivals(1))
  const ends = gaugesOf(limits, use, NOON).map((gauge) => resetsAt(gauge, use, NOON))
  expect(ends).toEqual([
    later(NOON, 62 * SECOND),
    undefined,
    later(NOON, 4 * HOUR + 5 * MINUTE),
    iso('2026-11-21T00:00:00Z'),
  ])
  const unused = gaugesOf(limits, NO_USE, NOON).map((gauge) => resetsAt(gauge, NO_USE, NOON))
  expect(unused).toEqual([undefined, undefined, undefined, iso('2026-11-21T00:00:00Z')])
})

const arbitraryLimits: fc.Arbitrary<KeyLimits> = fc.record(
  {
    requestsPerMinute: fc.integer({ min: 1, max: 20 }),
    tokensPerMinute: fc.integer({ min: 1, max: 2_000 }),
    budgets: fc.tuple(
      fc.record({
        tokens: fc.integer({ min: 1, max: 5_000 }),
        period: fc.constantFrom('5h', 'day', 'week', 'month'),
      }),
    ),
  },
  { requiredKeys: [] },
)
const arbitraryRequests = fc.array(
  fc.record({ passes: fc.nat(20 * SECOND), tokens: fc.nat(500), isParallel: fc.boolean() }),
  { minLength: 1, maxLength: 80 },
)

describe('whatever comes', () => {
  it('no limit is ever exceeded by more than the one request that was let in last', () => {
    fc.assert(
      fc.property(arbitraryLimits, arbitraryRequests, (limits, requests) => {
        let now = NOON
        let use = NO_USE
        const open: { at: Millis; tokens: number; usd: number }[] = []
        let largest = 0
        for (const { passes, tokens, isParallel } of requests) {
          now = later(now, passes)
          if (excessOf(limits, use, now) === undefined) {
            const reservation = { at: now, tokens, usd: 0 }
            use = afterArrival(use, reservation)
            open.push(reservation)
            largest = Math.max(largest, tokens)
          }
          while (!isParallel && open.length > 0) use = finish(use, open, now)
        }
        while (open.length > 0) use = finish(use, open, now)
        for (const { most, used: sum, unit } of gaugesOf(limits, use, now))
          expect(sum).toBeLessThanOrEqual(unit === 'requests' ? most : most + largest)
      }),
    )
  })

  it('who waits as long as it is told is let in', () => {
    fc.assert(
      fc.property(arbitraryLimits, arbitraryRequests, (limits, requests) => {
        let now = NOON
        let use = NO_USE
        for (const { passes, tokens } of requests) {
          now = later(now, passes)
          const excess = excessOf(limits, use, now)
          if (excess !== undefined) {
            expect(excess.until).toBeGreaterThan(now)
            expect(excessOf(limits, use, later(excess.until ?? now, -1))).toBeDefined()
            now = later(excess.until ?? now, 0)
            expect(excessOf(limits, use, now)).toBeUndefined()
          }
          const open = [{ at: now, tokens, usd: 0 }]
          use = finish(afterArrival(use, { at: now, tokens, usd: 0 }), open, now)
        }
      }),
    )
  })
})

/** The oldest is over, and used what it was expected to. */
function finish(use: KeyUse, open: { at: Millis; tokens: number; usd: number }[], now: Millis): KeyUse {
  const over = open.shift()
  if (over === undefined) return use
  const amounts = used(over.tokens, 0)
  return afterRow(afterEnd(use, over, amounts, now), amounts, now)
}
