/**
 * What a provider has said of an account itself: whose it is, which plan it has, how it
 * stands beyond its windows. Shown to people and used to keep conversations within one
 * organization (`wire.md` §1.8). Must not judge.
 */
import type { Limits, Overage } from './limits.ts'

export interface Standing {
  /** In the provider's word: "allowed", "queueing_soft", "payment_required", … */
  readonly status?: string
  readonly overage?: Overage
  /** The id of the organization that owns what the account makes. */
  readonly organization?: string
  readonly organizationName?: string
  /** "claude_max", "claude_pro", …, as the provider calls it. */
  readonly plan?: string
  readonly email?: string
  /** What was signed in to last: a subscription (max), or the console. */
  readonly loginMode?: 'max' | 'console'
}

export const UNKNOWN_STANDING: Standing = {}

/** The same object where nothing new was said, so that nothing is written for it. */
export function withLimits(standing: Standing, { status, overage, organization }: Limits): Standing {
  const next: Standing = {
    ...standing,
    ...(status === undefined ? {} : { status }),
    ...(overage === undefined ? {} : { overage }),
    ...(organization === undefined ? {} : { organization }),
  }
  return isSame(standing, next) ? standing : next
}

/** Less than a percent of utilization moves with every answer and is no news. */
const isSame = (a: Standing, b: Standing): boolean =>
  a.status === b.status &&
  a.organization === b.organization &&
  a.overage?.inUse === b.overage?.inUse &&
  a.overage?.status === b.overage?.status &&
  a.overage?.disabledReason === b.overage?.disabledReason &&
  a.overage?.resetsAt === b.overage?.resetsAt &&
  percentOf(a.overage) === percentOf(b.overage)

const percentOf = (overage: Overage | undefined): number | undefined =>
  overage?.utilization === undefined ? undefined : Math.floor(overage.utilization * 100)
