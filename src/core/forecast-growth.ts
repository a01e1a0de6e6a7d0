/**
 * How much of a window was used up over time: its readings become growth, in small steps of
 * time that end at a given moment. Utilization falls when a window begins anew; what is read
 * after that has grown from 0. Readings are foreign: nonsense among them is left out, never
 * thrown at. Must not look ahead.
 */
import type { StoredReading } from './ports/stores.ts'
import { DAY, HOUR, MINUTE, type Millis, toMillis } from './time.ts'
import { lengthOf } from './window.ts'

export type Reading = Omit<StoredReading, 'account'>

/** A reading that says how much is used. */
export interface Level extends Reading {
  readonly utilization: number
}

export interface Growth {
  /** The moment of the first reading. */
  readonly since: Millis
  /** The moment that everything here is reckoned from. */
  readonly until: Millis
  /** What had been used up in all at the end of each step; the last step ends at `until`. */
  readonly sums: Float64Array
  /** How long of each step is covered by readings, added up likewise. */
  readonly covered: Float64Array
}

export const STEP_MS = 15 * MINUTE
/** More than anybody has: a clock that was once wrong must not make us reckon from 1970. */
const LONGEST_MS = 100 * DAY
/** Ends that move by less are the same end (`wire.md` §2.6). */
const JITTER_MS = MINUTE
/** Overage aside, no window is used a hundred times over. */
const MOST_USED = 100
const FURTHEST_END_MS = 400 * DAY
/** Nobody works through a long weekend; a longer silence may be our own. */
const LONGEST_SILENCE_MS = 4 * DAY

/** Meters that refill within a minute are no windows to plan by. */
const isMeter = (window: string): boolean => window.endsWith('/min')

/** The readings of each window up to a moment, oldest first, one a moment. */
export function levelsOf(readings: readonly Reading[], until: Millis): ReadonlyMap<string, readonly Level[]> {
  const found = new Map<string, Level[]>()
  for (const reading of readings) {
    if (isMeter(reading.window) || !isLevel(reading) || reading.at > until) continue
    const levels = found.get(reading.window) ?? []
    found.set(reading.window, levels)
    levels.push({ ...reading, resetsAt: endOf(reading) })
  }
  return new Map([...found].map(([window, levels]) => [window, inOrder(levels)]))
}

const isLevel = (reading: Reading): reading is Level => {
  const { at, utilization = -1 } = reading
  return Number.isFinite(at) && utilization >= 0 && utilization <= MOST_USED
}

/** An end years away is none. */
const endOf = ({ at, resetsAt }: Reading): Millis | undefined =>
  resetsAt !== undefined && Math.abs(resetsAt - at) < FURTHEST_END_MS ? resetsAt : undefined

const inOrder = (levels: readonly Level[]): readonly Level[] =>
  levels.toSorted((a, b) => a.at - b.at).filter((level, index, sorted) => level.at !== sorted[index + 1]?.at)

/** `levels` are of one window, in order; undefined when there is no stretch of time between any two. */
export function growthOf(levels: readonly Level[], until: Millis): Growth | undefined {
  const known = levels.filter(({ at }) => at <= until && at > until - LONGEST_MS)
  const [first] = known
  if (first === undefined || first.at >= until) return undefined
  const steps = Math.ceil((until - first.at) / STEP_MS)
  const growth: Growth = {
    since: first.at,
    until,
    sums: new Float64Array(steps),
    covered: new Float64Array(steps),
  }
  let before = first
  for (const level of known.slice(1)) {
    for (const stretch of stretchesBetween(before, level)) lay(stretch, growth)
    before = level
  }
  addUp(growth.sums)
  addUp(growth.covered)
  return growth
}

interface Stretch {
  readonly from: number
  readonly to: number
  readonly amount: number
}

/**
 * Whether a window has begun anew between two readings: its end has passed, or it has fallen by
 * half and names another end. Windows that slide fall too, but little by little.
 */
function isAnew(before: Level, after: Level): boolean {
  const hasPassed = before.resetsAt !== undefined && before.resetsAt - JITTER_MS <= after.at
  // An end that has passed and is named again, with no less used, is a provider's late word.
  if (hasPassed) return !isSameEnd(before, after) || after.utilization < before.utilization
  return !isSameEnd(before, after) && after.utilization < before.utilization / 2
}

const isSameEnd = (before: Level, after: Level): boolean =>
  before.resetsAt !== undefined &&
  after.resetsAt !== undefined &&
  Math.abs(before.resetsAt - after.resetsAt) < JITTER_MS

function stretchesBetween(before: Level, after: Level): readonly Stretch[] {
  if (!isAnew(before, after)) {
    // A small correction downwards is no growth.
    const amount = Math.max(0, after.utilization - before.utilization)
    return [{ from: before.at, to: after.at, amount }]
  }
  const ended = clamp(before.resetsAt ?? before.at, before.at, after.at)
  const lengthMs = lengthOf(after.window)
  const began =
    lengthMs === undefined || after.resetsAt === undefined
      ? ended
      : clamp(after.resetsAt - lengthMs, ended, after.at)
  // Between two windows nothing was used; what came before the end of the first was not seen.
  return [
    { from: ended, to: began, amount: 0 },
    { from: began, to: after.at, amount: after.utilization },
  ]
}

function lay({ from, to, amount }: Stretch, { until, sums, covered }: Growth): void {
  const lengthMs = to - from
  if (lengthMs > LONGEST_SILENCE_MS) return
  const begin = until - sums.length * STEP_MS
  const first = Math.floor((from - begin) / STEP_MS)
  const last = Math.min(sums.length - 1, Math.max(first, Math.ceil((to - begin) / STEP_MS) - 1))
  for (let step = first; step <= last; step++) {
    const stepFrom = begin + step * STEP_MS
    const sharedMs = Math.min(to, stepFrom + STEP_MS) - Math.max(from, stepFrom)
    const share = lengthMs === 0 ? 1 : sharedMs / lengthMs
    sums[step] = (sums[step] ?? 0) + amount * share
    covered[step] = (covered[step] ?? 0) + Math.max(0, sharedMs)
  }
}

function addUp(steps: Float64Array): void {
  let sum = 0
  for (let step = 0; step < steps.length; step++) {
    sum += steps[step] ?? 0
    steps[step] = sum
  }
}

/** How much was used up between two moments; nothing before the first reading and after `until`. */
export const grown = ({ sums, until }: Growth, from: number, to: number): number =>
  at(sums, until, to) - at(sums, until, from)

/** How many hours between two moments are covered by readings. */
export const coveredHours = ({ covered, until }: Growth, from: number, to: number): number =>
  (at(covered, until, to) - at(covered, until, from)) / HOUR

/** A sum at any moment, evenly between the ends of two steps. */
function at(sums: Float64Array, until: Millis, moment: number): number {
  const position = sums.length + (moment - until) / STEP_MS
  if (position <= 0) return 0
  if (position >= sums.length) return sums[sums.length - 1] ?? 0
  const whole = Math.floor(position)
  const before = whole === 0 ? 0 : (sums[whole - 1] ?? 0)
  return before + ((sums[whole] ?? 0) - before) * (position - whole)
}

export interface Step {
  readonly from: number
  readonly amount: number
  readonly hours: number
}

/** Each hour before `end` that `growth` knows of, newest first. */
export function* hoursOf(growth: Growth, end: number): Generator<Step> {
  for (let to = end; to > growth.since; to -= HOUR) {
    const from = to - HOUR
    yield { from, amount: grown(growth, from, to), hours: coveredHours(growth, from, to) }
  }
}

const clamp = (moment: number, least: number, most: number): Millis =>
  toMillis(Math.min(most, Math.max(least, moment)))
