/**
 * Times and lengths of time. A moment is `Millis`, a length is a plain number whose name
 * ends in `Ms`. Nothing here asks a clock: the present is always an argument. The only
 * file of the pure layers that may name `Date`, to read and write calendar texts.
 */

declare const moment: unique symbol

/** A moment: whole milliseconds since 1970-01-01T00:00Z. */
export type Millis = number & { readonly [moment]: true }

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const toMillis = (milliseconds: number): Millis => Math.round(milliseconds) as Millis

export const later = (from: Millis, byMs: number): Millis => toMillis(from + byMs)

/** ISO 8601 in UTC, the way the API and the logs show moments. */
export const toIso = (at: Millis): string => new Date(at).toISOString()

const RFC_3339 = /^\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))?$/
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/

/**
 * Reads RFC 3339 (of a date alone its first moment, UTC) and the date of HTTP (RFC 9110
 * §5.6.7). Anything else is undefined: what `Date.parse` makes of it would be a guess.
 */
export function readDate(text: string): Millis | undefined {
  if (!RFC_3339.test(text) && !HTTP_DATE.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : toMillis(at)
}

/** The first moment of the month after this one, UTC: when monthly spend limits start again. */
export function nextMonth(from: Millis): Millis {
  const date = new Date(from)
  return toMillis(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1))
}

/** The first moment of the UTC day that `at` lies in, and of the next one. */
export const startOfDay = (at: Millis): Millis => toMillis(at - (at % DAY))
export const startOfNextDay = (at: Millis): Millis => later(startOfDay(at), DAY)

/** 1970 began on a Thursday; weeks begin on Monday. */
const FIRST_MONDAY = 4 * DAY

/** The first moment of the UTC week, from Monday, and of the UTC month that `at` lies in. */
export const startOfWeek = (at: Millis): Millis => toMillis(at - ((at - FIRST_MONDAY) % (7 * DAY)))

export function startOfMonth(at: Millis): Millis {
  const date = new Date(at)
  return toMillis(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1))
}

const LENGTH = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?$/
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, min: MINUTE, h: HOUR, d: DAY }

/** "90s", "10m", "1h" or plain seconds, in milliseconds; undefined for anything else. */
export function readLength(text: string): number | undefined {
  const [, count, unit = 's'] = LENGTH.exec(text.trim()) ?? []
  return count === undefined ? undefined : Math.round(Number(count) * (UNITS[unit] ?? SECOND))
}

const WRITTEN = [
  ['d', DAY],
  ['h', HOUR],
  ['m', MINUTE],
  ['s', SECOND],
] as const

/** The reverse of `readLength`, in the largest unit that it is whole in: "10m", "1d". */
export function writeLength(lengthMs: number): string {
  if (lengthMs === 0) return '0s'
  const [unit, ms] = WRITTEN.find(([, each]) => lengthMs % each === 0) ?? ['ms', 1]
  return `${lengthMs / ms}${unit}`
}

/** "2 h 5 min", "40 s": for sentences that people read. */
export function describeLength(lengthMs: number): string {
  const seconds = Math.max(0, Math.ceil(lengthMs / SECOND))
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.round(hours / 24)} days`
}
