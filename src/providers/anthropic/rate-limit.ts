/**
 * How to read a 429 (`wire.md` §1.7). A spent window benches the account until the window's
 * own end, a family's window benches the family, a per-minute throttle benches for its
 * seconds, and a 429 without any limit header benches nobody. Words for the account's state
 * that nobody knows blame nobody.
 */
import type { Failure } from '../../core/failure.ts'
import type { Window } from '../../core/limits.ts'
import { familyOf } from '../../core/model.ts'
import { DAY, describeLength, HOUR, later, MINUTE, type Millis, nextMonth, SECOND } from '../../core/time.ts'
import type { ErrorEnvelope } from '../../dialects/messages/error.ts'
import { given } from '../given.ts'
import type { ErrorAnswer } from '../provider.ts'
import {
  readMinuteLimits,
  readRetryAfter,
  readUnifiedLimits,
  type UnifiedLimits,
  windowLengthMs,
} from './limits.ts'
import { ACCOUNT, familyScope, modelScope, paceScope, REQUEST } from './scope.ts'

/** Where nothing says how long a limit lasts at most: the shortest window of any plan. */
const LONGEST_UNKNOWN_MS = 5 * HOUR
/** Paid overage is counted by the month at most (`wire.md` §1.7, `overage-period`). */
const LONGEST_OVERAGE_MS = 31 * DAY
/** A payment problem that names no end is looked at again this soon. */
const PAYMENT_PROBE_MS = 5 * MINUTE
const OVERAGE = 'overage'
const CLAIMED_WINDOWS: ReadonlyMap<string, string> = new Map([
  ['five_hour', '5h'],
  ['seven_day', '7d'],
  ['seven_day_opus', '7d_opus'],
  ['seven_day_sonnet', '7d_sonnet'],
  ['seven_day_overage_included', '7d_oi'],
  ['overage', OVERAGE],
])
/** The words that mean “no”; "queueing_soft" and "allowed_warning" mean “still yes”. */
const HARD: ReadonlySet<string> = new Set([
  'rejected',
  'rate_limited',
  'blocked',
  'queueing_hard',
  'payment_required',
])

/** The words changed when extra usage came to be called usage credits. */
const LONG_CONTEXT = /(?:extra usage is|usage credits are) required/i

export function readLimitFailure(answer: ErrorAnswer, { message, code }: ErrorEnvelope): Failure {
  const { headers, now } = answer
  if (code === 'enforced_spend_limit_reached' || code === 'contract_spend_limit_reached') {
    const evidence = 'its monthly spend limit is reached (429)'
    return { cause: 'spend-limit', scope: ACCOUNT, evidence, until: nextMonth(now) }
  }
  if (LONG_CONTEXT.test(message)) {
    const evidence = 'its plan would need extra usage for a prompt this long (429)'
    return { cause: 'context-limit', scope: modelScope(answer), evidence, until: later(now, 5 * MINUTE) }
  }
  const unified = readUnifiedLimits(headers, now)
  return readSpentWindow(answer, unified) ?? readThrottle(answer) ?? refusedWithoutReason
}

const refusedWithoutReason: Failure = {
  cause: 'request-refused',
  scope: REQUEST,
  evidence: 'it refused this request without naming a limit (429)',
}

const isHard = (status: string | undefined): boolean => status !== undefined && HARD.has(status)
const isRejected = ({ status }: Window): boolean => isHard(status)
const isFamilyWindow = (name: string): boolean => name.includes('_')

function readSpentWindow(answer: ErrorAnswer, unified: UnifiedLimits): Failure | undefined {
  if (!isHard(unified.status)) return undefined
  if (unified.status === 'payment_required') return readUnpaid(answer, unified)
  const { now, model } = answer
  const { name, resetsAt } = spentWindowOf(unified)
  const window = name ?? 'limit'
  const until = later(now, bounded(waitFor(resetsAt, answer, unified), longestOf(window)))
  const whose = name === undefined ? {} : { window: name }
  if (!isFamilyWindow(window)) {
    const evidence = `its ${window} window is spent (429)`
    return { cause: 'window-spent', scope: ACCOUNT, evidence, until, ...whose }
  }
  const family = model === undefined ? '' : ` for ${familyOf(model)}`
  const evidence = `its ${window} window${family} is spent (429)`
  return { cause: 'family-spent', scope: familyScope(answer), evidence, until, ...whose }
}

interface SpentWindow {
  /** Undefined where nothing names it. */
  readonly name?: string
  readonly resetsAt?: Millis
}

/** The rejected window that speaks of the most: the account's before a family's, the later end before the earlier. */
function spentWindowOf({ claim, windows, overage }: UnifiedLimits): SpentWindow {
  const claimed = CLAIMED_WINDOWS.get(claim ?? '')
  const rejected = windows.filter((window) => isRejected(window) || window.name === claimed)
  const whole = rejected.filter(({ name }) => !isFamilyWindow(name))
  const spent = latest(whole.length > 0 ? whole : rejected)
  if (spent !== undefined) return spent
  if (claimed === OVERAGE) return given({ name: OVERAGE, resetsAt: overage?.resetsAt })
  if (claimed !== undefined) return { name: claimed }
  /* Plans that are nothing but overage have no other windows to name. */
  return overage !== undefined && windows.length === 0 ? { name: OVERAGE } : {}
}

function waitFor(
  resetsAt: Millis | undefined,
  { headers, now }: ErrorAnswer,
  { reset, overage }: UnifiedLimits,
): number {
  const end = resetsAt ?? reset
  if (end !== undefined) return end - now
  const overageEnd = overage?.resetsAt
  return readRetryAfter(headers, now) ?? (overageEnd === undefined ? MINUTE : overageEnd - now)
}

const longestOf = (window: string): number | undefined =>
  window === OVERAGE ? LONGEST_OVERAGE_MS : windowLengthMs(window)

function readUnpaid({ headers, now }: ErrorAnswer, { reset }: UnifiedLimits): Failure {
  const waitMs = reset === undefined ? (readRetryAfter(headers, now) ?? PAYMENT_PROBE_MS) : reset - now
  const evidence = 'its provider wants a payment before it serves more (429)'
  return { cause: 'billing', scope: ACCOUNT, evidence, until: later(now, bounded(waitMs)) }
}

/** Of several spent windows the one that opens last decides. */
const latest = (windows: readonly Window[]): Window | undefined =>
  windows.toSorted((a, b) => (b.resetsAt ?? 0) - (a.resetsAt ?? 0))[0]

function readThrottle(answer: ErrorAnswer): Failure | undefined {
  const { headers, now } = answer
  const retryMs = readRetryAfter(headers, now)
  const empty = readMinuteLimits(headers, now).filter(isRejected)
  const resets = empty.flatMap(({ resetsAt }) => (resetsAt === undefined ? [] : [resetsAt - now]))
  const waitMs = retryMs ?? (resets.length > 0 ? Math.max(...resets) : undefined)
  if (waitMs === undefined) return undefined
  const boundedMs = bounded(waitMs, retryMs === undefined ? MINUTE : undefined)
  const meter = empty[0]?.name ?? 'requests'
  return {
    cause: 'throttled',
    scope: paceScope(answer),
    evidence: `it throttles ${meter} for ${describeLength(boundedMs)} (429)`,
    until: later(now, boundedMs),
  }
}

/** A wait as long as said, within reason. */
export const bounded = (waitMs: number, mostMs = LONGEST_UNKNOWN_MS): number =>
  Math.min(mostMs, Math.max(SECOND, waitMs))
