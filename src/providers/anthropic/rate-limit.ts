/**
 * How to read a 429 (`wire.md` §1.7). A spent window benches the account until the window's
 * own end, a family's window benches the family, a per-minute throttle benches for its
 * seconds, and a 429 without any limit header benches nobody.
 */
import type { Failure } from '../../core/failure.ts'
import type { Headers } from '../../core/headers.ts'
import type { Window } from '../../core/limits.ts'
import { familyOf } from '../../core/model.ts'
import { describeLength, HOUR, later, MINUTE, type Millis, nextMonth, SECOND } from '../../core/time.ts'
import type { ErrorEnvelope } from '../../dialects/messages/error.ts'
import type { ErrorAnswer } from '../provider.ts'
import {
  readMinuteLimits,
  readRetryAfter,
  readUnifiedLimits,
  type UnifiedLimits,
  windowLengthMs,
} from './limits.ts'

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
  const { headers, now, model } = answer
  if (code === 'enforced_spend_limit_reached' || code === 'contract_spend_limit_reached') {
    const evidence = 'its monthly spend limit is reached (429)'
    return { cause: 'spend-limit', scope: { kind: 'account' }, evidence, until: nextMonth(now) }
  }
  if (/extra usage is required/i.test(message) && model !== undefined) {
    const evidence = 'its plan would need extra usage for a prompt this long (429)'
    return {
      cause: 'context-limit',
      scope: { kind: 'model', model },
      evidence,
      until: later(now, 5 * MINUTE),
    }
  }
  const unified = readUnifiedLimits(headers, now)
  return readSpentWindow(answer, unified) ?? readThrottle(headers, now) ?? refusedWithoutReason
}

const refusedWithoutReason: Failure = {
  cause: 'request-refused',
  scope: { kind: 'request' },
  evidence: 'it refused this request without naming a limit (429)',
}

const isRejected = ({ status }: Window): boolean => status !== undefined && !status.startsWith('allowed')
const isFamilyWindow = ({ name }: Window): boolean => name.includes('_')

function readSpentWindow({ headers, now, model }: ErrorAnswer, unified: UnifiedLimits): Failure | undefined {
  if (unified.status === undefined || unified.status.startsWith('allowed')) return undefined
  const claimed = CLAIMED_WINDOWS.get(unified.claim ?? '')
  const rejected = unified.windows.filter((window) => isRejected(window) || window.name === claimed)
  const whole = rejected.filter((window) => !isFamilyWindow(window))
  const spent = latest(whole.length > 0 ? whole : rejected)
  const reset = spent?.resetsAt ?? unified.reset
  const waitMs = reset === undefined ? (readRetryAfter(headers, now) ?? MINUTE) : reset - now
  const until = later(now, bounded(waitMs, windowLengthMs(spent?.name ?? claimed ?? '')))
  const name = spent?.name ?? claimed ?? 'limit'
  const isFamily = spent !== undefined && isFamilyWindow(spent) && model !== undefined
  return isFamily
    ? {
        cause: 'family-spent',
        scope: { kind: 'family', family: familyOf(model) },
        evidence: `its ${name} window for ${familyOf(model)} is spent (429)`,
        until,
      }
    : {
        cause: 'window-spent',
        scope: { kind: 'account' },
        evidence: `its ${name} window is spent (429)`,
        until,
      }
}

/** Of several spent windows the one that opens last decides. */
const latest = (windows: readonly Window[]): Window | undefined =>
  windows.toSorted((a, b) => (b.resetsAt ?? 0) - (a.resetsAt ?? 0))[0]

function readThrottle(headers: Headers, now: Millis): Failure | undefined {
  const retryMs = readRetryAfter(headers, now)
  const empty = readMinuteLimits(headers, now).filter(isRejected)
  const resets = empty.flatMap(({ resetsAt }) => (resetsAt === undefined ? [] : [resetsAt - now]))
  const waitMs = retryMs ?? (resets.length > 0 ? Math.max(...resets) : undefined)
  if (waitMs === undefined) return undefined
  const boundedMs = bounded(waitMs, retryMs === undefined ? MINUTE : undefined)
  const meter = empty[0]?.name ?? 'requests'
  return {
    cause: 'throttled',
    scope: { kind: 'account' },
    evidence: `it throttles ${meter} for ${describeLength(boundedMs)} (429)`,
    until: later(now, boundedMs),
  }
}

const bounded = (waitMs: number, mostMs = LONGEST_UNKNOWN_MS): number =>
  Math.min(mostMs, Math.max(SECOND, waitMs))
