/**
 * Whether a key has room left under each of its limits, and when it has again. A request is
 * let in while there is room at all: what is in flight counts as it is expected, so that only
 * the last one let in can go over a limit. Must not count: that is key-use.ts.
 */
import type { Budget, BudgetPeriod, KeyLimits } from './key-limits.ts'
import { type KeyUse, startOf, usedIn } from './key-use.ts'
import {
  counts,
  endOfSlot,
  FIVE_HOURS,
  LAST_MINUTE,
  slotsOf,
  sumIn,
  sumOf,
  type Use,
  type Window,
} from './sliding-use.ts'
import {
  DAY,
  describeLength,
  later,
  type Millis,
  nextMonth,
  startOfNextDay,
  toIso,
  toMillis,
} from './time.ts'

type LimitName = 'requestsPerMinute' | 'tokensPerMinute' | 'maxConcurrent' | 'budget'

/** One limit and how it stands. */
export interface Gauge {
  readonly limit: LimitName
  /** Of a budget. */
  readonly period: BudgetPeriod | undefined
  readonly unit: keyof Use
  readonly most: number
  readonly used: number
  /** What the requests in flight are expected to add. */
  readonly reserved: number
}

/** What keeps a key's request out. */
export interface Excess {
  readonly gauge: Gauge
  /** When there is room again if nothing more comes; undefined: when a request in flight is over. */
  readonly until: Millis | undefined
}

/** The limit that keeps a request out the longest; undefined: it is let in. */
export function excessOf(limits: KeyLimits, use: KeyUse, now: Millis): Excess | undefined {
  let longest: Excess | undefined
  for (const gauge of gaugesOf(limits, use, now)) {
    if (!isFull(gauge)) continue
    const until = opensAt(gauge, use, now)
    if (longest === undefined || (until ?? 0) > (longest.until ?? 0)) longest = { gauge, until }
  }
  return longest
}

export function gaugesOf(limits: KeyLimits, use: KeyUse, now: Millis): readonly Gauge[] {
  const gauges: Gauge[] = []
  const { requestsPerMinute, tokensPerMinute, maxConcurrent, budgets } = limits
  if (requestsPerMinute !== undefined || tokensPerMinute !== undefined) {
    const { requests, tokens } = sumIn(use.lastMinute, LAST_MINUTE, now)
    if (requestsPerMinute !== undefined)
      gauges.push(simple('requestsPerMinute', 'requests', requestsPerMinute, requests))
    if (tokensPerMinute !== undefined)
      gauges.push(simple('tokensPerMinute', 'tokens', tokensPerMinute, tokens))
  }
  if (maxConcurrent !== undefined)
    gauges.push(simple('maxConcurrent', 'requests', maxConcurrent, use.inFlight))
  for (const budget of budgets ?? []) gauges.push(ofBudget(budget, use, now))
  return gauges
}

export const isFull = ({ most, used, reserved }: Gauge): boolean => used + reserved >= most

/** When what has been used leaves room again, nothing more being used; undefined where what is in flight decides. */
export function opensAt(
  { limit, period, unit, most, used }: Gauge,
  use: KeyUse,
  now: Millis,
): Millis | undefined {
  if (limit === 'maxConcurrent' || used < most) return undefined
  if (limit !== 'budget') return roomAt(use.lastMinute, LAST_MINUTE, { unit, most, now })
  if (period === undefined || period === '5h') return roomAt(use.fiveHours, FIVE_HOURS, { unit, most, now })
  return endOf(period, now)
}

/** When nothing of what has been used counts any more; undefined where nothing does now. */
export function resetsAt({ limit, period, used }: Gauge, use: KeyUse, now: Millis): Millis | undefined {
  if (limit === 'maxConcurrent') return undefined
  if (limit === 'budget' && period !== undefined && period !== '5h') return endOf(period, now)
  const [window, sliding] = limit === 'budget' ? [use.fiveHours, FIVE_HOURS] : [use.lastMinute, LAST_MINUTE]
  const ends = slotsOf(window)
    .filter((slot) => counts(slot, sliding, now))
    .map((slot) => endOfSlot(slot, sliding))
  return used === 0 || ends.length === 0 ? undefined : toMillis(Math.max(...ends))
}

/** For the client, the ledger and dry runs. */
export function sentenceOf(key: string, { gauge, until }: Excess, now: Millis): string {
  const again =
    until === undefined
      ? 'Try again when one of its requests is over.'
      : `It is let in again at ${toIso(until)} (in ${describeLength(until - now)}).`
  return `The key "${key}" ${wordsOf(gauge)}. ${again}`
}

/** "budget-usd-day", "requests-per-minute": of a bounded number, for metrics. */
export function excessName({ limit, unit, period }: Gauge): string {
  switch (limit) {
    case 'requestsPerMinute':
      return 'requests-per-minute'
    case 'tokensPerMinute':
      return 'tokens-per-minute'
    case 'maxConcurrent':
      return 'max-concurrent'
    case 'budget':
      return `budget-${unit}-${period ?? ''}`
  }
}

function wordsOf({ limit, most, unit, period, used }: Gauge): string {
  switch (limit) {
    case 'requestsPerMinute':
      return `has made its ${most} requests of this minute`
    case 'tokensPerMinute':
      return `has used its ${most} tokens of this minute, with what its requests under way may use`
    case 'maxConcurrent':
      return `has ${used} requests under way, and may have ${most}`
    case 'budget': {
      const budget = `${amount(most, unit)} ${PERIOD_WORDS[period ?? 'day']}`
      return used >= most
        ? `has used up its budget of ${budget}`
        : `has used ${amount(used, unit)} of its budget of ${budget}, and its requests under way may use the rest`
    }
  }
}

const amount = (value: number, unit: keyof Use): string =>
  unit === 'usd' ? `${Number(value.toFixed(4))} USD` : `${Math.ceil(value)} ${unit}`

const PERIOD_WORDS: Readonly<Record<BudgetPeriod, string>> = {
  '5h': 'in 5 hours',
  day: 'a day (UTC)',
  week: 'a week (from Monday, UTC)',
  month: 'a month (UTC)',
}

const simple = (limit: LimitName, unit: keyof Use, most: number, used: number): Gauge => ({
  limit,
  period: undefined,
  unit,
  most,
  used,
  reserved: 0,
})

function ofBudget(budget: Budget, use: KeyUse, now: Millis): Gauge {
  const { period } = budget
  const used = usedIn(use, period, now)
  const { reserved } = use
  const common = { limit: 'budget', period } as const
  if ('usd' in budget)
    return { ...common, unit: 'usd', most: budget.usd, used: used.usd, reserved: reserved.usd }
  return { ...common, unit: 'tokens', most: budget.tokens, used: used.tokens, reserved: reserved.tokens }
}

interface Room {
  readonly unit: keyof Use
  readonly most: number
  readonly now: Millis
}

/** The oldest go first, until what is left is less than `most`. */
function roomAt(window: Window, sliding: typeof LAST_MINUTE, { unit, most, now }: Room): Millis {
  const present = slotsOf(window).filter((slot) => counts(slot, sliding, now))
  // Added up as it will be then: what is subtracted instead may be off by the last digit.
  const first = present.findIndex((_, index) => sumOf(present.slice(index + 1), sliding, now)[unit] < most)
  const slot = present[first]
  return slot === undefined ? now : endOfSlot(slot, sliding)
}

function endOf(period: Exclude<BudgetPeriod, '5h'>, now: Millis): Millis {
  switch (period) {
    case 'day':
      return startOfNextDay(now)
    case 'week':
      return later(startOf('week', now), 7 * DAY)
    case 'month':
      return nextMonth(now)
  }
}
