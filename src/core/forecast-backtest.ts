/**
 * How good the forecast is: at past moments it is made anew with only what was known then, and
 * compared with what was read later, beside a naive reference that goes on at the slope of the
 * last hour. Only where the window was read near the moment in question: nothing is made up.
 */

import { HISTORY_MS } from './forecast.ts'
import { type Course, usedAfter } from './forecast-courses.ts'
import { grown, growthOf, type Level, levelsOf, type Reading } from './forecast-growth.ts'
import { forecastWindow, type Prospect, type Range, rangeOf } from './forecast-window.ts'
import { HOUR, later, type Millis } from './time.ts'

export const HORIZONS = ['1h', '3h', 'reset'] as const
export type Horizon = (typeof HORIZONS)[number]

/** One prediction beside what came of it. */
export interface Outcome {
  readonly window: string
  readonly horizon: Horizon
  readonly actual: number
  readonly predicted: Range<number>
  readonly naive: number
}

export interface Score {
  readonly horizon: Horizon
  readonly count: number
  /** Mean absolute error of the middle of the range, in fractions of the window. */
  readonly error: number
  readonly naiveError: number
  /** The share of actual values in the range that is to hold eight of ten. */
  readonly withinRange: number
}

export interface BacktestOptions {
  readonly from: Millis
  readonly to: Millis
  readonly everyMs: number
}

/** Readings further apart than that leave open what was between them. */
const NEAR_MS = 2 * HOUR
/** Room for what numbers that providers round cannot tell. */
const ROUNDING = 0.005

export const backtest = (readings: readonly Reading[], options: BacktestOptions): readonly Score[] =>
  scoresOf(originsOf(options).flatMap((at) => outcomesAt(readings, at)))

export function originsOf({ from, to, everyMs }: BacktestOptions): readonly Millis[] {
  const count = everyMs > 0 ? Math.max(0, Math.ceil((to - from) / everyMs)) : 0
  return Array.from({ length: count }, (_, index) => later(from, index * everyMs))
}

/** Every forecast that could be made at a past moment and can be compared; `readings` of one account. */
export function outcomesAt(readings: readonly Reading[], at: Millis): readonly Outcome[] {
  const since = later(at, -HISTORY_MS)
  const recent = readings.filter((reading) => reading.at > since)
  const all = levelsOf(recent, later(at, HISTORY_MS))
  return [...levelsOf(recent, at)].flatMap(([window, levels]) => {
    const last = levels.at(-1)
    if (last === undefined) return []
    const { prospect, forecast } = forecastWindow(levels, last, at)
    if (prospect === undefined || forecast.resetsAt === undefined || last.utilization >= 1) return []
    const instance = (all.get(window) ?? []).filter((each) => isOf(each, forecast.resetsAt))
    return compare({ prospect, resetsAt: forecast.resetsAt, levels, last, at }, instance)
  })
}

const JITTER_MS = 60_000
const isOf = ({ resetsAt }: Reading, end: Millis | undefined): boolean =>
  resetsAt !== undefined && end !== undefined && Math.abs(resetsAt - end) < JITTER_MS

interface Past {
  readonly prospect: Prospect
  readonly resetsAt: Millis
  readonly levels: readonly Level[]
  readonly last: Level
  readonly at: Millis
}

function compare(past: Past, instance: readonly Level[]): readonly Outcome[] {
  const { at, resetsAt, prospect, last } = past
  const slope = slopeOf(past)
  const moments = { '1h': later(at, HOUR), '3h': later(at, 3 * HOUR), reset: resetsAt }
  return HORIZONS.flatMap((horizon) => {
    const moment = moments[horizon]
    const actual = moment > resetsAt ? undefined : levelAt(instance, moment, horizon)
    if (actual === undefined) return []
    const naive = Math.min(1, last.utilization + (slope * (moment - last.at)) / HOUR)
    return { window: last.window, horizon, actual, naive, predicted: predict(prospect, moment) }
  })
}

function predict({ courses, used }: Prospect, moment: Millis): Range<number> {
  const hours = (moment - courses.from) / HOUR
  const value = (course: Course): number => Math.min(1, used + usedAfter(course, hours))
  return rangeOf(courses.all, courses.all.map(value))
}

/** What was used up in the last hour. */
function slopeOf({ levels, last }: Past): number {
  const growth = growthOf(levels, last.at)
  return growth === undefined ? 0 : grown(growth, last.at - HOUR, last.at)
}

/** Read at a moment, or between two readings near each other; at the reset the last one near before it. */
function levelAt(instance: readonly Level[], moment: Millis, horizon: Horizon): number | undefined {
  const before = instance.findLast(({ at }) => at <= moment)
  if (before === undefined || moment - before.at > NEAR_MS) return undefined
  if (horizon === 'reset') return Math.min(1, before.utilization)
  const after = instance.find(({ at }) => at > moment)
  if (after === undefined || after.at - before.at > NEAR_MS) return undefined
  const share = (moment - before.at) / (after.at - before.at)
  return Math.min(1, before.utilization + (after.utilization - before.utilization) * share)
}

export function scoresOf(outcomes: readonly Outcome[]): readonly Score[] {
  return HORIZONS.flatMap((horizon) => {
    const mine = outcomes.filter((outcome) => outcome.horizon === horizon)
    if (mine.length === 0) return []
    const mean = (value: (outcome: Outcome) => number): number =>
      mine.reduce((sum, outcome) => sum + value(outcome), 0) / mine.length
    return {
      horizon,
      count: mine.length,
      error: mean(({ actual, predicted }) => Math.abs(actual - predicted.mid)),
      naiveError: mean(({ actual, naive }) => Math.abs(actual - naive)),
      withinRange: mean(({ actual, predicted }) => (isWithin(actual, predicted) ? 1 : 0)),
    }
  })
}

const isWithin = (actual: number, { low, high }: Range<number>): boolean =>
  actual >= low - ROUNDING && actual <= high + ROUNDING
