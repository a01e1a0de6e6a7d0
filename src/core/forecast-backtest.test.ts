/**
 * Back-tests: honest about what was known then, and what came of it. The numbers that
 * docs/forecast.md publishes are made here, from made-up histories, and held to it.
 */
import { describe, expect, it } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { NOON } from '../../test/support/samples.ts'
import { usageHistory } from '../../test/support/usage-history.ts'
import { backtest, type Outcome, originsOf, outcomesAt, type Score, scoresOf } from './forecast-backtest.ts'
import type { Reading } from './forecast-growth.ts'
import { DAY, HOUR, later, type Millis } from './time.ts'

/** Not those that the method was fitted on. */
const SEEDS = [201, 202, 203, 204, 205, 206]
const LAST_DAYS = { from: later(NOON, -14 * DAY), to: NOON, everyMs: 3 * HOUR }

describe('a back-test', () => {
  it('forecasts with what was known then: what was read later changes no prediction', () => {
    const at = later(NOON, -2 * DAY)
    const readings = usageHistory({ seed: 3, until: NOON, days: 30 })
    const changed = readings.map((each) => (each.at <= at ? each : { ...each, utilization: 0.123 }))
    const predictions = (list: readonly Reading[]) =>
      outcomesAt(list, at).map(({ window, horizon, predicted, naive }) => ({
        window,
        horizon,
        predicted,
        naive,
      }))
    expect(predictions(readings).length).toBeGreaterThan(1)
    expect(predictions(changed)).toEqual(predictions(readings))
    expect(outcomesAt(changed, at).every(({ actual }) => Math.abs(actual - 0.123) < 0.3)).toBe(true)
  })

  it('compares with what was read at the moment in question, or near it on both sides', () => {
    const { oneHour, reset } = compared([
      [-1, 0.5],
      [0.5, 0.6],
      [1.5, 0.8],
      [3.9, 0.9],
    ])
    expect(oneHour?.actual).toBeCloseTo(0.7)
    expect(reset?.actual).toBeCloseTo(0.9)
  })

  it('compares with nothing where nothing was read near the moment', () => {
    expect(compared([[-1, 0.5]]).all).toEqual([])
    const { oneHour, reset } = compared([
      [-1, 0.5],
      [0.5, 0.6],
      [3.9, 0.9],
    ])
    expect([oneHour, reset?.actual]).toEqual([undefined, expect.closeTo(0.9)])
  })

  it('goes on at the last hour’s slope as the naive reference', () => {
    const { oneHour } = compared([
      [-1, 0.5],
      [0, 0.6],
      [1, 0.65],
      [1.2, 0.65],
    ])
    expect(oneHour?.naive).toBeCloseTo(0.7)
  })

  it('scores errors and ranges', () => {
    const outcome = (actual: number): Outcome => ({
      window: '5h',
      horizon: '1h',
      actual,
      naive: 0.2,
      predicted: { low: 0.4, mid: 0.5, high: 0.6 },
    })
    expect(scoresOf([outcome(0.5), outcome(0.55), outcome(0.9), outcome(0.4)])).toEqual([
      {
        horizon: '1h',
        count: 4,
        error: expect.closeTo(0.1375),
        naiveError: expect.closeTo(0.3875),
        withinRange: 0.75,
      },
    ])
    expect(scoresOf([])).toEqual([])
  })

  it('throws at no garbage, and makes no garbage of it', () => {
    const readings = fc.array(
      fc.record({
        window: fc.constantFrom('5h', '7d'),
        at: fc.integer({ min: -40 * 24, max: 0 }).map((hours) => later(NOON, hours * HOUR)),
        utilization: fc.option(fc.oneof(fc.double({ min: 0, max: 1.5 }), fc.double()), { nil: undefined }),
        resetsAt: fc.option(
          fc.integer({ min: -1_000, max: 200 }).map((hours): Millis => later(NOON, hours * HOUR)),
          { nil: undefined },
        ),
        status: fc.constant(undefined),
      }),
      { maxLength: 100 },
    )
    fc.assert(
      fc.property(readings, (list) => {
        for (const score of backtest(list, { ...LAST_DAYS, everyMs: 12 * HOUR })) {
          expect(score.error).toBeWithin(0, 1.01)
          expect(score.withinRange).toBeWithin(0, 1.01)
        }
      }),
    )
  })

  it('needs an interval', () => expect(originsOf({ ...LAST_DAYS, everyMs: 0 })).toEqual([]))
})

describe('on made-up histories the forecast', () => {
  const outcomes = SEEDS.flatMap((seed) => {
    const readings = usageHistory({ seed, until: NOON, days: 42 })
    return originsOf(LAST_DAYS).flatMap((at) => outcomesAt(readings, at))
  })
  const scores = ['5h', '7d'].map(
    (name) => [name, scoresOf(outcomes.filter(({ window }) => window === name))] as const,
  )

  it('errs less than the naive reference, at every distance', () => {
    for (const [, all] of scores) {
      expect(all).toHaveLength(3)
      for (const { error, naiveError } of all) expect(error).toBeLessThan(naiveError)
    }
  })

  it('has about eight of ten actual values in its range', () => {
    const all = scores.flatMap(([, each]) => each)
    for (const { withinRange } of all) expect(withinRange).toBeWithin(0.7, 0.95)
  })

  it('does as docs/forecast.md says', () => {
    const text = readFileSync(join(import.meta.dir, '..', '..', 'docs', 'forecast.md'), 'utf8')
    const rows = scores.flatMap(([name, all]) => all.map((score) => rowOf(name, score)))
    const table = text.split('\n').map((line) => line.replaceAll(/ +/g, ' '))
    expect(rows.filter((row) => !table.includes(row))).toEqual([])
  })
})

const AHEAD = { '1h': '1 h', '3h': '3 h', reset: 'its reset' } as const

const rowOf = (name: string, { horizon, count, error, naiveError, withinRange }: Score): string =>
  `| ${name} | ${AHEAD[horizon]} | ${count} | ${points(error)} | ${points(naiveError)} | ${Math.round(withinRange * 100)} % |`

const points = (share: number): string => `${(share * 100).toFixed(1)} %`

/** A forecast at noon of a window that ends at 16:00, after two weeks of quiet ones, and readings at such hours. */
function compared(readings: readonly (readonly [hour: number, utilization: number])[]) {
  const quiet = Array.from({ length: 14 * 24 - 2 }, (_, index) => {
    const at = later(NOON, (index - 14 * 24) * HOUR)
    return reading(at, 0, later(at, 5 * HOUR))
  })
  const now = readings.map(([hour, used]) => reading(later(NOON, hour * HOUR), used, later(NOON, 4 * HOUR)))
  const all = outcomesAt([...quiet, ...now], NOON)
  const at = (horizon: Outcome['horizon']) => all.find((outcome) => outcome.horizon === horizon)
  return { all, oneHour: at('1h'), reset: at('reset') }
}

const reading = (at: Millis, utilization: number, resetsAt: Millis): Reading => ({
  window: '5h',
  at,
  utilization,
  resetsAt,
  status: undefined,
})
