/**
 * The answer of GET /api/oauth/usage (`wire.md` §2.6): percents and ISO times, the named
 * windows and the list of limits beside each other. Pure.
 */
import { toIso, toMillis } from '../core/time.ts'
import {
  disabledReasonOf,
  type LoginUsage,
  SPENT_AT_PERCENT,
  type UsedOverage,
  type UsedWindow,
  WARNS_AT_PERCENT,
  WINDOW_KINDS,
  type WindowKind,
} from './login-usage.ts'

/** What may be spent on overage in a month, in cents. */
const MONTHLY_CENTS = 5_000

export const usageAnswer = (usage: LoginUsage): object => ({
  ...Object.fromEntries(
    WINDOW_KINDS.filter(({ isUnnamed }) => isUnnamed !== true).map(({ claim, key }) => [
      claim,
      namedWindow(usage[key]),
    ]),
  ),
  seven_day_oauth_apps: null,
  seven_day_cowork: null,
  extra_usage: extraUsage(usage.overage),
  ...(usage.hasLimits ? { limits: WINDOW_KINDS.flatMap((kind) => limitOf(kind, usage[kind.key])) } : {}),
  spend: spend(usage.overage),
  member_dashboard_available: false,
})

function namedWindow(window: UsedWindow | undefined): object | null {
  if (window === undefined) return null
  const dollars = { limit_dollars: null, used_dollars: null, remaining_dollars: null }
  return { utilization: window.usedPercent, resets_at: endOf(window), ...dollars }
}

const endOf = ({ resetsAt }: UsedWindow): string | null =>
  resetsAt === undefined ? null : toIso(toMillis(resetsAt))

function limitOf({ kind, family }: WindowKind, window: UsedWindow | undefined): readonly object[] {
  if (window === undefined) return []
  const { usedPercent } = window
  return [
    {
      kind,
      group: kind === 'session' ? 'session' : 'weekly',
      percent: usedPercent,
      severity: severityOf(usedPercent),
      resets_at: endOf(window),
      scope: family === undefined ? null : scopeOf(family),
      is_active: true,
    },
  ]
}

const scopeOf = (family: string): object => ({
  model: { id: null, display_name: `${family.charAt(0).toUpperCase()}${family.slice(1)}` },
  surface: null,
})

function severityOf(percent: number): 'normal' | 'warning' | 'critical' {
  if (percent >= SPENT_AT_PERCENT) return 'critical'
  return percent >= WARNS_AT_PERCENT ? 'warning' : 'normal'
}

const centsOf = (percent: number): number => Math.round((MONTHLY_CENTS * percent) / 100)

const extraUsage = ({ isEnabled, usedPercent }: UsedOverage): object =>
  isEnabled
    ? {
        is_enabled: true,
        monthly_limit: MONTHLY_CENTS,
        used_credits: centsOf(usedPercent),
        utilization: usedPercent,
      }
    : { is_enabled: false, monthly_limit: null, used_credits: null, utilization: null }

function spend(overage: UsedOverage): object {
  const { isEnabled, usedPercent } = overage
  const percent = isEnabled ? usedPercent : 0
  return {
    used: money(centsOf(percent)),
    limit: isEnabled ? money(MONTHLY_CENTS) : null,
    percent,
    severity: severityOf(percent),
    enabled: isEnabled,
    disabled_reason: isEnabled ? null : disabledReasonOf(overage),
    cap: null,
    can_purchase_credits: true,
  }
}

const money = (cents: number): object => ({ amount_minor: cents, currency: 'USD', exponent: 2 })
