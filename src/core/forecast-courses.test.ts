/** Courses: how it may go on, from how it went on past days. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { usageHistory } from '../../test/support/usage-history.ts'
import { type Course, coursesOf, hoursUntil, usedAfter } from './forecast-courses.ts'
import { type Growth, growthOf, levelsOf } from './forecast-growth.ts'
import { DAY, HOUR, later } from './time.ts'

const PLAN = { hoursToEnd: 5, hours: 48, isRunning: () => true }

describe('courses', () => {
  it('are three for each past day: of this hour, and of the ones beside it', () => {
    const { all } = coursesOf(growthOfWeeks(1), PLAN)
    expect(new Set(all.map(({ daysAgo }) => daysAgo)).size).toBe(28)
    expect(all.length).toBeWithin(80, 85)
    expect(all.every(({ path }) => path.length === 49)).toBe(true)
  })

  it('never fall', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (seed) => {
        for (const { path } of coursesOf(growthOfWeeks(seed), PLAN).all)
          expect([...path].every((used, hour) => used >= (path[hour - 1] ?? 0))).toBe(true)
      }),
      { numRuns: 5 },
    )
  })

  it('begin again with the errors of a day that is not known for as long as is asked', () => {
    // Only the last day was busy.
    const { all } = coursesOf(
      growthAt(10, (hour) => Math.max(0, hour - 9 * 24) * 0.02),
      { ...PLAN, hours: 100 },
    )
    const yesterday = all.find(({ daysAgo }) => daysAgo === 1)
    expect(yesterday?.path[100]).toBeGreaterThan(1)
  })

  it('weigh the same day of the week twice', () => {
    const weight = weightsOf(growthAt(28, (hour) => hour / 1_000))
    expect(weight(7) / weight(8)).toBeCloseTo(2, 1)
  })

  it('weigh a day less that is usually not alike', () => {
    // 2026-11-20 is a Friday: 8 days ago a Thursday, 6 days ago a Saturday.
    const weight = weightsOf(growthAt(28, officeHours))
    expect(weight(6)).toBeLessThan(weight(8) / 2)
  })

  it('weigh a day less on which the window had not begun at this hour', () => {
    const growth = growthOfWeeks(1)
    const since = later(NOON, -10 * DAY)
    const { all } = coursesOf(growth, { ...PLAN, isRunning: (at) => at > since })
    const [near, far] = [7, 14].map((days) => all.find(({ daysAgo }) => daysAgo === days)?.weight ?? 0)
    expect(far).toBeLessThan((near ?? 0) / 5)
  })
})

describe('a course', () => {
  const course: Course = { daysAgo: 1, weight: 1, path: Float64Array.from([0, 0.2, 0.2, 0.6]) }

  it('is read between its hours', () => {
    expect([0, 0.5, 1, 1.5, 2.5, 3, 99].map((hours) => usedAfter(course, hours))).toEqual([
      0, 0.1, 0.2, 0.2, 0.4, 0.6, 0.6,
    ])
  })

  it('tells when it has used up so much', () => {
    expect(hoursUntil(course, 0.1)).toBeCloseTo(0.5)
    expect(hoursUntil(course, 0.4)).toBeCloseTo(2.5)
    expect(hoursUntil(course, 0)).toBe(0)
    expect(hoursUntil(course, 0.7)).toBeUndefined()
  })
})

function weightsOf(growth: Growth): (daysAgo: number) => number {
  const { all } = coursesOf(growth, PLAN)
  return (daysAgo) => all.find((course) => course.daysAgo === daysAgo)?.weight ?? Number.NaN
}

/** What is used by an hour of four weeks up to a Friday noon: a tenth in each working hour, never begun anew. */
function officeHours(hour: number): number {
  let used = 0
  for (let each = 0; each < hour; each++) {
    const at = later(NOON, (each - 28 * 24) * HOUR)
    const isWeekend = [2, 3].includes(Math.floor(at / DAY) % 7)
    if (!isWeekend && at % DAY >= 8 * HOUR && at % DAY < 18 * HOUR) used += 0.1
  }
  return used
}

/** Hourly readings of so many days. */
function growthAt(days: number, used: (hour: number) => number): Growth {
  const levels = Array.from({ length: days * 24 + 1 }, (_, hour) => ({
    window: '7d',
    at: later(NOON, (hour - days * 24) * HOUR),
    utilization: used(hour),
    resetsAt: undefined,
    status: undefined,
  }))
  const growth = growthOf(levels, NOON)
  if (growth === undefined) throw new Error('There is no growth.')
  return growth
}

function growthOfWeeks(seed: number) {
  const readings = usageHistory({ seed, until: NOON, days: 30 })
  const growth = growthOf(levelsOf(readings, NOON).get('7d') ?? [], NOON)
  if (growth === undefined) throw new Error('There is no growth.')
  expect(growth.until - growth.since).toBeGreaterThan(29 * DAY - HOUR)
  return growth
}
