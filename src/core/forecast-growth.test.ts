/** Growth: what readings say was used up, across resets, gaps and nonsense. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { coveredHours, grown, growthOf, type Level, levelsOf, type Reading } from './forecast-growth.ts'
import { DAY, HOUR, later, MINUTE, toMillis } from './time.ts'

const MORNING = later(NOON, -4 * HOUR)

describe('readings', () => {
  it('are put in order, window by window, one a moment', () => {
    const found = levelsOf(
      [level(2, 0.2), level(1, 0.1), level(2, 0.3), level(1, 0.5, { window: '7d' })],
      NOON,
    )
    expect(found.get('5h')?.map(({ utilization }) => utilization)).toEqual([0.1, 0.3])
    expect(found.get('7d')).toHaveLength(1)
  })

  it('keep no end that is years away', () => {
    const far = { ...level(1, 0.1), resetsAt: toMillis(1e300) }
    expect(levelsOf([far], NOON).get('5h')?.[0]?.resetsAt).toBeUndefined()
  })

  it('of meters that refill within a minute, of the future and without a number are left out', () => {
    const nonsense = [
      level(1, 0.1, { window: 'requests/min' }),
      level(5, 0.1),
      level(1, Number.NaN),
      level(1, -1),
      { ...level(1, 0), utilization: undefined },
      { ...level(1, 0.5), at: toMillis(Number.NaN) },
    ]
    expect([...levelsOf(nonsense, NOON)]).toEqual([])
  })
})

describe('growth', () => {
  it('is the difference between two readings of one window, evenly over the time between', () => {
    const growth = growthFrom([level(0, 0.1), level(2, 0.5)])
    expect(grown(growth, MORNING, later(MORNING, 2 * HOUR))).toBeCloseTo(0.4)
    expect(grown(growth, MORNING, later(MORNING, HOUR))).toBeCloseTo(0.2)
    expect(grown(growth, later(MORNING, 2 * HOUR), NOON)).toBe(0)
  })

  it('after a reset is counted from 0, and from the reset on', () => {
    const growth = growthFrom([
      level(0, 0.9, { resetsInHours: 1 }),
      level(2, 0.2, { resetsInHours: 6 }),
      level(4, 0.3, { resetsInHours: 6 }),
    ])
    expect(grown(growth, MORNING, later(MORNING, HOUR))).toBe(0)
    expect(grown(growth, later(MORNING, HOUR), later(MORNING, 2 * HOUR))).toBeCloseTo(0.2)
    expect(grown(growth, MORNING, NOON)).toBeCloseTo(0.3)
  })

  it('after a reset that nobody named is seen by the fall', () => {
    expect(grown(growthFrom([level(0, 0.9), level(1, 0.1)]), MORNING, NOON)).toBeCloseTo(0.1)
  })

  it('does not take a sliding window’s slow fall for a reset', () => {
    const sliding = [0.5, 0.48, 0.47].map((used, hour) => level(hour, used, { resetsInHours: hour + 5 }))
    expect(grown(growthFrom(sliding), MORNING, NOON)).toBe(0)
  })

  it('does not take an end that moves while it is still to come for a reset', () => {
    const moving = [0.1, 0.2, 0.3].map((used, hour) => level(hour, used, { resetsInHours: hour + 5 }))
    expect(grown(growthFrom(moving), MORNING, NOON)).toBeCloseTo(0.2)
  })

  it('does not take the late word of a window that has just ended for a new one', () => {
    const late = [level(0, 0.6, { resetsInHours: 1 }), level(1, 0.6, { resetsInHours: 1 })]
    expect(grown(growthFrom(late), MORNING, NOON)).toBe(0)
  })

  it('covers the time that was read, not the end of a window that nobody saw', () => {
    const growth = growthFrom([level(0, 0.2, { resetsInHours: 1 }), level(3, 0.1, { resetsInHours: 6 })])
    expect(coveredHours(growth, MORNING, later(MORNING, HOUR))).toBe(0)
    expect(coveredHours(growth, MORNING, NOON)).toBeCloseTo(2)
  })

  it('knows nothing of a silence of weeks', () => {
    const growth = growthFrom([level(-24 * 20, 0.2), level(0, 0.7)])
    expect(grown(growth, later(NOON, -30 * DAY), NOON)).toBe(0)
    expect(coveredHours(growth, later(NOON, -30 * DAY), NOON)).toBe(0)
  })

  it('is undefined where there is no time between two readings', () => {
    expect(growthOf([], NOON)).toBeUndefined()
    expect(growthOf([level(4, 0.5)], NOON)).toBeUndefined()
  })

  it('is never negative and never thrown over, whatever was read', () => {
    fc.assert(
      fc.property(fc.array(anyReading, { maxLength: 60 }), (readings) => {
        for (const levels of levelsOf(readings, NOON).values()) {
          const growth = growthOf(levels, NOON)
          if (growth === undefined) continue
          for (let hour = 0; hour < 48; hour++)
            expect(
              grown(growth, later(NOON, (hour - 48) * HOUR), later(NOON, (hour - 47) * HOUR)),
            ).toBeWithin(-1e-9, Number.POSITIVE_INFINITY)
        }
      }),
    )
  })

  it('adds up to what was read, in whatever pieces it is asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 2, maxLength: 30 }), (minutes) => {
        let at = 0
        const levels = minutes.map((each, index) => {
          at += each
          return { ...level(0, index / 100), at: later(NOON, at * MINUTE - 20 * DAY) }
        })
        const growth = growthFrom(levels)
        let sum = 0
        for (let piece = 0; piece < 21 * 48; piece++)
          sum += grown(
            growth,
            NOON + (piece / 2) * HOUR - 21 * DAY,
            NOON + ((piece + 1) / 2) * HOUR - 21 * DAY,
          )
        expect(sum).toBeCloseTo((minutes.length - 1) / 100)
      }),
    )
  })
})

const anyReading: fc.Arbitrary<Reading> = fc.record({
  window: fc.constantFrom('5h', '7d', '', 'x/min'),
  at: fc.oneof(
    fc.integer({ min: -100, max: 4 }).map((hours) => later(NOON, hours * HOUR)),
    fc.double().map(toRaw),
  ),
  utilization: fc.option(fc.double(), { nil: undefined }),
  resetsAt: fc.option(fc.double().map(toRaw), { nil: undefined }),
  status: fc.option(fc.string(), { nil: undefined }),
})

function toRaw(value: number) {
  return toMillis(value)
}

function growthFrom(levels: readonly Level[]) {
  const growth = growthOf(levels, NOON)
  if (growth === undefined) throw new Error('There is no growth.')
  return growth
}

interface Fields {
  readonly window?: string
  readonly resetsInHours?: number
}

/** A reading so many hours into the morning. */
function level(hour: number, utilization: number, { window = '5h', resetsInHours }: Fields = {}): Level {
  return {
    window,
    at: later(MORNING, hour * HOUR),
    utilization,
    resetsAt: resetsInHours === undefined ? undefined : later(MORNING, resetsInHours * HOUR),
    status: undefined,
  }
}
