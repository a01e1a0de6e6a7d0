/**
 * Limits in the vendor's shapes: unified headers (`wire.md` §1.7) and the answer of its usage
 * endpoint (§2.6), written for the pool as a whole. Must not weigh anything.
 */
import type { Headers } from '../../core/headers.ts'
import type { PoolLimits, PoolWindow, PoolWindowName } from '../../core/pool-limits.ts'
import { type Millis, SECOND, toIso } from '../../core/time.ts'

const PREFIX = 'anthropic-ratelimit-unified-'
const CLAIMS: Readonly<Record<PoolWindowName, string>> = { '5h': 'five_hour', '7d': 'seven_day' }
const THRESHOLDS = [1, 0.9, 0.75] as const

export function writeUnifiedLimits({ status, tightest, windows }: PoolLimits): Headers {
  return [
    [`${PREFIX}status`, status],
    ...resetOf('', tightest.resetsAt),
    [`${PREFIX}representative-claim`, CLAIMS[tightest.name]],
    ...windows.flatMap(windowFields),
  ]
}

/**
 * The same for a request that nobody can take before `until`: clients then show a plan's end,
 * not a fault (§3.5). Where the plans are not spent, as with one family's week, no window of
 * theirs is named for it.
 */
export function writeSpentLimits(limits: PoolLimits, until: Millis): Headers {
  const { status, windows, tightest } = limits
  const claim = [`${PREFIX}representative-claim`, CLAIMS[tightest.name]] as const
  return [
    [`${PREFIX}status`, 'rejected'],
    ...resetOf('', until),
    ...(status === 'rejected' ? [claim] : []),
    ...windows.flatMap(windowFields),
  ]
}

const resetOf = (window: string, resetsAt: Millis | undefined): Headers =>
  resetsAt === undefined ? [] : [[`${PREFIX}${window}reset`, String(Math.round(resetsAt / SECOND))]]

function windowFields({ name, utilization, resetsAt, status }: PoolWindow): Headers {
  const surpassed = THRESHOLDS.find((threshold) => utilization >= threshold)
  return [
    [`${PREFIX}${name}-status`, status],
    [`${PREFIX}${name}-utilization`, String(rounded(utilization))],
    ...resetOf(`${name}-`, resetsAt),
    ...(surpassed === undefined
      ? []
      : [[`${PREFIX}${name}-surpassed-threshold`, surpassed.toFixed(2)] as const]),
  ]
}

const rounded = (utilization: number): number => Math.round(utilization * 10_000) / 10_000

/** Here shares are percents (§2.6). */
export function writeUsage(limits: PoolLimits | undefined): string {
  const slot = (wanted: PoolWindowName): object | null => {
    const window = limits?.windows.find(({ name }) => name === wanted)
    return window === undefined ? null : { utilization: percentOf(window), resets_at: isoOf(window) }
  }
  return JSON.stringify({
    five_hour: slot('5h'),
    seven_day: slot('7d'),
    seven_day_opus: null,
    seven_day_sonnet: null,
    extra_usage: { is_enabled: false, monthly_limit: null, used_credits: null, utilization: null },
    limits: (limits?.windows ?? []).map((window) => ({
      kind: window.name === '5h' ? 'session' : 'weekly_all',
      group: window.name === '5h' ? 'session' : 'weekly',
      percent: percentOf(window),
      severity: SEVERITIES[window.status],
      resets_at: isoOf(window),
      scope: null,
      is_active: true,
    })),
  })
}

const percentOf = ({ utilization }: PoolWindow): number => Math.round(utilization * 1_000) / 10
const isoOf = ({ resetsAt }: PoolWindow): string | null => (resetsAt === undefined ? null : toIso(resetsAt))

const SEVERITIES: Readonly<Record<PoolWindow['status'], string>> = {
  allowed: 'normal',
  allowed_warning: 'warning',
  rejected: 'critical',
}
