/**
 * What becomes of one window: when it is spent, as a range, and how likely that is before its
 * reset. Says in words why where nothing can be said: too little history, no reading, or a
 * window that has begun anew since it was read, which is unknown and not empty.
 */
import { type Course, type Courses, coursesOf, hoursUntil, usedAfter } from './forecast-courses.ts'
import { coveredHours, type Growth, growthOf, type Level } from './forecast-growth.ts'
import { hasHabit, knownUntil, LEAST_HISTORY_MS, presentPace } from './forecast-pace.ts'
import { DAY, describeLength, HOUR, later, type Millis } from './time.ts'
import { lengthOf } from './window.ts'

/** Of ten times, once below `low`, once above `high`. */
export interface Range<T> {
  readonly low: T
  readonly mid: T
  readonly high: T
}

export interface Expectation {
  /** That it is spent before its reset. */
  readonly probability: number
  /** When it is spent; undefined: not before its reset. */
  readonly spentAt: Range<Millis | undefined>
  /** How much of it is used at its reset. */
  readonly atReset: Range<number>
}

export type Outlook =
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'spent' }
  /** `lasts` until its reset where that is likelier than not. */
  | ({ readonly kind: 'lasts' | 'runs-out' } & Expectation)

export interface WindowForecast {
  readonly window: string
  /** Undefined: not known since it began anew. */
  readonly utilization: number | undefined
  readonly resetsAt: Millis | undefined
  /** Fractions in an hour; undefined where too little is known. */
  readonly presentPace: number | undefined
  readonly usualPace: number | undefined
  readonly outlook: Outlook
}

/** A window's courses, and what it stands at when they begin. */
export interface Prospect {
  readonly window: string
  readonly used: number
  /** Where its provider names no end: as late as its name allows. */
  readonly endsAt: Millis
  readonly courses: Courses
}

export interface Forecasted {
  readonly forecast: WindowForecast
  /** Undefined where too little is known. */
  readonly prospect: Prospect | undefined
}

const FURTHEST_HOURS = 31 * 24
/** How far the courses go at least: the pool is looked at beyond single windows. */
export const POOL_HOURS = 7 * 24
const LEAST_COVERED_HOURS = 24
const NO_LENGTH_MS = 7 * DAY

/** `levels`: of one window up to `now`, oldest first, the last one included. */
export function forecastWindow(levels: readonly Level[], last: Level, now: Millis): Forecasted {
  const { window } = last
  const isOver = hasEnded(last, now)
  const growth = growthOf(levels, knownUntil(last.at, now))
  const lack = lackOf(growth)
  const endsAt = endOf(last, now)
  const prospect =
    growth === undefined || lack !== undefined
      ? undefined
      : { window, used: usedOf(last, now), endsAt, courses: courseUntil(endsAt, growth, levels) }
  return {
    prospect,
    forecast: {
      window,
      utilization: isOver ? undefined : last.utilization,
      resetsAt: isOver ? undefined : last.resetsAt,
      presentPace: growth === undefined ? undefined : presentPace(growth, growth.until),
      usualPace: prospect?.courses.usualPace,
      outlook: outlookOf(last, { prospect, lack, now }),
    },
  }
}

const hasEnded = ({ resetsAt }: Level, now: Millis): boolean => resetsAt !== undefined && resetsAt <= now

interface Known {
  readonly prospect: Prospect | undefined
  readonly lack: string | undefined
  readonly now: Millis
}

function outlookOf(last: Level, { prospect, lack, now }: Known): Outlook {
  if (hasEnded(last, now)) {
    const ago = describeLength(now - (last.resetsAt ?? now))
    return { kind: 'unknown', reason: `it has begun anew ${ago} ago and was not read since` }
  }
  if (isSpent(last)) return { kind: 'spent' }
  if (prospect === undefined) return { kind: 'unknown', reason: lack ?? 'nothing is known of it' }
  const expectation = expect(prospect, now)
  return { kind: expectation.probability < 0.5 ? 'lasts' : 'runs-out', ...expectation }
}

/** What begins anew is reckoned from 0, though it is shown as unknown; what is refused is spent, whatever its number. */
function usedOf(last: Level, now: Millis): number {
  if (hasEnded(last, now)) return 0
  return isSpent(last) ? Math.max(1, last.utilization) : last.utilization
}

const isSpent = ({ utilization, status }: Pick<Level, 'utilization' | 'status'>): boolean =>
  utilization >= 1 || status === 'rejected'

/** Why nothing can be said of the future, in words; undefined when something can. */
function lackOf(growth: Growth | undefined): string | undefined {
  if (growth === undefined) return 'it has been read only once so far'
  const days = LEAST_HISTORY_MS / DAY
  if (!hasHabit(growth)) {
    const length = describeLength(growth.until - growth.since)
    return `it has been read for ${length} so far, and a forecast needs ${days} days`
  }
  const hours = coveredHours(growth, growth.since, growth.until)
  if (hours >= LEAST_COVERED_HOURS) return undefined
  return `its readings cover ${Math.floor(hours)} h so far, and a forecast needs ${LEAST_COVERED_HOURS} h`
}

function endOf({ window, resetsAt }: Level, now: Millis): Millis {
  if (resetsAt !== undefined && resetsAt > now) return resetsAt
  return later(now, lengthOf(window) ?? NO_LENGTH_MS)
}

function courseUntil(endsAt: Millis, growth: Growth, levels: readonly Level[]): Courses {
  const hoursToEnd = Math.min(FURTHEST_HOURS, Math.ceil((endsAt - growth.until) / HOUR))
  const isRunning = (at: Millis): boolean => (levels.findLast((level) => level.at <= at)?.resetsAt ?? at) > at
  return coursesOf(growth, { hoursToEnd, hours: Math.max(POOL_HOURS, hoursToEnd), isRunning })
}

function expect({ courses, used, endsAt }: Prospect, now: Millis): Expectation {
  const { all, from } = courses
  const hoursToEnd = (endsAt - from) / HOUR
  const spent = all.map((course) => spentAfter(course, used, hoursToEnd))
  const hits = all.reduce((sum, { weight }, index) => sum + (isEver(spent[index]) ? weight : 0), 0)
  const atReset = all.map((course) => Math.min(Math.max(1, used), used + usedAfter(course, hoursToEnd)))
  const momentOf = (hours: number): Millis | undefined =>
    isEver(hours) ? later(from, Math.max(now - from, hours * HOUR)) : undefined
  const { low, mid, high } = rangeOf(all, spent)
  return {
    probability: Math.min(1, hits / totalOf(all)),
    spentAt: { low: momentOf(low), mid: momentOf(mid), high: momentOf(high) },
    atReset: rangeOf(all, atReset),
  }
}

const isEver = (hours: number | undefined): boolean => hours !== undefined && Number.isFinite(hours)

function spentAfter(course: Course, used: number, hoursToEnd: number): number {
  const hours = hoursUntil(course, 1 - used)
  return hours === undefined || hours >= hoursToEnd ? Number.POSITIVE_INFINITY : hours
}

const totalOf = (courses: readonly Pick<Course, 'weight'>[]): number =>
  courses.reduce((sum, { weight }) => sum + weight, 0)

/** The values below which a tenth, half and nine tenths of the weight are. */
export function rangeOf(
  courses: readonly Pick<Course, 'weight'>[],
  values: readonly number[],
): Range<number> {
  const sorted = courses
    .map(({ weight }, index) => ({ weight, value: values[index] ?? 0 }))
    .toSorted((a, b) => a.value - b.value)
  const total = totalOf(courses)
  const at = (share: number): number => {
    let sum = 0
    for (const { weight, value } of sorted) {
      sum += weight
      if (sum >= share * total) return value
    }
    return sorted.at(-1)?.value ?? 0
  }
  return { low: at(0.1), mid: at(0.5), high: at(0.9) }
}
