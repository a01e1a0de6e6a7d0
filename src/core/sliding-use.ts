/**
 * What was used within a span that slides: slots of time, of bounded number, and their sum.
 * Must not know what it is that is counted.
 */
import { HOUR, later, MINUTE, type Millis, SECOND, toMillis } from './time.ts'

export interface Amounts {
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

/**
 * Slots in the order of time, the newest apart: mostly it alone grows, and the sum of the
 * others is known as long as the oldest of them counts. Those are one list of numbers, four a
 * slot as in `Slot`: with ten thousand keys a million objects would keep the collector busy.
 */
export interface Window {
  readonly past: readonly number[]
  readonly pastSum: Use
  readonly newest: Slot
}

/** A window that slides in steps: a slot counts until its whole width is out of the span. */
interface Sliding {
  readonly spanMs: number
  readonly widthMs: number
}

export const LAST_MINUTE: Sliding = { spanMs: MINUTE, widthMs: 2 * SECOND }
export const FIVE_HOURS: Sliding = { spanMs: 5 * HOUR, widthMs: 5 * MINUTE }

export const NO_AMOUNTS: Amounts = { tokens: 0, usd: 0 }
export const NOTHING: Use = { requests: 0, ...NO_AMOUNTS }
export const NO_SLOT: Slot = { at: toMillis(0), ...NOTHING }

export const NO_WINDOW: Window = { past: [], pastSum: NOTHING, newest: NO_SLOT }

export const slotStart = (at: Millis, { widthMs }: Sliding): Millis => toMillis(at - (at % widthMs))

/** When a slot no longer counts. */
export const endOfSlot = ({ at }: Slot, { spanMs, widthMs }: Sliding): Millis => later(at, spanMs + widthMs)

/** A clock that was put back leaves slots in the future: those beyond a whole span are not believed. */
export const counts = ({ at }: Slot, { spanMs, widthMs }: Sliding, now: Millis): boolean =>
  now - at < spanMs + widthMs && at - now <= spanMs

/** What a slot takes in a window's list. */
const WIDTH = 4

export function slotsOf({ past, newest }: Window): readonly Slot[] {
  const slots: Slot[] = []
  for (let at = 0; at < past.length; at += WIDTH) slots.push(slotAt(past, at))
  return newest === NO_SLOT ? slots : [...slots, newest]
}

const slotAt = (past: readonly number[], index: number): Slot => ({
  at: toMillis(past[index] ?? 0),
  requests: past[index + 1] ?? 0,
  tokens: past[index + 2] ?? 0,
  usd: past[index + 3] ?? 0,
})

export function sumIn(window: Window, sliding: Sliding, now: Millis): Use {
  const { newest } = window
  return counts(newest, sliding, now)
    ? sum(pastSumAt(window, sliding, now), newest)
    : sumOf(slotsOf(window), sliding, now)
}

export function sumOf(slots: readonly Slot[], sliding: Sliding, now: Millis): Use {
  let total = NOTHING
  for (const slot of slots) if (counts(slot, sliding, now)) total = sum(total, slot)
  return total
}

/** Where the newest counts, what does not is at the beginning. */
function pastSumAt({ past, pastSum }: Window, sliding: Sliding, now: Millis): Use {
  const ended = endedIn(past, sliding, now)
  return ended === 0 ? pastSum : pastSumFrom(past, ended)
}

function pastSumFrom(past: readonly number[], start: number): Use {
  let [requests, tokens, usd] = [0, 0, 0]
  for (let index = start; index < past.length; index += WIDTH) {
    requests += past[index + 1] ?? 0
    tokens += past[index + 2] ?? 0
    usd += past[index + 3] ?? 0
  }
  return { requests, tokens, usd }
}

/** How much of the list no longer counts. */
function endedIn(past: readonly number[], { spanMs, widthMs }: Sliding, now: Millis): number {
  const since = now - spanMs - widthMs
  let index = 0
  while (index < past.length && (past[index] ?? 0) <= since) index += WIDTH
  return index
}

/** Of slots in the order of time. */
export function toWindow(slots: readonly Slot[]): Window {
  const past = slots.slice(0, -1).flatMap(({ at, requests, tokens, usd }) => [at, requests, tokens, usd])
  return { past, pastSum: pastSumFrom(past, 0), newest: slots.at(-1) ?? NO_SLOT }
}

/** What no longer counts is dropped when a new slot begins. */
export function withUse(window: Window, { at: moment, ...more }: Slot, sliding: Sliding): Window {
  const { past, newest } = window
  const at = slotStart(moment, sliding)
  if (newest.at === at) return { ...window, newest: plus(newest, more) }
  if (newest.at > at) return withEarlier(window, { at, ...more }, sliding)
  const begun = { at, ...more }
  if (!counts(newest, sliding, moment)) return { ...NO_WINDOW, newest: begun }
  const kept = past.slice(endedIn(past, sliding, moment))
  kept.push(newest.at, newest.requests, newest.tokens, newest.usd)
  return { past: kept, pastSum: sum(pastSumAt(window, sliding, moment), newest), newest: begun }
}

/** The clock was put back. */
function withEarlier(window: Window, more: Slot, sliding: Sliding): Window {
  const kept = slotsOf(window).filter((slot) => counts(slot, sliding, more.at))
  const known = kept.find((slot) => slot.at === more.at)
  const others = kept.filter((slot) => slot !== known)
  return toWindow([...others, known === undefined ? more : plus(known, more)].toSorted((a, b) => a.at - b.at))
}

/** A slot that is there no more has nothing to be taken back from. */
export function withLess(window: Window, at: Millis, less: Use): Window {
  const { newest } = window
  if (newest.at === at) return { ...window, newest: plus(newest, less) }
  const slots = slotsOf(window)
  return slots.some((slot) => slot.at === at)
    ? toWindow(slots.map((slot) => (slot.at === at ? plus(slot, less) : slot)))
    : window
}

export const plus = ({ at, requests, tokens, usd }: Slot, more: Use): Slot => ({
  at,
  requests: Math.max(0, requests + more.requests),
  tokens: Math.max(0, tokens + more.tokens),
  usd: Math.max(0, usd + more.usd),
})

const sum = (a: Use, b: Use): Use => ({
  requests: a.requests + b.requests,
  tokens: a.tokens + b.tokens,
  usd: a.usd + b.usd,
})
