/**
 * How fast a window is being used up, as a fraction of it in an hour. The present pace is that
 * of the last three hours, the latest weighing most; the usual pace is what weeks of readings
 * say of an hour of the week. From now on the present pace fades into the usual one: after an hour
 * each counts half. Both lengths did best in back-tests (docs/forecast.md). Must not judge.
 */
import { type Growth, grown, growthOf, hoursOf, levelsOf, type Reading, STEP_MS } from './forecast-growth.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toMillis } from './time.ts'

/** An account that is asked every ten minutes is not idle between two answers. */
const GRACE_MS = 15 * MINUTE
const PRESENT_MS = 3 * HOUR
const PRESENT_HALF_MS = 30 * MINUTE
/** After so long the present pace counts half. */
const FADE_HOURS = 1
/** Of so much history the usual pace is made; less is no habit. */
export const LEAST_HISTORY_MS = 3 * DAY
const HOURS_A_WEEK = 168
/** What an hour of the week is expected to be like all days counts as so many hours of its own. */
const PRIOR_HOURS = 1

/** The pace of each hour of the week, from Thursday 00:00 UTC, when the count of time begins. */
export type Usual = Float64Array

/** From when on nothing is known: the last reading, or what is as good as one because none was due. */
export const knownUntil = (lastAt: Millis, now: Millis): Millis =>
  toMillis(Math.min(now, Math.max(lastAt, now - GRACE_MS)))

/** Weighted towards what happened last before `at`; 0 where nothing was read then: no news is no use. */
export function presentPace(growth: Growth, at: Millis): number {
  let amount = 0
  let hours = 0
  for (let ageMs = 0; ageMs < PRESENT_MS && at - ageMs > growth.since; ageMs += STEP_MS) {
    const weight = 2 ** (-(ageMs + STEP_MS / 2) / PRESENT_HALF_MS)
    amount += weight * grown(growth, at - ageMs - STEP_MS, at - ageMs)
    // Always whole steps: two readings seconds apart are no pace.
    hours += (weight * STEP_MS) / HOUR
  }
  return hours === 0 ? 0 : amount / hours
}

/** Of all but the last hours, which are the present. Each hour of the week with its neighbours, drawn towards the same hour of all days, and that towards all hours. */
export function usualPace(growth: Growth): Usual {
  const amounts = new Float64Array(HOURS_A_WEEK)
  const hours = new Float64Array(HOURS_A_WEEK)
  for (const step of hoursOf(growth, growth.until - PRESENT_MS)) {
    const hour = hourOfWeek(step.from + HOUR / 2)
    for (const [away, weight] of NEIGHBOURS) {
      const index = (hour + away + HOURS_A_WEEK) % HOURS_A_WEEK
      amounts[index] = (amounts[index] ?? 0) + weight * step.amount
      hours[index] = (hours[index] ?? 0) + weight * step.hours
    }
  }
  const all = rate({ amount: sum(amounts), hours: sum(hours) }, 0)
  return amounts.map((amount, hour) =>
    rate({ amount, hours: hours[hour] ?? 0 }, rate(sameHour(amounts, hours, hour), all)),
  )
}

const NEIGHBOURS = [
  [-1, 0.5],
  [0, 1],
  [1, 0.5],
] as const

interface Seen {
  readonly amount: number
  readonly hours: number
}

function sameHour(amounts: Float64Array, hours: Float64Array, hour: number): Seen {
  let amount = 0
  let seen = 0
  for (let index = hour % 24; index < HOURS_A_WEEK; index += 24) {
    amount += amounts[index] ?? 0
    seen += hours[index] ?? 0
  }
  return { amount, hours: seen }
}

const rate = ({ amount, hours }: Seen, prior: number): number =>
  (amount + PRIOR_HOURS * prior) / (hours + PRIOR_HOURS)

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0)

const hourOfWeek = (at: number): number =>
  ((Math.floor(at / HOUR) % HOURS_A_WEEK) + HOURS_A_WEEK) % HOURS_A_WEEK

/** The usual pace of the hour that begins at `from`. */
export const usualAt = (usual: Usual, from: number): number => usual[hourOfWeek(from + HOUR / 2)] ?? 0

/** What is expected of the hour that begins `ahead` hours after `from`. */
export function blended(present: number, usual: Usual, { from, ahead }: Ahead): number {
  const share = 2 ** (-(ahead + 0.5) / FADE_HOURS)
  return share * present + (1 - share) * usualAt(usual, from + ahead * HOUR)
}

interface Ahead {
  readonly from: Millis
  readonly ahead: number
}

/** Whether there is enough history to speak of a habit. */
export const hasHabit = ({ since, until }: Growth): boolean => until - since >= LEAST_HISTORY_MS

/**
 * An account's windows and how fast each is being used up: fractions in the next hour. With
 * readings of the last hours it is the present pace, with those of weeks blended with the
 * usual one. Windows without two readings are absent.
 */
export function pacesOf(readings: readonly Reading[], now: Millis): ReadonlyMap<string, number> {
  const paces = new Map<string, number>()
  for (const [window, levels] of levelsOf(readings, now)) {
    const last = levels.at(-1)
    if (last === undefined || levels.length < 2) continue
    const growth = growthOf(levels, knownUntil(last.at, now))
    if (growth === undefined) continue
    const present = presentPace(growth, growth.until)
    const from = growth.until
    paces.set(window, hasHabit(growth) ? blended(present, usualPace(growth), { from, ahead: 0 }) : present)
  }
  return paces
}

/** So far back readings are of use to the present pace: its hours, and one before to begin from. */
export const presentSince = (now: Millis): Millis => later(now, -PRESENT_MS - HOUR)
