/** What becomes of one window: ranges in order, probabilities that follow the use, reasons where nothing is known. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { usageHistory } from '../../test/support/usage-history.ts'
import { type Level, levelsOf, type Reading } from './forecast-growth.ts'
import { forecastWindow, type Outlook, type WindowForecast } from './forecast-window.ts'
import { HOUR, later, MINUTE, toMillis } from './time.ts'

describe('a window', () => {
  it('that is used up steadily and faster than it can bear runs out, at about the moment that the pace says', () => {
    const { outlook } = forecastOf(steady({ perHour: 0.01, used: 0.8, resetsInHours: 72 }))
    if (outlook.kind !== 'runs-out') throw new Error(`It is ${outlook.kind}.`)
    expect(outlook.probability).toBe(1)
    expect(((outlook.spentAt.mid ?? 0) - NOON) / HOUR).toBeWithin(18, 22)
    expect(outlook.atReset.mid).toBe(1)
  })

  it('whose reset comes before it is spent lasts until then', () => {
    const { outlook } = forecastOf(steady({ perHour: 0.01, used: 0.5, resetsInHours: 10 }))
    if (outlook.kind !== 'lasts') throw new Error(`It is ${outlook.kind}.`)
    expect([outlook.probability, outlook.spentAt.mid]).toEqual([0, undefined])
    expect(outlook.atReset.mid).toBeCloseTo(0.6)
  })

  it.each([
    ['used up', { used: 1, status: 'allowed' }],
    ['refused', { used: 0.99, status: 'rejected' }],
  ])('that is %s is spent, also where nothing else is known', (_what, { used, status }) => {
    const level = { ...reading(0, used), resetsAt: later(NOON, HOUR), status }
    expect(forecastWindow([level], level, NOON).forecast.outlook).toEqual({ kind: 'spent' })
  })

  it('that has begun anew since it was read is unknown, not empty', () => {
    const levels = steady({ perHour: 0.01, used: 0.5, resetsInHours: 10 })
    const { utilization, resetsAt, outlook } = forecastOf(levels, later(NOON, 12 * HOUR))
    expect([utilization, resetsAt]).toEqual([undefined, undefined])
    expect(outlook).toEqual({
      kind: 'unknown',
      reason: 'it has begun anew 2 h ago and was not read since',
    })
  })

  it.each([
    ['read once', [reading(0, 0.5)], 'it has been read only once so far'],
    [
      'read for hours',
      [reading(-5, 0.1), reading(0, 0.5)],
      'it has been read for 5 h so far, and a forecast needs 3 days',
    ],
    [
      'read for days, with gaps',
      [reading(-24 * 9, 0.1), reading(-1, 0.4), reading(0, 0.5)],
      'its readings cover 1 h so far, and a forecast needs 24 h',
    ],
  ])('that was %s says what is missing', (_what, levels, reason) => {
    expect(forecastOf(levels).outlook).toEqual({ kind: 'unknown', reason })
  })

  it('without an end of its own is looked at for as long as its name says', () => {
    const levels = steady({ perHour: 0.01, used: 0.9 }).map((level) => ({ ...level, window: '5h' }))
    expect(forecastOf(levels).outlook.kind).toBe('lasts')
    expect(forecastOf(steady({ perHour: 0.01, used: 0.9 })).outlook.kind).toBe('runs-out')
  })
})

describe('whatever the history', () => {
  it('the range is in order and the probability between 0 and 1', () => {
    inManyHistories((readings) => {
      for (const { outlook } of forecastsOf(readings)) {
        if (outlook.kind !== 'lasts' && outlook.kind !== 'runs-out') continue
        const { probability, spentAt, atReset } = outlook
        expect(probability).toBeWithin(0, 1 + Number.EPSILON)
        expect(outlook.kind === 'runs-out').toBe(spentAt.mid !== undefined)
        expect(lateness(spentAt.low)).toBeLessThanOrEqual(lateness(spentAt.mid))
        expect(lateness(spentAt.mid)).toBeLessThanOrEqual(lateness(spentAt.high))
        expect(spentAt.low ?? NOON).toBeGreaterThanOrEqual(NOON)
        expect(atReset.low).toBeLessThanOrEqual(atReset.mid)
        expect(atReset.mid).toBeLessThanOrEqual(atReset.high)
      }
    })
  })

  it('more burn never makes it last longer', () => {
    inManyHistories((readings, factor) => {
      const more = forecastsOf(scaled(readings, factor))
      for (const [index, { outlook }] of forecastsOf(readings).entries())
        expectNoLater(more[index]?.outlook, outlook)
    })
  })

  it('more burn in the last hour never makes it last longer', () => {
    inManyHistories((readings, factor) => {
      const more = readings.map((each) =>
        each.at < NOON - HOUR ? each : { ...each, utilization: (each.utilization ?? 0) + (factor - 1) / 4 },
      )
      const [before, after] = [forecastsOf(readings), forecastsOf(more)]
      for (const [index, { outlook }] of before.entries()) expectNoLater(after[index]?.outlook, outlook)
    })
  })

  it('garbage throws nothing, and gives no garbage back', () => {
    fc.assert(
      fc.property(fc.array(garbage, { minLength: 1, maxLength: 80 }), (readings) => {
        for (const { outlook } of forecastsOf(readings)) {
          if (outlook.kind !== 'lasts' && outlook.kind !== 'runs-out') continue
          expect(outlook.probability).toBeWithin(0, 1 + Number.EPSILON)
          for (const value of Object.values(outlook.atReset)) expect(Number.isFinite(value)).toBe(true)
        }
      }),
    )
  })
})

const garbage: fc.Arbitrary<Reading> = fc.record({
  window: fc.constantFrom('5h', '7d', 'x', '0h', '999d_x'),
  at: fc.integer({ min: -40 * 24, max: 24 }).map((hours) => later(NOON, hours * HOUR)),
  utilization: fc.option(fc.oneof(fc.double({ min: 0, max: 2 }), fc.double()), { nil: undefined }),
  resetsAt: fc.option(
    fc.oneof(
      fc.integer({ min: -2_000, max: 2_000 }).map((hours) => later(NOON, hours * HOUR)),
      fc.double().map((value) => toMillis(value)),
    ),
    { nil: undefined },
  ),
  status: fc.option(fc.string(), { nil: undefined }),
})

function inManyHistories(check: (readings: readonly Reading[], factor: number) => void): void {
  const plan = fc.record({
    seed: fc.integer({ min: 1, max: 100_000 }),
    days: fc.integer({ min: 2, max: 30 }),
    hours: fc.integer({ min: 0, max: 23 }),
    factor: fc.double({ min: 1, max: 3, noNaN: true }),
  })
  fc.assert(
    fc.property(plan, ({ seed, days, hours, factor }) => {
      const until = later(NOON, hours * HOUR)
      // Moved to end at noon, so that what is checked can speak of one present.
      const readings = usageHistory({ seed, until, days }).map((each) => ({
        ...each,
        at: later(each.at, NOON - until),
        resetsAt: each.resetsAt === undefined ? undefined : later(each.resetsAt, NOON - until),
      }))
      check(readings, factor)
    }),
    { numRuns: 25 },
  )
}

const scaled = (readings: readonly Reading[], factor: number): readonly Reading[] =>
  readings.map((each) => ({ ...each, utilization: factor * (each.utilization ?? 0) }))

/** Never is later than any moment. */
const lateness = (at: number | undefined): number => at ?? Number.POSITIVE_INFINITY

function expectNoLater(more: Outlook | undefined, less: Outlook): void {
  if (less.kind === 'spent') expect(more?.kind).toBe('spent')
  if (less.kind !== 'lasts' && less.kind !== 'runs-out') return
  if (more === undefined || more.kind === 'unknown') throw new Error('More use made it unknown.')
  if (more.kind === 'spent') return
  expect(more.probability).toBeGreaterThanOrEqual(less.probability - 1e-9)
  for (const end of ['low', 'mid', 'high'] as const)
    expect(lateness(more.spentAt[end])).toBeLessThanOrEqual(lateness(less.spentAt[end]) + MINUTE)
}

function forecastsOf(readings: readonly Reading[]): readonly WindowForecast[] {
  return [...levelsOf(readings, NOON).values()].map((levels) => forecastOf(levels))
}

function forecastOf(levels: readonly Level[], now = NOON): WindowForecast {
  const last = levels.at(-1)
  if (last === undefined) throw new Error('There is no reading.')
  return forecastWindow(levels, last, now).forecast
}

function reading(hour: number, utilization: number): Level {
  return { window: '7d', at: later(NOON, hour * HOUR), utilization, resetsAt: undefined, status: undefined }
}

interface Steady {
  readonly perHour: number
  /** By noon. */
  readonly used: number
  readonly resetsInHours?: number
}

/** What the windows before the present one had used when they began anew. */
const FULL = 0.9

/** Three weeks at one pace, day and night. */
function steady({ perHour, used, resetsInHours }: Steady): readonly Level[] {
  const end = resetsInHours === undefined ? undefined : later(NOON, resetsInHours * HOUR)
  return Array.from({ length: 21 * 24 + 1 }, (_, index) => {
    const hour = index - 21 * 24
    const whole = used + hour * perHour
    if (whole >= 0) return { ...reading(hour, whole), resetsAt: end }
    const ended = Math.floor(whole / FULL) + 1
    const resetsAt = later(NOON, ((ended * FULL - used) / perHour) * HOUR)
    return { ...reading(hour, whole - (ended - 1) * FULL), resetsAt }
  })
}
