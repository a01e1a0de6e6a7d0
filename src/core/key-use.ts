/**
 * What a key has used: counted when a request comes (reserved), put right when it ends
 * (settled). Of bounded size, whatever comes. Periods follow from the moment of counting
 * alone, so that a ledger read back gives the same sums. Must not judge: that is key-gauge.ts.
 */
import type { BudgetPeriod } from './key-limits.ts'
import type { LedgerRow } from './ledger.ts'
import {
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

export interface KeyUse extends CountedUse {
  /** By the second: requests as they came, tokens as they are expected until they are known. */
  readonly lastMinute: readonly Slot[]
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

export const LAST_MINUTE: Sliding = { spanMs: MINUTE, widthMs: SECOND }
export const FIVE_HOURS: Sliding = { spanMs: 5 * HOUR, widthMs: 5 * MINUTE }

const NO_AMOUNTS: Amounts = { tokens: 0, usd: 0 }
const NOTHING: Use = { requests: 0, ...NO_AMOUNTS }
const NO_SLOT: Slot = { at: toMillis(0), ...NOTHING }

export const NO_USE: KeyUse = {
  lastMinute: [],
  fiveHours: [],
  day: NO_SLOT,
  week: NO_SLOT,
  month: NO_SLOT,
  inFlight: 0,
  reserved: NO_AMOUNTS,
}

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
    day: plusIn(use.day, used, startOf('day', at)),
    week: plusIn(use.week, used, startOf('week', at)),
    month: plusIn(use.month, used, startOf('month', at)),
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
export function usedIn(use: CountedUse, period: BudgetPeriod, now: Millis): Use {
  if (period === '5h') return sumOf(use.fiveHours, FIVE_HOURS, now)
  const slot = use[period]
  return slot.at === startOf(period, now) ? slot : NOTHING
}

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
export const counts = (slot: Slot, sliding: Sliding, now: Millis): boolean =>
  now < endOfSlot(slot, sliding) && slot.at - now <= sliding.spanMs

export function sumOf(slots: readonly Slot[], sliding: Sliding, now: Millis): Use {
  let requests = 0
  let tokens = 0
  let usd = 0
  for (const slot of slots) {
    if (!counts(slot, sliding, now)) continue
    requests += slot.requests
    tokens += slot.tokens
    usd += slot.usd
  }
  return { requests, tokens, usd }
}

/** Mostly the newest slot grows; what no longer counts is dropped when a new one begins. */
function withUse(slots: readonly Slot[], { at: moment, ...more }: Slot, sliding: Sliding): readonly Slot[] {
  const at = slotStart(moment, sliding)
  const last = slots.at(-1)
  if (last?.at === at) return slots.with(-1, plus(last, more))
  const kept = slots.filter((slot) => slot.at !== at && counts(slot, sliding, moment))
  const known = slots.find((slot) => slot.at === at)
  return [...kept, known === undefined ? { at, ...more } : plus(known, more)]
}

/** The expectation is taken back where it stands; what was used beyond it counts from now on. */
function corrected(
  slots: readonly Slot[],
  reservation: Reservation,
  used: Use,
  now: Millis,
): readonly Slot[] {
  const excess = used.tokens - reservation.tokens
  const at = slotStart(reservation.at, LAST_MINUTE)
  const index = slots.findLastIndex((slot) => slot.at === at)
  const slot = slots[index]
  const late = { at: now, requests: 0, tokens: excess, usd: 0 }
  if (slot === undefined) return excess > 0 ? withUse(slots, late, LAST_MINUTE) : slots
  const less = { requests: used.requests - 1, tokens: Math.min(0, excess), usd: 0 }
  const righted = slots.with(index, plus(slot, less))
  return excess > 0 ? withUse(righted, late, LAST_MINUTE) : righted
}

const plusIn = (slot: Slot, more: Use, at: Millis): Slot =>
  slot.at === at ? plus(slot, more) : { at, ...more }

const plus = ({ at, requests, tokens, usd }: Slot, more: Use): Slot => ({
  at,
  requests: Math.max(0, requests + more.requests),
  tokens: Math.max(0, tokens + more.tokens),
  usd: Math.max(0, usd + more.usd),
})
