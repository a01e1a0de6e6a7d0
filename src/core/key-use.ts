/**
 * What a key has used: counted when a request comes (reserved), put right when it ends
 * (settled). Of bounded size, whatever comes. Periods follow from the moment of counting
 * alone, so that a ledger read back gives the same sums. Must not judge: that is key-gauge.ts.
 */
import type { BudgetPeriod } from './key-limits.ts'
import type { LedgerRow } from './ledger.ts'
import {
  DAY,
  HOUR,
  later,
  MINUTE,
  type Millis,
  SECOND,
  startOfDay,
  startOfMonth,
  startOfWeek,
  toMillis,
} from './time.ts'
import { promptTokensOf } from './usage.ts'

interface Amounts {
  /** Input, output and cache writes. */
  readonly tokens: number
  readonly usd: number
}

export interface Use extends Amounts {
  readonly requests: number
}

/** What was used within a short span, or within a calendar period, that begins at `at`. */
export interface Slot extends Use {
  readonly at: Millis
}

export type CalendarPeriod = Exclude<BudgetPeriod, '5h'>

/** What is counted for good: what the storage gives back after a restart. */
export type CountedUse = Readonly<Record<CalendarPeriod, Slot>> & {
  /** By five minutes, in the order in which they were begun. */
  readonly fiveHours: readonly Slot[]
}

/**
 * Slots in the order of time, the newest apart: mostly it alone grows, and the sum of the
 * others is known as long as the oldest of them counts.
 */
export interface Window {
  readonly past: readonly Slot[]
  readonly pastSum: Use
  readonly newest: Slot
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

/** A window that slides in steps: a slot counts until its whole width is out of the span. */
interface Sliding {
  readonly spanMs: number
  readonly widthMs: number
}

export const LAST_MINUTE: Sliding = { spanMs: MINUTE, widthMs: 2 * SECOND }
export const FIVE_HOURS: Sliding = { spanMs: 5 * HOUR, widthMs: 5 * MINUTE }

const NO_AMOUNTS: Amounts = { tokens: 0, usd: 0 }
const NOTHING: Use = { requests: 0, ...NO_AMOUNTS }
const NO_SLOT: Slot = { at: toMillis(0), ...NOTHING }

const NO_WINDOW: Window = { past: [], pastSum: NOTHING, newest: NO_SLOT }

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

export const slotStart = (at: Millis, { widthMs }: Sliding): Millis => toMillis(at - (at % widthMs))

/** When a slot no longer counts. */
export const endOfSlot = ({ at }: Slot, { spanMs, widthMs }: Sliding): Millis => later(at, spanMs + widthMs)

/** A clock that was put back leaves slots in the future: those beyond a whole span are not believed. */
export const counts = ({ at }: Slot, { spanMs, widthMs }: Sliding, now: Millis): boolean =>
  now - at < spanMs + widthMs && at - now <= spanMs

export const slotsOf = ({ past, newest }: Window): readonly Slot[] =>
  newest === NO_SLOT ? past : [...past, newest]

export function sumIn(window: Window, sliding: Sliding, now: Millis): Use {
  const { past, newest } = window
  return counts(newest, sliding, now)
    ? sum(pastSumAt(window, sliding, now), newest)
    : sumOf(past, sliding, now)
}

export function sumOf(slots: readonly Slot[], sliding: Sliding, now: Millis): Use {
  let total = NOTHING
  for (const slot of slots) if (counts(slot, sliding, now)) total = sum(total, slot)
  return total
}

/** Where the newest counts, what does not is at the beginning. Whole numbers are subtracted, fractions added up anew. */
function pastSumAt({ past, pastSum }: Window, sliding: Sliding, now: Millis): Use {
  const ended = endedIn(past, sliding, now)
  if (ended === 0) return pastSum
  if (pastSum.usd !== 0) return sumOf(past, sliding, now)
  let { requests, tokens } = pastSum
  for (let index = 0; index < ended; index++) {
    requests -= past[index]?.requests ?? 0
    tokens -= past[index]?.tokens ?? 0
  }
  return { requests, tokens, usd: 0 }
}

function endedIn(past: readonly Slot[], sliding: Sliding, now: Millis): number {
  const first = past.findIndex((slot) => counts(slot, sliding, now))
  return first < 0 ? past.length : first
}

/** Of slots in the order of time. */
function toWindow(slots: readonly Slot[]): Window {
  const past = slots.slice(0, -1)
  return { past, pastSum: past.reduce<Use>(sum, NOTHING), newest: slots.at(-1) ?? NO_SLOT }
}

/** What no longer counts is dropped when a new slot begins. */
function withUse(window: Window, { at: moment, ...more }: Slot, sliding: Sliding): Window {
  const { past, newest } = window
  const at = slotStart(moment, sliding)
  if (newest.at === at) return { ...window, newest: plus(newest, more) }
  if (newest.at > at) return withEarlier(window, { at, ...more }, sliding)
  const begun = { at, ...more }
  if (!counts(newest, sliding, moment)) return { ...NO_WINDOW, newest: begun }
  const kept = past.slice(endedIn(past, sliding, moment))
  kept.push(newest)
  return { past: kept, pastSum: sum(pastSumAt(window, sliding, moment), newest), newest: begun }
}

/** The clock was put back. */
function withEarlier(window: Window, more: Slot, sliding: Sliding): Window {
  const kept = slotsOf(window).filter((slot) => counts(slot, sliding, more.at))
  const known = kept.find((slot) => slot.at === more.at)
  const others = kept.filter((slot) => slot !== known)
  return toWindow([...others, known === undefined ? more : plus(known, more)].toSorted((a, b) => a.at - b.at))
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

/** A slot that is there no more has nothing to be taken back from. */
function withLess(window: Window, at: Millis, less: Use): Window {
  const { past, newest } = window
  if (newest.at === at) return { ...window, newest: plus(newest, less) }
  const index = past.findLastIndex((slot) => slot.at === at)
  const slot = past[index]
  return slot === undefined ? window : toWindow([...past.with(index, plus(slot, less)), newest])
}

const sum = (a: Use, b: Use): Use => ({
  requests: a.requests + b.requests,
  tokens: a.tokens + b.tokens,
  usd: a.usd + b.usd,
})

const plusIn = (use: KeyUse, period: CalendarPeriod, more: Use, at: Millis): Slot =>
  isIn(use[period], period, at) ? plus(use[period], more) : { at: startOf(period, at), ...more }

const plus = ({ at, requests, tokens, usd }: Slot, more: Use): Slot => ({
  at,
  requests: Math.max(0, requests + more.requests),
  tokens: Math.max(0, tokens + more.tokens),
  usd: Math.max(0, usd + more.usd),
})
