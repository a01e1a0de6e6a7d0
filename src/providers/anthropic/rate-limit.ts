/**
 * How to read a 429 (`wire.md` §1.7). A spent window benches the account until the window's
 * own end, a family's window benches the family, a per-minute throttle benches for its
 * seconds, and a 429 without any limit header benches nobody.
 */
import type { Failure } from '../../core/failure.ts'
import type { Window } from '../../core/limits.ts'
import { familyOf } from '../../core/model.ts'
import { describeLength, HOUR, later, MINUTE, nextMonth, SECOND } from '../../core/time.ts'
import type { ErrorEnvelope } from '../../dialects/messages/error.ts'
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
const CLAIMED_WINDOWS: ReadonlyMap<string, string> = new Map([
  ['five_hour', '5h'],
  ['seven_day', '7d'],
  ['seven_day_opus', '7d_opus'],
  ['seven_day_sonnet', '7d_sonnet'],
  ['seven_day_overage_included', '7d_oi'],
])

export function readLimitFailure(answer: ErrorAnswer, { message, code }: ErrorEnvelope): Failure {
  const { headers, now } = answer
  if (code === 'enforced_spend_limit_reached' || code === 'contract_spend_limit_reached') {
    const evidence = 'its monthly spend limit is reached (429)'
    return { cause: 'spend-limit', scope: ACCOUNT, evidence, until: nextMonth(now) }
  }
  if (/extra usage is required/i.test(message)) {
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

const isRejected = ({ status }: Window): boolean => status !== undefined && !status.startsWith('allowed')
const isFamilyWindow = (name: string): boolean => name.includes('_')

function readSpentWindow(answer: ErrorAnswer, unified: UnifiedLimits): Failure | undefined {
  if (unified.status === undefined || unified.status.startsWith('allowed')) return undefined
  const { headers, now, model } = answer
  const claimed = CLAIMED_WINDOWS.get(unified.claim ?? '')
  const rejected = unified.windows.filter((window) => isRejected(window) || window.name === claimed)
  const whole = rejected.filter((window) => !isFamilyWindow(window.name))
  const spent = latest(whole.length > 0 ? whole : rejected)
  const name = spent?.name ?? claimed ?? 'limit'
  const reset = spent?.resetsAt ?? unified.reset
  const waitMs = reset === undefined ? (readRetryAfter(headers, now) ?? MINUTE) : reset - now
  const until = later(now, bounded(waitMs, windowLengthMs(name)))
  if (!isFamilyWindow(name)) {
    return { cause: 'window-spent', scope: ACCOUNT, evidence: `its ${name} window is spent (429)`, until }
  }
  const whose = model === undefined ? '' : ` for ${familyOf(model)}`
  const evidence = `its ${name} window${whose} is spent (429)`
  return { cause: 'family-spent', scope: familyScope(answer), evidence, until }
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

const bounded = (waitMs: number, mostMs = LONGEST_UNKNOWN_MS): number =>
  Math.min(mostMs, Math.max(SECOND, waitMs))
