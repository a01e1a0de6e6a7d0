/** What readings of windows mean for routing. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import type { Window } from './limits.ts'
import { DAY, HOUR, later, MINUTE } from './time.ts'
import { headroomOf, isMetering, lengthOf, spareOf, tightestOf, UNKNOWN_HEADROOM, UNUSED } from './window.ts'

describe('a window’s name', () => {
  it.each([
    ['5h', 5 * HOUR],
    ['7d', 7 * DAY],
    ['7d_opus', 7 * DAY],
    ['requests/min', undefined],
    ['balance', undefined],
  ])('%s is of %p milliseconds', (name, length) => {
    expect(lengthOf(name)).toBe(length)
  })

  it.each([
    ['5h', 'claude-opus-5-5', true],
    ['7d_opus', 'claude-opus-5-5', true],
    ['7d_opus', 'claude-sonnet-5-5', false],
    ['7d_opus', undefined, false],
    ['tokens/min', 'claude-opus-5-5', false],
  ])('%s meters requests for %p: %p', (name, model, is) => {
    expect(isMetering(name, model)).toBe(is)
  })
})

describe('what a window has to spare', () => {
  it('is one at an even pace, more where quota would go to waste, less where it is scarce', () => {
    expect(spareOf(fiveHours(0.5, 2.5 * HOUR), NOON)).toBeCloseTo(1)
    expect(spareOf(fiveHours(0.5, 30 * MINUTE), NOON)).toBeCloseTo(5)
    expect(spareOf(fiveHours(0.9, 4 * HOUR), NOON)).toBeCloseTo(0.125)
  })

  it('is not known of a window that has ended, has no reading, or is a meter of a minute', () => {
    expect(spareOf(fiveHours(0.5, 0), NOON)).toBeUndefined()
    expect(spareOf({ name: '5h', readAt: NOON }, NOON)).toBeUndefined()
    expect(spareOf({ ...fiveHours(0.5, HOUR), name: 'tokens/min' }, NOON)).toBeUndefined()
  })

  it('never falls by using less', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.integer({ min: 1, max: 5 * HOUR }),
        (a, b, left) => {
          const [less, more] = [Math.min(a, b), Math.max(a, b)]
          expect(spareOf(fiveHours(less, left), NOON) ?? 0).toBeGreaterThanOrEqual(
            spareOf(fiveHours(more, left), NOON) ?? 0,
          )
        },
      ),
    )
  })
})

describe('the room that an account has', () => {
  const use = (tokensAnHour: number) => ({ ...UNUSED, tokensAnHour, worth: new Map([['5h', 1_000_000]]) })

  it('is what it has to spare, less what its conversations are about to take', () => {
    const half = [fiveHours(0.5, 2.5 * HOUR)]
    expect(headroomOf(half, NOON).room).toBeCloseTo(1)
    expect(headroomOf(half, NOON, use(600_000)).room).toBeLessThan(0.7)
    expect(headroomOf(half, NOON, use(600_000)).spare).toBeCloseTo(1)
  })

  it('is none where they alone would spend a window', () => {
    expect(headroomOf([fiveHours(0.9, 2.5 * HOUR)], NOON, use(600_000)).room).toBe(0)
  })

  it('is not made smaller by a week that is at an even pace, but by one that is ahead of it', () => {
    const nearEnd = fiveHours(0.2, 30 * MINUTE)
    const even = headroomOf([nearEnd, week(0.5, 3.5 * DAY)], NOON)
    expect(even.room).toBeGreaterThan(5)
    expect(even.spare).toBeCloseTo(1)
    expect(headroomOf([nearEnd, week(0.8, 3.5 * DAY)], NOON).room).toBeLessThan(0.5)
  })

  it('is told apart by families', () => {
    const opus = { ...week(0.9, 3.5 * DAY), name: '7d_opus' }
    expect(headroomOf([opus], NOON).familyRooms?.get('opus')).toBeLessThan(0.3)
    expect(headroomOf([opus], NOON).room).toBe(1)
  })
})

describe('an account’s windows together', () => {
  it('have the least of them to spare, families apart', () => {
    const opus = { ...fiveHours(0.9, DAY), name: '7d_opus' }
    const headroom = headroomOf([fiveHours(0.5, 2.5 * HOUR), week(0.8, 3.5 * DAY), opus], NOON)
    expect(headroom.spare).toBeCloseTo(0.4, 1)
    expect(headroom.families?.get('opus')).toBeCloseTo(0.7, 1)
  })

  it('are alike where they are about equally well off', () => {
    const spare = (utilization: number) => headroomOf([fiveHours(utilization, 2.5 * HOUR)], NOON).spare
    expect(spare(0.5)).toBe(spare(0.53))
    expect(spare(0.5)).toBeGreaterThan(spare(0.65))
  })

  it('say nothing where nothing is known', () => {
    expect(headroomOf([], NOON)).toEqual(UNKNOWN_HEADROOM)
  })

  it('are as tight as the tightest that still runs', () => {
    expect(tightestOf([fiveHours(0.4, HOUR), week(0.7, DAY), fiveHours(0.99, -1)], NOON)).toBe(0.7)
  })

  it('last until the first is spent at its pace, or for good where each begins anew before', () => {
    const windows = [fiveHours(0.5, 4 * HOUR), week(0.9, 6 * DAY)]
    const fast = new Map([
      ['5h', 0.25],
      ['7d', 0.02],
    ])
    expect(headroomOf(windows, NOON, { ...UNUSED, paces: fast }).runwayHours).toBeCloseTo(2)
    const slow = new Map([
      ['5h', 0.1],
      ['7d', 0.0001],
    ])
    expect(headroomOf(windows, NOON, { ...UNUSED, paces: slow }).runwayHours).toBe(Number.POSITIVE_INFINITY)
  })

  it('begin anew with the first that still has something in it', () => {
    expect(headroomOf([fiveHours(1, HOUR), week(0.5, DAY)], NOON).expiresAt).toBe(later(NOON, DAY))
  })
})

const fiveHours = (utilization: number, leftMs: number): Window => ({
  name: '5h',
  utilization,
  resetsAt: later(NOON, leftMs),
  readAt: NOON,
})

const week = (utilization: number, leftMs: number): Window => ({
  ...fiveHours(utilization, leftMs),
  name: '7d',
})
