/**
 * Until when the pool is safe: when no account is left that can take requests. For each past
 * day all accounts follow their courses of that day together, so that a busy day is busy for
 * all of them; what an account that is out would have used up goes to the others of the same
 * window, by the size of their plans; what begins anew begins at 0. Must not count on accounts
 * that nothing is known of.
 */
import { type Course, usedAfter } from './forecast-courses.ts'
import { POOL_HOURS, type Prospect, type Range, rangeOf } from './forecast-window.ts'
import { HOUR, later, MINUTE, type Millis } from './time.ts'
import { lengthOf } from './window.ts'

/** An account that counts: neither paused nor in need of a sign-in, with enough history or without any window. */
export interface PoolAccount {
  readonly account: string
  /** Of its windows those that meter all models. None: nothing of it is ever spent. */
  readonly prospects: readonly Prospect[]
  /** Until then it takes nothing, whatever its windows say. */
  readonly restsUntil: Millis | undefined
  /** How many of the smallest plans it is worth. */
  readonly size: number
}

export type PoolOutlook =
  /** Nobody counts. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** Somebody has no windows that end. */
  | { readonly kind: 'open-ended'; readonly accounts: readonly string[] }
  /** Nobody can take requests now; `until`: the first one can again. */
  | { readonly kind: 'out'; readonly until: Millis | undefined }
  | ({ readonly kind: 'forecast' } & PoolExpectation)

export interface PoolExpectation {
  /** That no account is left at some moment up to `lookedUntil`. */
  readonly probability: number
  readonly lookedUntil: Millis
  /** When that is first so; undefined: not up to `lookedUntil`. `low` is until when the pool is safe, nine times of ten. */
  readonly outAt: Range<Millis | undefined>
}

const STEP_MS = 30 * MINUTE
const LEAST_WEIGHT = 1e-9
/** Ten times a tenth is a little less than one. */
const FULL = 1 - 1e-9
const STEPS = (POOL_HOURS * HOUR) / STEP_MS

export function poolOutlook(accounts: readonly PoolAccount[], now: Millis): PoolOutlook {
  if (accounts.length === 0) return { kind: 'unknown', reason: 'no account can be counted on' }
  const openEnded = accounts.filter(
    ({ prospects, restsUntil }) => prospects.length === 0 && (restsUntil ?? now) <= now,
  )
  if (openEnded.length > 0) return { kind: 'open-ended', accounts: openEnded.map(({ account }) => account) }
  if (accounts.every((account) => isOutNow(account, now)))
    return { kind: 'out', until: firstBack(accounts, now) }
  const days = daysOf(accounts)
  const outAt = days.map((day) => firstOut(accounts, day, now) ?? Number.POSITIVE_INFINITY)
  const momentOf = (at: number): Millis | undefined =>
    Number.isFinite(at) ? later(now, at - now) : undefined
  const { low, mid, high } = rangeOf(days, outAt)
  const total = days.reduce((sum, { weight }) => sum + weight, 0)
  const hits = days.reduce((sum, { weight }, i) => sum + (Number.isFinite(outAt[i]) ? weight : 0), 0)
  return {
    kind: 'forecast',
    probability: Math.min(1, hits / total),
    lookedUntil: later(now, POOL_HOURS * HOUR),
    outAt: { low: momentOf(low), mid: momentOf(mid), high: momentOf(high) },
  }
}

function isOutNow({ prospects, restsUntil }: PoolAccount, now: Millis): boolean {
  return (restsUntil ?? now) > now || prospects.some(({ used }) => used >= 1)
}

function firstBack(accounts: readonly PoolAccount[], now: Millis): Millis | undefined {
  const back = accounts.map(({ prospects, restsUntil }) => {
    const ends = prospects.filter(({ used }) => used >= 1).map(({ endsAt }) => endsAt)
    return Math.max(now, restsUntil ?? now, ...ends)
  })
  return later(now, Math.min(...back) - now)
}

interface Day {
  readonly daysAgo: number
  readonly weight: number
}

/** The past days that the account with the longest memory knows, each weighed as all windows together weigh it. */
function daysOf(accounts: readonly PoolAccount[]): readonly Day[] {
  const prospects = accounts.flatMap((account) => account.prospects)
  const most = Math.max(1, ...prospects.flatMap(({ courses }) => courses.all.map(({ daysAgo }) => daysAgo)))
  return Array.from({ length: most }, (_, index) => {
    const weights = prospects.map((prospect) => courseOf(prospect, index + 1)?.weight ?? 0)
    const weight = weights.reduce((sum, each) => sum + each, 0) / Math.max(1, weights.length)
    return { daysAgo: index + 1, weight: Math.max(weight, LEAST_WEIGHT) }
  })
}

/** How it went on a past day; who does not remember it takes another. */
function courseOf({ courses: { all } }: Prospect, daysAgo: number): Course | undefined {
  const most = all.at(-1)?.daysAgo ?? 1
  const wanted = ((daysAgo - 1) % most) + 1
  return all.find((course) => course.daysAgo === wanted) ?? all[0]
}

interface Tank {
  /** Which window it is, counted from 0: the tanks of one window share their load. */
  readonly kind: number
  readonly course: Course | undefined
  readonly lengthMs: number | undefined
  readonly from: Millis
  used: number
  endsAt: number
  /** What its course has used up so far, and in this step. */
  done: number
  demand: number
}

interface Member {
  readonly size: number
  readonly restsUntil: number
  readonly tanks: readonly Tank[]
  isIn: boolean
}

/** When nobody is left for the first time, if that day's courses are followed. */
function firstOut(accounts: readonly PoolAccount[], { daysAgo }: Day, now: Millis): Millis | undefined {
  const kinds = kindsOf(accounts)
  const members = accounts.map((account) => toMember(account, { daysAgo, kinds, now }))
  for (let step = 0; step < STEPS; step++) {
    const at = now + step * STEP_MS
    let isAnyIn = false
    for (const member of members) {
      for (const tank of member.tanks) if (tank.endsAt <= at) beginAnew(tank)
      member.isIn = member.restsUntil <= at && !member.tanks.some(isFull)
      isAnyIn ||= member.isIn
    }
    if (!isAnyIn) return later(now, step * STEP_MS)
    draw(members, kinds.length, at + STEP_MS)
  }
  return undefined
}

const kindsOf = (accounts: readonly PoolAccount[]): readonly string[] => [
  ...new Set(accounts.flatMap(({ prospects }) => prospects.map(({ window }) => window))),
]

interface Beginning {
  readonly daysAgo: number
  readonly kinds: readonly string[]
  readonly now: Millis
}

const toMember = (
  { prospects, restsUntil, size }: PoolAccount,
  { daysAgo, kinds, now }: Beginning,
): Member => ({
  size,
  restsUntil: restsUntil ?? now,
  isIn: true,
  tanks: prospects.map((prospect) => {
    const course = courseOf(prospect, daysAgo)
    return {
      kind: kinds.indexOf(prospect.window),
      course,
      lengthMs: lengthOf(prospect.window),
      from: prospect.courses.from,
      used: prospect.used,
      endsAt: prospect.endsAt,
      done: course === undefined ? 0 : usedAfter(course, (now - prospect.courses.from) / HOUR),
      demand: 0,
    }
  }),
})

const isFull = ({ used }: Tank): boolean => used >= FULL

function beginAnew(tank: Tank): void {
  tank.used = 0
  tank.endsAt = tank.lengthMs ? tank.endsAt + tank.lengthMs : Number.POSITIVE_INFINITY
}

/** Half an hour of work, up to `until`: those who are in do theirs and what the others cannot. */
function draw(members: readonly Member[], kinds: number, until: number): void {
  const left = new Float64Array(kinds)
  const sizes = new Float64Array(kinds)
  for (const { size, tanks, isIn } of members) {
    for (const tank of tanks) {
      demand(tank, until)
      if (isIn) sizes[tank.kind] = (sizes[tank.kind] ?? 0) + size
      else left[tank.kind] = (left[tank.kind] ?? 0) + tank.demand * size
    }
  }
  for (const { tanks, isIn } of members) {
    if (!isIn) continue
    // Everybody's share of the rest goes by size, and is reckoned in fractions of a plan of that size.
    for (const tank of tanks) tank.used += tank.demand + (left[tank.kind] ?? 0) / (sizes[tank.kind] ?? 1)
  }
}

function demand(tank: Tank, until: number): void {
  if (tank.course === undefined) return
  const done = usedAfter(tank.course, (until - tank.from) / HOUR)
  tank.demand = done - tank.done
  tank.done = done
}
