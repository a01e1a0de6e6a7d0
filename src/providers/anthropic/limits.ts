/**
 * Reads Anthropic's rate-limit headers: the unified ones of subscriptions and the per-minute
 * ones of API keys (`wire.md` §1.6–1.7). Runs for every answer, so it goes over the headers
 * once. Every header is optional and every value set open; what cannot be read is absent.
 * Must not judge.
 */
import { type Headers, headerOf } from '../../core/headers.ts'
import type { Limits, Overage, Window } from '../../core/limits.ts'
import { DAY, HOUR, type Millis, readDate, SECOND, toMillis } from '../../core/time.ts'
import { given } from '../given.ts'

export interface UnifiedLimits {
  /** The account as a whole: "allowed", "allowed_warning", "rejected", …. */
  readonly status: string | undefined
  readonly claim: string | undefined
  readonly reset: Millis | undefined
  /** "5h", "7d", "7d_oi", … with what is said of each. */
  readonly windows: readonly Window[]
  readonly overage: Overage | undefined
}

const ANY = 'anthropic-ratelimit-'
const UNIFIED = `${ANY}unified-`
const OVERAGE = `${UNIFIED}overage-`
const ORGANIZATION = 'anthropic-organization-id'
/** A few senders count in percent; fractions never come near this (`wire.md` §1.7). */
const SURELY_PERCENT = 5

/** What the rate-limit headers say, by their whole names: to cut each one costs more than to read it. */
type Said = ReadonlyMap<string, string>

/** Everything that an answer's headers say of the account's limits. */
export function readAnthropicLimits(headers: Headers, now: Millis): Limits | undefined {
  const { said, organization } = gather(headers)
  if (said.size === 0) return organization === undefined ? undefined : { windows: [], organization }
  const { status, overage, windows } = toUnified(said, now)
  return {
    windows: [...windows, ...toMinuteWindows(said, now)],
    ...given({ status, overage, organization }),
  }
}

export const readUnifiedLimits = (headers: Headers, now: Millis): UnifiedLimits =>
  toUnified(gather(headers).said, now)

/** Per-minute meters of API keys: used share and refill time. */
export const readMinuteLimits = (headers: Headers, now: Millis): readonly Window[] =>
  toMinuteWindows(gather(headers).said, now)

/** Of a repeated header the first value counts. */
function gather(headers: Headers): { readonly said: Said; readonly organization: string | undefined } {
  const said = new Map<string, string>()
  let organization: string | undefined
  for (const [name, value] of headers) {
    if (name.startsWith(ANY)) {
      if (!said.has(name)) said.set(name, value)
    } else if (name === ORGANIZATION && value !== '') organization ??= value
  }
  return { said, organization }
}

const toUnified = (said: Said, now: Millis): UnifiedLimits => ({
  status: said.get(`${UNIFIED}status`),
  claim: said.get(`${UNIFIED}representative-claim`),
  reset: readEpoch(said.get(`${UNIFIED}reset`)),
  windows: toWindows(said, now),
  overage: toOverage(said),
})

type Draft = { -readonly [Field in keyof Window]: Window[Field] }

const WINDOW = /^\d+[hd](?:_[a-z0-9]+)?$/

function toWindows(said: Said, now: Millis): readonly Window[] {
  const windows = new Map<string, Draft>()
  for (const [header, value] of said) {
    if (!beginsWithDigit(header)) continue
    const end = header.lastIndexOf('-')
    const name = header.slice(UNIFIED.length, end)
    const field = header.slice(end + 1)
    if (!FIELDS.has(field) || !WINDOW.test(name)) continue
    const window = windows.get(name) ?? { name, readAt: now }
    windows.set(name, window)
    fill(window, field, value)
  }
  return [...windows.values()]
}

/** Only windows are named by a length. */
function beginsWithDigit(header: string): boolean {
  const character = header.charCodeAt(UNIFIED.length)
  return character >= ZERO && character <= ZERO + 9 && header.startsWith(UNIFIED)
}

const ZERO = 48
const FIELDS: ReadonlySet<string> = new Set(['status', 'utilization', 'reset'])

function fill(window: Draft, field: string, value: string): void {
  if (field === 'status') {
    window.status = value
    return
  }
  const number = field === 'reset' ? readEpoch(value) : readFraction(value)
  if (number === undefined) return
  if (field === 'reset') window.resetsAt = toMillis(number)
  else window.utilization = number
}

/** A healthy account without extra usage says "rejected" here: this is never the account's own status. */
function toOverage(said: Said): Overage | undefined {
  const inUse = said.get(`${OVERAGE}in-use`)
  const spoken = given({
    status: said.get(`${OVERAGE}status`),
    utilization: readFraction(said.get(`${OVERAGE}utilization`)),
    resetsAt: readEpoch(said.get(`${OVERAGE}reset`)),
    disabledReason: said.get(`${OVERAGE}disabled-reason`),
  })
  if (inUse === undefined && Object.keys(spoken).length === 0) return undefined
  return { inUse: inUse === 'true', ...spoken }
}

function toMinuteWindows(said: Said, now: Millis): readonly Window[] {
  return MINUTE_METERS.flatMap(([meter, name]) => {
    const limit = readCount(said.get(`${meter}-limit`))
    const remaining = limit ? readCount(said.get(`${meter}-remaining`)) : undefined
    if (!limit || remaining === undefined) return []
    const resetsAt = readDate(said.get(`${meter}-reset`) ?? '')
    const utilization = Math.max(0, 1 - remaining / limit)
    const status = remaining > 0 ? 'allowed' : 'rejected'
    return [{ name, utilization, status, readAt: now, ...given({ resetsAt }) }]
  })
}

const readCount = (text: string | undefined): number | undefined =>
  text !== undefined && COUNT.test(text) ? Number(text) : undefined

const COUNT = /^\d{1,15}$/

const MINUTE_METERS = [
  [`${ANY}requests`, 'requests/min'],
  [`${ANY}tokens`, 'tokens/min'],
  [`${ANY}input-tokens`, 'input-tokens/min'],
  [`${ANY}output-tokens`, 'output-tokens/min'],
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
