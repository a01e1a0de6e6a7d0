/** What a key has used: reserved when a request comes, put right when it ends, forgotten when its time is over. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON, sampleRow } from '../../test/support/samples.ts'
import type { BudgetPeriod } from './key-limits.ts'
import {
  afterArrival,
  afterEnd,
  afterRow,
  countedAt,
  type KeyUse,
  NO_USE,
  startOf,
  usedBy,
  usedIn,
} from './key-use.ts'
import { LAST_MINUTE, slotsOf, sumIn, type Use } from './sliding-use.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND, toIso, toMillis } from './time.ts'

const minuteOf = (use: KeyUse, now: Millis): Use => sumIn(use.lastMinute, LAST_MINUTE, now)
const used = (tokens: number, usd = 0, requests = 1): Use => ({ requests, tokens, usd })
const reservation = (tokens: number, usd = 0, at: Millis = NOON) => ({ at, tokens, usd })
const at = (iso: string): Millis => toMillis(Date.parse(iso))

describe('a request that comes', () => {
  it('is counted at once, with what it is expected to use', () => {
    const use = afterArrival(afterArrival(NO_USE, reservation(100, 0.5)), reservation(50, 0.25))
    expect(use).toMatchObject({ inFlight: 2, reserved: { tokens: 150, usd: 0.75 } })
    expect(minuteOf(use, NOON)).toMatchObject({ requests: 2, tokens: 150 })
    expect(usedIn(use, 'day', NOON)).toMatchObject({ requests: 0, tokens: 0, usd: 0 })
  })

  it('counts what it has used when it is over, in the place of what was expected', () => {
    const arrived = afterArrival(NO_USE, reservation(100, 0.5))
    const use = afterEnd(arrived, reservation(100, 0.5), used(30, 0.1), later(NOON, 5 * SECOND))
    expect(use).toMatchObject({ inFlight: 0, reserved: { tokens: 0, usd: 0 } })
    expect(minuteOf(use, later(NOON, 5 * SECOND))).toMatchObject({ requests: 1, tokens: 30 })
  })

  it('that used more than was expected counts the rest when it ends', () => {
    const arrived = afterArrival(NO_USE, reservation(100))
    const end = later(NOON, 30 * SECOND)
    const use = afterEnd(arrived, reservation(100), used(500), end)
    expect(minuteOf(use, end).tokens).toBe(500)
    expect(minuteOf(use, later(NOON, 70 * SECOND)).tokens).toBe(400)
    expect(minuteOf(use, later(end, 62 * SECOND)).tokens).toBe(0)
  })

  it('that took longer than a minute takes nothing back that no longer counts', () => {
    const arrived = afterArrival(NO_USE, reservation(100))
    const next = afterArrival(arrived, reservation(7, 0, later(NOON, 3 * MINUTE)))
    const use = afterEnd(next, reservation(100), used(10), later(NOON, 3 * MINUTE))
    expect(minuteOf(use, later(NOON, 3 * MINUTE))).toMatchObject({ requests: 1, tokens: 7 })
  })

  it('that never reached an account was no request and used nothing', () => {
    const arrived = afterArrival(NO_USE, reservation(100))
    const use = afterEnd(arrived, reservation(100), used(0, 0, 0), NOON)
    expect(minuteOf(use, NOON)).toMatchObject({ requests: 0, tokens: 0 })
  })
})

describe('a row of the ledger', () => {
  it('is a request where an account was asked; its tokens are all but reads from caches', () => {
    const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 100, cacheWrite5mTokens: 4 }
    expect(usedBy(sampleRow(1, { usage: { ...usage, cacheWrite1hTokens: 8 } }))).toEqual(used(15, 0.25))
    const refused = { attempts: [], usage: { inputTokens: 0, outputTokens: 0 }, costUsd: undefined }
    expect(usedBy(sampleRow(1, refused))).toEqual(used(0, 0, 0))
  })

  it('counts when its request ended', () =>
    expect(countedAt(sampleRow(0, { durationMs: 90 * SECOND }))).toBe(later(NOON, 90 * SECOND)))

  it.each<[BudgetPeriod, string, string, boolean]>([
    ['day', '2026-11-20T00:00:00Z', '2026-11-20T23:59:59.999Z', true],
    ['day', '2026-11-20T23:59:59.999Z', '2026-11-21T00:00:00Z', false],
    ['week', '2026-11-16T00:00:00Z', '2026-11-22T23:59:59.999Z', true],
    ['week', '2026-11-22T23:59:59.999Z', '2026-11-23T00:00:00Z', false],
    ['month', '2026-11-01T00:00:00Z', '2026-11-30T23:59:59.999Z', true],
    ['month', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00Z', false],
    ['5h', '2026-11-20T00:00:00Z', '2026-11-20T05:04:59.999Z', true],
    ['5h', '2026-11-20T00:00:00Z', '2026-11-20T05:05:00Z', false],
    ['5h', '2026-11-20T00:04:59Z', '2026-11-20T05:05:00Z', false],
  ])('in its %s: what was used at %s counts at %s: %p', (period, then, now, isCounted) => {
    const use = afterRow(NO_USE, used(10, 1), at(then))
    expect(usedIn(use, period, at(now)).tokens).toBe(isCounted ? 10 : 0)
  })

  it('begins a period anew, and does not bring the last one back', () => {
    const use = afterRow(afterRow(NO_USE, used(10), NOON), used(3), later(NOON, DAY))
    expect(usedIn(use, 'day', later(NOON, DAY)).tokens).toBe(3)
    expect(usedIn(use, 'month', later(NOON, DAY)).tokens).toBe(13)
  })
})

it('weeks begin on Monday, months on their first, whatever the year', () => {
  fc.assert(
    fc.property(fc.integer({ min: DAY * 5, max: 4_000 * 365 * DAY }), (moment) => {
      const now = toMillis(moment)
      const [week, month] = [startOf('week', now), startOf('month', now)]
      expect([new Date(week).getUTCDay(), now - week < 7 * DAY, week <= now]).toEqual([1, true, true])
      expect(toIso(month)).toEndWith('-01T00:00:00.000Z')
      expect([month <= now, new Date(month).getUTCMonth()]).toEqual([true, new Date(now).getUTCMonth()])
    }),
  )
})

/** Requests that come, end and are booked, with the time that passes between: backwards too. */
const arbitraryLife = fc.array(
  fc.record({
    passes: fc.oneof(
      fc.integer({ min: 0, max: 3 * SECOND }),
      fc.integer({ min: 0, max: 30 * HOUR }),
      fc.integer({ min: -40 * DAY, max: 0 }),
    ),
    expected: fc.nat(1_000),
    used: fc.nat(2_000),
    ends: fc.boolean(),
  }),
  { maxLength: 60 },
)

describe('whatever comes', () => {
  it('no count is ever negative, nothing stays reserved, and no list grows without end', () => {
    fc.assert(
      fc.property(arbitraryLife, (life) => {
        let now = NOON
        let use = NO_USE
        const open: { at: Millis; tokens: number; usd: number }[] = []
        for (const { passes, expected, used: tokens, ends } of life) {
          now = later(now, passes)
          const taken = reservation(expected, expected / 7, now)
          open.push(taken)
          use = afterArrival(use, taken)
          const over = ends ? open.shift() : undefined
          if (over !== undefined) {
            const amounts = used(tokens, tokens / 9, tokens % 2)
            use = afterRow(afterEnd(use, over, amounts, now), amounts, now)
          }
          expect(isSound(use, now)).toBe(true)
          expect(use.inFlight).toBe(open.length)
        }
        for (const over of open) use = afterEnd(use, over, used(1), now)
        expect([use.inFlight, use.reserved]).toEqual([0, { tokens: 0, usd: 0 }])
      }),
    )
  })

  it('what was counted by a clock that was put back since locks nobody out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 6 * HOUR, max: 4_000 * DAY }), (ahead) => {
        const future = later(NOON, ahead)
        const arrived = afterArrival(NO_USE, reservation(10, 1, future))
        const over = afterRow(
          afterEnd(arrived, reservation(10, 1, future), used(10, 1), future),
          used(10, 1),
          future,
        )
        for (const period of ['5h', 'day', 'week', 'month'] as const) {
          const isSame = period !== '5h' && startOf(period, future) === startOf(period, NOON)
          expect(usedIn(over, period, NOON).tokens).toBe(isSame ? 10 : 0)
        }
        const next = afterRow(afterArrival(over, reservation(3)), used(3), NOON)
        expect([slotsOf(next.lastMinute).length, slotsOf(next.fiveHours).length]).toEqual([1, 1])
        expect([minuteOf(next, NOON).tokens, usedIn(next, '5h', NOON).tokens]).toEqual([3, 3])
      }),
    )
  })
})

function isSound(use: KeyUse, now: Millis): boolean {
  const sums = [
    use.reserved,
    minuteOf(use, now),
    ...(['5h', 'day', 'week', 'month'] as const).map((period) => usedIn(use, period, now)),
  ]
  const isPositive =
    sums.every(({ tokens, usd }) => tokens >= 0 && usd >= 0) && minuteOf(use, now).requests >= 0
  return isPositive && slotsOf(use.lastMinute).length <= 125 && slotsOf(use.fiveHours).length <= 125
}
