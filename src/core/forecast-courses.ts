/**
 * How a window may be used up from now on: one course for each past day, "as it went from this
 * hour on, that day". Of each past day the same forecast is made as of today (the present pace
 * fading into the usual one), and what it was wrong by, hour for hour, is added to today's: so
 * the range is as wide as the forecast has been wrong, and bursts last as long as they do. No
 * dice: equal readings give equal courses.
 */
import { type Growth, grown } from './forecast-growth.ts'
import { blended, presentPace, type Usual, usualAt, usualPace } from './forecast-pace.ts'
import { DAY, HOUR, later, type Millis } from './time.ts'

export interface Course {
  /** So many days ago it went like that. */
  readonly daysAgo: number
  /** Against the others. */
  readonly weight: number
  /** What has been used up in all after 0, 1, 2, … hours; never less than an hour before. */
  readonly path: Float64Array
}

export interface Courses {
  readonly from: Millis
  readonly presentPace: number
  readonly usualPace: number
  /** Those that begin at this hour of the day, and an hour before and after. */
  readonly all: readonly Course[]
}

const MOST_DAYS = 28
const SHIFTS = [0, -1, 1] as const
/** A day of which less is known teaches nothing. */
const LEAST_HOURS = 20
/** The same day of the week is the likeliest to be alike. */
const SAME_WEEKDAY = 2
const LEAST_WEIGHT = 0.02
/** Of a day on which the window had not begun at this hour, when it has today, or the other way round. */
const OTHERWISE = 0.1
/** The usual pace has seen the days that it is tried on, so it errs less on them than on new ones. */
const UNSEEN = 1.25

interface Basis {
  readonly growth: Growth
  readonly isRunning: (at: Millis) => boolean
  readonly usual: Usual
  readonly from: Millis
  readonly hoursToEnd: number
}

export interface CoursePlan {
  /** How many hours the window has left: over so many a past day is to be alike. */
  readonly hoursToEnd: number
  /** How many hours the courses go on. */
  readonly hours: number
  /** Whether the window had begun at a moment, and had not ended: those of some providers begin with their first use. */
  readonly isRunning: (at: Millis) => boolean
}

export function coursesOf(growth: Growth, { hoursToEnd, hours, isRunning }: CoursePlan): Courses {
  const basis = { growth, usual: usualPace(growth), from: growth.until, hoursToEnd, isRunning }
  const present = presentPace(growth, growth.until)
  const expected = Float64Array.from({ length: hours }, (_, ahead) =>
    blended(present, basis.usual, { from: basis.from, ahead }),
  )
  const all: Course[] = []
  for (let daysAgo = 1; daysAgo <= MOST_DAYS; daysAgo++) {
    for (const shift of SHIFTS) {
      const origin = later(basis.from, shift * HOUR - daysAgo * DAY)
      const errors = errorsFrom(origin, basis, hours)
      if (errors.length < LEAST_HOURS) continue
      const weight = likeness(origin, basis) * (daysAgo % 7 === 0 ? SAME_WEEKDAY : 1)
      all.push({ daysAgo, weight, path: pathOf(expected, errors) })
    }
  }
  return {
    from: basis.from,
    presentPace: present,
    usualPace: usualAt(basis.usual, basis.from),
    all,
  }
}

/** What a forecast made at `origin` was wrong by, hour for hour, as far as is known today. */
function errorsFrom(origin: Millis, { growth, usual, from }: Basis, hours: number): Float64Array {
  if (origin < growth.since) return new Float64Array(0)
  const known = Math.min(hours, Math.floor((from - origin) / HOUR))
  const present = presentPace(growth, origin)
  return Float64Array.from({ length: known }, (_, ahead) => {
    const actual = grown(growth, origin + ahead * HOUR, origin + (ahead + 1) * HOUR)
    return UNSEEN * (actual - blended(present, usual, { from: origin, ahead }))
  })
}

/** Where a past day is known for fewer hours than are asked for, its errors begin again. */
function pathOf(expected: Float64Array, errors: Float64Array): Float64Array {
  const path = new Float64Array(expected.length + 1)
  let used = 0
  for (let ahead = 0; ahead < expected.length; ahead++) {
    used += (expected[ahead] ?? 0) + (errors[ahead % errors.length] ?? 0)
    path[ahead + 1] = Math.max(path[ahead] ?? 0, used)
  }
  return path
}

/** How alike the usual use is from `origin` on to that from now on: a Sunday teaches little about a Monday. */
function likeness(origin: Millis, { usual, from, hoursToEnd, isRunning }: Basis): number {
  const other = isRunning(origin) === isRunning(from) ? 1 : OTHERWISE
  let then = 0
  let now = 0
  for (let ahead = 0; ahead < Math.max(1, hoursToEnd); ahead++) {
    then += usualAt(usual, origin + ahead * HOUR)
    now += usualAt(usual, from + ahead * HOUR)
  }
  const most = Math.max(then, now)
  return other * (most === 0 ? 1 : Math.max(LEAST_WEIGHT, (Math.min(then, now) / most) ** 2))
}

/** What a course has used up after so many hours, evenly within each. */
export function usedAfter({ path }: Course, hours: number): number {
  const whole = Math.min(path.length - 1, Math.max(0, Math.floor(hours)))
  const before = path[whole] ?? 0
  const after = path[whole + 1] ?? before
  return before + (after - before) * Math.min(1, Math.max(0, hours - whole))
}

/** After how many hours a course has used up `amount`; undefined when it does not within what is looked at. */
export function hoursUntil({ path }: Course, amount: number): number | undefined {
  const after = path.findIndex((used) => used >= amount)
  if (after === -1) return undefined
  if (after === 0) return 0
  const before = path[after - 1] ?? 0
  return after - 1 + (amount - before) / ((path[after] ?? amount) - before)
}
