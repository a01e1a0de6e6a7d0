/** Paces: the present one weighs what happened last, the usual one knows the hour of the week. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { usageHistory } from '../../test/support/usage-history.ts'
import { growthOf, type Level, type Reading } from './forecast-growth.ts'
import { blended, pacesOf, presentPace, usualAt, usualPace } from './forecast-pace.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toMillis } from './time.ts'

/** 2026-11-20 is a Friday. */
const SUNDAY_NOON = later(NOON, 2 * DAY)

describe('the present pace', () => {
  it('of even use is that use', () => {
    expect(paceNow(steady({ perHour: 0.1, hours: 5 }))).toBeCloseTo(0.1)
  })

  it('weighs the last hour more than the two before', () => {
    const late = [at(-3, 0), at(-1, 0), at(0, 0.3)]
    const early = [at(-3, 0), at(-2, 0.3), at(0, 0.3)]
    expect(paceNow(late)).toBeGreaterThan(0.2)
    expect(paceNow(early)).toBeLessThan(0.05)
  })

  it('does not make a pace of two readings that are seconds apart', () => {
    expect(paceNow([at(-5 / 3_600, 0.1), at(0, 0.12)])).toBeLessThanOrEqual(0.08 + 1e-9)
  })

  it('falls when nothing is read any more: no news is no use', () => {
    const readings = steady({ perHour: 0.1, hours: 3 })
    const pace = (ms: number) => pacesOf(readings, later(NOON, ms)).get('5h') ?? Number.NaN
    expect(pace(10 * MINUTE)).toBeCloseTo(0.1)
    expect(pace(HOUR)).toBeLessThan(0.05)
    expect(pace(6 * HOUR)).toBeCloseTo(0)
  })

  it('goes on over a reset', () => {
    const resetsAt = later(NOON, -HOUR)
    const before = [-3, -2, -1.1].map((hour) => ({ ...at(hour, 0.9 + hour * 0.1), resetsAt }))
    const after = [-0.5, 0].map((hour) => ({
      ...at(hour, (hour + 1) * 0.1),
      resetsAt: later(resetsAt, 5 * HOUR),
    }))
    expect(paceNow([...before, ...after])).toBeCloseTo(0.1, 1)
  })
})

describe('the usual pace', () => {
  const usual = usualPace(growthFrom(officeWeeks()))

  it('knows the hours of work from the nights', () => {
    expect(usualAt(usual, NOON)).toBeGreaterThan(0.08)
    expect(usualAt(usual, NOON - 10 * HOUR)).toBeLessThan(0.01)
  })

  it('knows the days of work from the others', () => {
    expect(usualAt(usual, SUNDAY_NOON)).toBeLessThan(usualAt(usual, NOON) / 4)
  })

  it('takes over from the present one as time goes on', () => {
    const ahead = (hours: number) => blended(0.5, usual, { from: NOON, ahead: hours })
    expect(ahead(0)).toBeGreaterThan(0.3)
    expect(ahead(20)).toBeCloseTo(usualAt(usual, NOON + 20 * HOUR), 2)
  })
})

describe('the paces of an account', () => {
  it('are those of its windows, without meters and without windows that were read once', () => {
    const readings = [
      ...steady({ perHour: 0.1, hours: 3 }),
      ...steady({ perHour: 0.01, hours: 3 }).map((each) => ({ ...each, window: '7d' })),
      ...steady({ perHour: 5, hours: 3 }).map((each) => ({ ...each, window: 'requests/min' })),
      { ...at(-1, 0.5), window: '30d' },
    ]
    const paces = pacesOf(readings, NOON)
    expect([...paces.keys()].sort()).toEqual(['5h', '7d'])
    expect(paces.get('7d')).toBeCloseTo(0.01)
  })

  it('with weeks of history lean towards what is usual', () => {
    const idleNow = officeWeeks().filter(({ at: moment }) => moment < NOON - 4 * HOUR)
    const last = { ...at(0, idleNow.at(-1)?.utilization ?? 0), resetsAt: idleNow.at(-1)?.resetsAt }
    expect(pacesOf([...idleNow, last], NOON).get('5h')).toBeGreaterThan(0.02)
  })

  it('are finite and never negative, whatever was read', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            hour: fc.double({ min: -200, max: 5, noNaN: true }),
            used: fc.oneof(fc.double({ min: 0, max: 3 }), fc.double()),
            reset: fc.option(fc.double({ min: -200, max: 200, noNaN: true }), { nil: undefined }),
          }),
        ),
        (list) => {
          const readings = list.map(({ hour, used, reset }) => ({
            ...at(hour, used),
            resetsAt: reset === undefined ? undefined : later(NOON, reset * HOUR),
          }))
          for (const pace of pacesOf(readings, NOON).values()) expect(pace).toBeWithin(-1e-9, 1_000)
        },
      ),
    )
  })

  it('are twice as high where twice as much was used', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (seed) => {
        const readings = usageHistory({ seed, until: NOON, days: 8 })
        const doubled = readings.map((each) => ({ ...each, utilization: 2 * (each.utilization ?? 0) }))
        for (const [window, pace] of pacesOf(readings, NOON))
          expect(pacesOf(doubled, NOON).get(window)).toBeCloseTo(2 * pace)
      }),
      { numRuns: 10 },
    )
  })
})

function paceNow(levels: readonly Level[]): number {
  return presentPace(growthFrom(levels), NOON)
}

function growthFrom(levels: readonly Level[]) {
  const growth = growthOf(levels, NOON)
  if (growth === undefined) throw new Error('There is no growth.')
  return growth
}

function at(hour: number, utilization: number): Level {
  return { window: '5h', at: later(NOON, hour * HOUR), utilization, resetsAt: undefined, status: undefined }
}

function steady({ perHour, hours }: { readonly perHour: number; readonly hours: number }): readonly Level[] {
  return Array.from({ length: hours * 6 + 1 }, (_, index) => at(index / 6 - hours, (index / 6) * perHour))
}

/** Four weeks: a tenth of the window in each hour from 8 to 18 on weekdays; it begins anew at 6 every day. */
function officeWeeks(): readonly Level[] {
  const start = later(NOON, -28 * DAY)
  const levels: Level[] = []
  let used = 0
  for (let moment: Millis = start; moment <= NOON; moment = later(moment, 30 * MINUTE)) {
    const hour = (moment % DAY) / HOUR
    if (hour === 6) used = 0
    const isWorkday = ![2, 3].includes(Math.floor(moment / DAY) % 7)
    if (isWorkday && hour > 8 && hour <= 18) used += 0.05
    const resetsAt = toMillis((Math.floor((moment - 6 * HOUR) / DAY) + 1) * DAY + 6 * HOUR)
    levels.push({
      window: '5h',
      at: moment,
      utilization: used,
      resetsAt,
      status: undefined,
    } satisfies Reading)
  }
  return levels
}
