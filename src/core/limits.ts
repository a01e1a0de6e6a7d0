/**
 * What a provider says of an account's limits: its windows (what they are called, how much is
 * used, when they begin anew), its word for the account, its paid overage. Only what a
 * provider said is written here; an absent window is absent, not empty. Must not estimate.
 */
import type { Failure } from './failure.ts'
import { later, MINUTE, type Millis, SECOND } from './time.ts'

export interface Window {
  /** "5h", "7d", "7d_opus", or a per-minute meter such as "requests/min". */
  readonly name: string
  /** A fraction: 0.42 is 42 %; may exceed 1. */
  readonly utilization?: number
  readonly resetsAt?: Millis
  /** In the provider's words: "allowed", "allowed_warning", "rejected", … */
  readonly status?: string
  /** What is left in the window's own unit, for balances and counted quotas. */
  readonly remaining?: number
  /** The unit of `remaining`: "USD", "CNY", "requests", … */
  readonly unit?: string
  readonly readAt: Millis
}

/** Whether use beyond the plan is paid for, in the provider's words (`wire.md` §1.7). */
export interface Overage {
  readonly inUse: boolean
  readonly status?: string
  /** A fraction, as of windows. */
  readonly utilization?: number
  readonly resetsAt?: Millis
  readonly disabledReason?: string
}

/** Everything that one answer says of the account that gave it. */
export interface Limits {
  readonly windows: readonly Window[]
  /** Of the account as a whole: "allowed", "queueing_soft", "payment_required", … */
  readonly status?: string
  readonly overage?: Overage
  /** `anthropic-organization-id`. */
  readonly organization?: string
}

/** A window's end that moves by less is the same end: providers' times jitter by seconds (`wire.md` §2.6). */
const JITTER_MS = MINUTE

/** Whether a window has begun anew between two readings of it. */
const isRollover = (before: Window, after: Window): boolean =>
  before.resetsAt !== undefined &&
  after.resetsAt !== undefined &&
  after.resetsAt - before.resetsAt >= JITTER_MS

/** Newer readings replace older ones of the same window; windows not mentioned stay, and so does an end that only jitters. */
export function withReadings(known: readonly Window[], readings: readonly Window[]): readonly Window[] {
  if (readings.length === 0) return known
  const names = new Set(readings.map((window) => window.name))
  const steady = readings.map((reading) => withSteadyEnd(known.find(isNamed(reading.name)), reading))
  return [...known.filter((window) => !names.has(window.name)), ...steady].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}

/** Within so long the same reading again is no news, not even of its time. */
const NEWS_MS = 5 * SECOND

/** Whether readings say what is known already, and was read just now: most answers' do. */
export const isNoNews = (known: readonly Window[], readings: readonly Window[]): boolean =>
  readings.every((reading) => {
    const before = known.find(isNamed(reading.name))
    return before !== undefined && reading.readAt - before.readAt < NEWS_MS && isAlike(before, reading)
  })

const isAlike = (before: Window, reading: Window): boolean =>
  before.utilization === reading.utilization &&
  before.status === reading.status &&
  before.remaining === reading.remaining &&
  before.resetsAt === withSteadyEnd(before, reading).resetsAt

const isNamed =
  (name: string) =>
  (window: Window): boolean =>
    window.name === name

/** Only an end that was still to come when it was read again can be the same one; meters of a minute have a new one each time. */
function withSteadyEnd(before: Window | undefined, reading: Window): Window {
  if (before?.resetsAt === undefined || reading.resetsAt === undefined) return reading
  if (!isLasting(reading) || before.resetsAt <= reading.readAt) return reading
  const isJitter = Math.abs(reading.resetsAt - before.resetsAt) < JITTER_MS
  return isJitter ? { ...reading, resetsAt: before.resetsAt } : reading
}

/**
 * A window as it stands now: when its end has passed since it was read, it has begun anew
 * and nothing is known of it until it is read again. Unknown is not zero.
 */
export function asOf({ name, readAt, ...reading }: Window, now: Millis): Window {
  return isPast(reading, now) ? { name, readAt } : { name, readAt, ...reading }
}

/** Whether a window has ended since it was read. */
export const isPast = ({ resetsAt }: Pick<Window, 'resetsAt'>, now: Millis): boolean =>
  resetsAt !== undefined && resetsAt <= now

/** Whether a reading says that the window can be drawn on. */
export const isOpenAgain = ({ utilization, status }: Window): boolean =>
  utilization !== undefined && utilization < 1 && (status === undefined || status.startsWith('allowed'))

/** Meters that refill within a minute are no windows to plan by: they are shown, not kept. */
const isLasting = ({ name }: Pick<Window, 'name'>): boolean => !name.endsWith('/min')

const KEEP_EVERY_MS = 5 * MINUTE
const KEEP_STEP = 0.005

/** Whether a reading says something new beside the last one that was kept for charts and forecasts. */
export function isWorthKeeping(kept: Window | undefined, reading: Window): boolean {
  if (!isLasting(reading) || reading.utilization === undefined) return false
  if (kept === undefined || kept.status !== reading.status || isRollover(kept, reading)) return true
  const isOld = reading.readAt - kept.readAt >= KEEP_EVERY_MS
  return isOld || Math.abs(reading.utilization - (kept.utilization ?? 0)) >= KEEP_STEP
}

const FAMILY_WINDOW = /^\d+[hd]_/

/**
 * What paid overage means for an account that is kept to its plan (`planOnly`): the plan's
 * windows are spent, so it rests until the first moment at which they are known to be open.
 */
export function overageLimit({ overage, windows }: Limits, now: Millis): Failure | undefined {
  if (overage?.inUse !== true) return undefined
  const spent = windows.filter(
    (window) => isSpent(window) && (window.resetsAt ?? now) > now && !FAMILY_WINDOW.test(window.name),
  )
  const last = spent.toSorted((a, b) => (b.resetsAt ?? 0) - (a.resetsAt ?? 0))[0]
  return {
    cause: 'window-spent',
    scope: { kind: 'account' },
    evidence: 'it has begun to draw on paid overage, and it is kept to its plan',
    until: last?.resetsAt ?? later(now, LOOK_AGAIN_MS),
    ...(last === undefined ? {} : { window: last.name }),
  }
}

const isSpent = (window: Window): boolean =>
  isLasting(window) && ((window.utilization ?? 0) >= 1 || window.status === 'rejected')

const LOOK_AGAIN_MS = 5 * MINUTE
