/**
 * Whether a request that nobody can take now is better kept waiting than refused: for a slot
 * of a busy account, for the end of a short throttle, or, where its client has asked for it,
 * for anything that ends by itself. Must not wait itself, and must not choose accounts.
 */
import { outlookOf } from './failure.ts'
import type { Refusal } from './refusal.ts'
import type { Situation } from './situation.ts'
import { later, type Millis, toMillis } from './time.ts'

export type WaitCause = 'probing' | 'own-account' | 'busy' | 'throttled' | 'held'

export interface Waiting {
  /** When it makes sense to ask again, unless something changes before. */
  readonly until: Millis
  readonly cause: WaitCause
}

export function waitFor(situation: Situation, refusals: readonly Refusal[]): Waiting | undefined {
  const { policy, waitedMs, now, request } = situation
  const ends = endsOf(situation, refusals)
  const throttled = soonest(ends.filter(({ isThrottle }) => isThrottle))
  if (throttled !== undefined && waitedMs + (throttled - now) <= policy.throttleWaitMs)
    return { until: throttled, cause: 'throttled' }
  const isBusy = refusals.some(({ reason }) => reason === 'busy')
  if (isBusy && waitedMs < policy.queueMs)
    return { until: later(now, policy.queueMs - waitedMs), cause: 'busy' }
  const { holdUntil } = request
  if (holdUntil === undefined || holdUntil <= now) return undefined
  const next = soonest(ends)
  if (next === undefined && !isBusy) return undefined
  return { until: toMillis(Math.min(holdUntil, next ?? holdUntil)), cause: 'held' }
}

interface End {
  readonly at: Millis
  /** It refills within a minute. */
  readonly isThrottle: boolean
}

/** When what keeps the accounts from this request ends by itself. */
function endsOf({ failed, now }: Situation, refusals: readonly Refusal[]): readonly End[] {
  const ofRefusals = refusals.flatMap(({ until, cause }) =>
    until === undefined ? [] : [{ at: until, isThrottle: cause === 'throttled' }],
  )
  const ofFailures = failed.flatMap(({ failure: { until, cause } }) => {
    const outlook = outlookOf(cause)
    return until === undefined || (outlook !== 'limited' && outlook !== 'overloaded')
      ? []
      : [{ at: until, isThrottle: cause === 'throttled' }]
  })
  return [...ofRefusals, ...ofFailures].filter(({ at }) => at > now)
}

const soonest = (ends: readonly End[]): Millis | undefined =>
  ends.length === 0 ? undefined : toMillis(Math.min(...ends.map(({ at }) => at)))
