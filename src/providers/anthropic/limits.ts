/**
 * Reads Anthropic's rate-limit headers: the unified ones of subscriptions and the per-minute
 * ones of API keys (`wire.md` §1.6–1.7). Every header is optional and every value set open;
 * what cannot be read is absent. Must not judge.
 */
import { type Headers, headerOf } from '../../core/headers.ts'
import type { Limits, Window } from '../../core/limits.ts'
import { DAY, HOUR, type Millis, readDate, SECOND, toMillis } from '../../core/time.ts'

export interface UnifiedLimits {
  /** The account as a whole: "allowed", "allowed_warning", "rejected", …. */
  readonly status: string | undefined
  readonly claim: string | undefined
  readonly reset: Millis | undefined
  /** "5h", "7d", "7d_oi", … with what is said of each. */
  readonly windows: readonly Window[]
}

/** Everything that an answer's headers say of the account's limits. */
export function readAnthropicLimits(headers: Headers, now: Millis): Limits | undefined {
  const limits = headers.filter(([name]) => name.startsWith(ANY))
  if (limits.length === 0) return undefined
  const { windows } = readUnifiedLimits(limits, now)
  const hasOthers = limits.some(([name]) => !name.startsWith(UNIFIED))
  return { windows: hasOthers ? [...windows, ...readMinuteLimits(limits, now)] : windows }
}

const ANY = 'anthropic-ratelimit-'
const UNIFIED = 'anthropic-ratelimit-unified-'
/** Suffixes that look like windows but say something else. */
const NOT_WINDOWS: ReadonlySet<string> = new Set(['overage', 'slow', 'grace', 'fallback'])
/** A few senders count in percent; fractions never come near this (`wire.md` §1.7). */
const SURELY_PERCENT = 5

export function readUnifiedLimits(headers: Headers, now: Millis): UnifiedLimits {
  const names = new Set<string>()
  for (const [name] of headers) {
    const match = name.startsWith(UNIFIED) ? WINDOW_FIELD.exec(name.slice(UNIFIED.length)) : null
    if (match?.[1] !== undefined && !NOT_WINDOWS.has(match[1])) names.add(match[1])
  }
  return {
    status: headerOf(headers, `${UNIFIED}status`),
    claim: headerOf(headers, `${UNIFIED}representative-claim`),
    reset: readEpoch(headerOf(headers, `${UNIFIED}reset`)),
    windows: [...names].map((name) => readWindow(headers, name, now)),
  }
}

const WINDOW_FIELD = /^(\d+[hd](?:_[a-z0-9]+)?)-(?:status|utilization|reset)$/

function readWindow(headers: Headers, name: string, now: Millis): Window {
  const utilization = readFraction(headerOf(headers, `${UNIFIED}${name}-utilization`))
  const resetsAt = readEpoch(headerOf(headers, `${UNIFIED}${name}-reset`))
  const status = headerOf(headers, `${UNIFIED}${name}-status`)
  return {
    name,
    ...(utilization === undefined ? {} : { utilization }),
    ...(resetsAt === undefined ? {} : { resetsAt }),
    ...(status === undefined ? {} : { status }),
    readAt: now,
  }
}

/** Per-minute meters of API keys: used share and refill time. */
export function readMinuteLimits(headers: Headers, now: Millis): readonly Window[] {
  return MINUTE_METERS.flatMap(([meter, name]) => {
    const limit = readCount(headerOf(headers, `anthropic-ratelimit-${meter}-limit`))
    const remaining = readCount(headerOf(headers, `anthropic-ratelimit-${meter}-remaining`))
    if (!limit || remaining === undefined) return []
    const resetsAt = readDate(headerOf(headers, `anthropic-ratelimit-${meter}-reset`) ?? '')
    const utilization = Math.max(0, 1 - remaining / limit)
    const status = remaining > 0 ? 'allowed' : 'rejected'
    return [{ name, utilization, status, readAt: now, ...(resetsAt === undefined ? {} : { resetsAt }) }]
  })
}

const readCount = (text: string | undefined): number | undefined =>
  text !== undefined && COUNT.test(text) ? Number(text) : undefined

const COUNT = /^\d{1,15}$/

const MINUTE_METERS = [
  ['requests', 'requests/min'],
  ['tokens', 'tokens/min'],
  ['input-tokens', 'input-tokens/min'],
  ['output-tokens', 'output-tokens/min'],
] as const

/** The upstream's wait in milliseconds: finer header first, then seconds, then a date read against its own clock. */
export function readRetryAfter(headers: Headers, now: Millis): number | undefined {
  const fine = headerOf(headers, 'retry-after-ms')
  if (fine !== undefined && NUMBER.test(fine)) return Number(fine)
  const text = headerOf(headers, 'retry-after')
  if (text === undefined) return undefined
  if (NUMBER.test(text)) return Number(text) * SECOND
  const at = DATE.test(text) ? readDate(text) : undefined
  const theirNow = readDate(headerOf(headers, 'date') ?? '') ?? now
  return at === undefined ? undefined : at - theirNow
}

const NUMBER = /^-?\d+(?:\.\d+)?$/
const DATE = /^[A-Z][a-z]{2}, /

/** How long a window of this name is, which bounds how long its end can be away. */
export function windowLengthMs(name: string): number | undefined {
  const match = /^(\d+)([hd])/.exec(name)
  return match === null ? undefined : Number(match[1]) * (match[2] === 'h' ? HOUR : DAY)
}

function readEpoch(text: string | undefined): Millis | undefined {
  if (text === undefined || !/^\d{9,11}(?:\.\d+)?$/.test(text)) return undefined
  return toMillis(Number(text) * SECOND)
}

function readFraction(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+(?:\.\d+)?$/.test(text)) return undefined
  const value = Number(text)
  return value > SURELY_PERCENT ? value / 100 : value
}
