/**
 * What a key has used: counted when a request comes (reserved), put right when it ends
 * (settled). Of bounded size, whatever comes. Periods follow from the moment of counting
 * alone, so that a ledger read back gives the same sums. Must not judge: that is key-gauge.ts.
 */
import type { BudgetPeriod } from './key-limits.ts'
import type { LedgerRow } from './ledger.ts'
import {
  type Amounts,
  FIVE_HOURS,
  LAST_MINUTE,
  NO_AMOUNTS,
  NO_SLOT,
  NO_WINDOW,
  NOTHING,
  plus,
  type Slot,
  slotStart,
  sumIn,
  toWindow,
  type Use,
  type Window,
  withLess,
  withUse,
} from './sliding-use.ts'
import { DAY, later, type Millis, startOfDay, startOfMonth, startOfWeek } from './time.ts'
import { promptTokensOf } from './usage.ts'

export type CalendarPeriod = Exclude<BudgetPeriod, '5h'>

/** What is counted for good: what the storage gives back after a restart. */
export type CountedUse = Readonly<Record<CalendarPeriod, Slot>> & {
  /** By five minutes, in the order in which they were begun. */
  readonly fiveHours: readonly Slot[]
}

export interface KeyUse extends Omit<CountedUse, 'fiveHours'> {
  /** By two seconds: requests as they came, tokens as they are expected until they are known. */
  readonly lastMinute: Window
  readonly fiveHours: Window
  readonly inFlight: number
  /** What the requests in flight are expected to use. */
  readonly reserved: Amounts
}

/** One request's part of what is reserved. */
export interface Reservation extends Amounts {
  readonly at: Millis
}

export const NO_USE: KeyUse = {
  lastMinute: NO_WINDOW,
  fiveHours: NO_WINDOW,
  day: NO_SLOT,
  week: NO_SLOT,
  month: NO_SLOT,
  inFlight: 0,
  reserved: NO_AMOUNTS,
}

/** As the storage gave it back, with nothing under way. */
export const begunWith = ({ fiveHours, ...periods }: CountedUse): KeyUse => ({
  ...NO_USE,
  ...periods,
  fiveHours: toWindow(fiveHours),
})

/** A request has come and is let in. */
export function afterArrival(use: KeyUse, { at, tokens, usd }: Reservation): KeyUse {
  const { reserved } = use
  return {
    ...use,
    lastMinute: withUse(use.lastMinute, { at, requests: 1, tokens, usd: 0 }, LAST_MINUTE),
    inFlight: use.inFlight + 1,
    reserved: { tokens: reserved.tokens + tokens, usd: reserved.usd + usd },
  }
}

/** It is over, and used that much: what never reached an account has used nothing, and was no request. */
export function afterEnd(use: KeyUse, reservation: Reservation, used: Use, now: Millis): KeyUse {
  const inFlight = Math.max(0, use.inFlight - 1)
  const { tokens, usd } = use.reserved
  return {
    ...use,
    lastMinute: corrected(use.lastMinute, reservation, used, now),
    inFlight,
    // Sums of fractions drift; where nothing is in flight there is nothing to drift from.
    reserved:
      inFlight === 0
        ? NO_AMOUNTS
        : {
            tokens: Math.max(0, tokens - reservation.tokens),
            usd: Math.max(0, usd - reservation.usd),
          },
  }
}

/** What one row of the ledger adds for good. */
export function afterRow(use: KeyUse, used: Use, at: Millis): KeyUse {
  if (used.requests === 0 && used.tokens === 0 && used.usd === 0) return use
  return {
    ...use,
    fiveHours: withUse(use.fiveHours, { at, ...used }, FIVE_HOURS),
    day: plusIn(use, 'day', used, at),
    week: plusIn(use, 'week', used, at),
    month: plusIn(use, 'month', used, at),
  }
}

/** A row counts at the moment at which its request ended. */
export const countedAt = ({ startedAt, durationMs }: Pick<LedgerRow, 'startedAt' | 'durationMs'>): Millis =>
  later(startedAt, durationMs)

export const usedBy = ({
  attempts,
  usage,
  costUsd,
}: Pick<LedgerRow, 'attempts' | 'usage' | 'costUsd'>): Use => ({
  requests: attempts.length > 0 ? 1 : 0,
  tokens: promptTokensOf(usage) - usage.cacheReadTokens + usage.outputTokens,
  usd: costUsd ?? 0,
})

/** What counts at `now` of a budget's period. */
export function usedIn(use: KeyUse, period: BudgetPeriod, now: Millis): Use {
  if (period === '5h') return sumIn(use.fiveHours, FIVE_HOURS, now)
  const slot = use[period]
  return isIn(slot, period, now) ? slot : NOTHING
}

/** Whether the period that begins with the slot is the one that `at` lies in. */
const isIn = (slot: Slot, period: CalendarPeriod, at: Millis): boolean =>
  // Of all periods this much is certain without a look at the calendar.
  (at >= slot.at && at - slot.at < SURELY_MS[period]) || slot.at === startOf(period, at)

const SURELY_MS: Readonly<Record<CalendarPeriod, number>> = { day: DAY, week: 7 * DAY, month: 28 * DAY }

/** The first moment of the period that `at` lies in. */
export function startOf(period: CalendarPeriod, at: Millis): Millis {
  switch (period) {
    case 'day':
      return startOfDay(at)
    case 'week':
      return startOfWeek(at)
    case 'month':
      return startOfMonth(at)
  }
}

/** The expectation is taken back where it stands; what was used beyond it counts from now on. */
function corrected(window: Window, reservation: Reservation, used: Use, now: Millis): Window {
  const excess = used.tokens - reservation.tokens
  const at = slotStart(reservation.at, LAST_MINUTE)
  const less = { requests: used.requests - 1, tokens: Math.min(0, excess), usd: 0 }
  const righted = withLess(window, at, less)
  return excess > 0
    ? withUse(righted, { at: now, requests: 0, tokens: excess, usd: 0 }, LAST_MINUTE)
    : righted
}

const plusIn = (use: KeyUse, period: CalendarPeriod, more: Use, at: Millis): Slot =>
  isIn(use[period], period, at) ? plus(use[period], more) : { at: startOf(period, at), ...more }
