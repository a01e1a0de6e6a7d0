/**
 * Puts together what a decision depends on, for traffic and for dry runs alike. Reads the
 * present; must not decide or change anything.
 */

import type { PoolRule } from '../core/rules.ts'
import { isAlive } from '../core/session.ts'
import type { FailedAttempt, RequestFacts, Situation } from '../core/situation.ts'
import type { StrategyName } from '../core/strategies.ts'
import type { ProxyContext } from './context.ts'
import type { ProxySettings } from './settings.ts'

/** What of a request's facts a decision depends on. */
export type AskedFacts = RequestFacts & {
  readonly pool: PoolRule | undefined
  /** The key's own, before the pool's and the one in force. */
  readonly strategy: StrategyName | undefined
  /** As clients know it; a pin holds for all conversations of a session. */
  readonly session?: string | undefined
}

/** What of the proxy's context a decision depends on. */
export interface Present extends Pick<ProxyContext, 'clock' | 'pool' | 'budget' | 'bindings' | 'spending'> {
  readonly pins: Pick<ProxyContext['pins'], 'of'>
  readonly settings: () => Pick<ProxySettings, 'strategy' | 'sessionMs' | 'retry' | 'rules'>
}

export interface Progress {
  readonly failed: readonly FailedAttempt[]
  readonly startedAt: Situation['startedAt']
  readonly waitedMs: number
  /** It cannot wait (any longer): the gateway stops, or the line is full. */
  readonly isUrgent?: boolean
}

export function situationOf(facts: AskedFacts, progress: Progress, context: Present): Situation {
  const { clock, pool, budget, bindings, pins, spending } = context
  const { strategy, sessionMs, retry, rules } = context.settings()
  const now = clock.now()
  const binding = facts.conversation === undefined ? undefined : bindings.get(facts.conversation)
  const isUrgent = progress.isUrgent === true
  return {
    request: isUrgent ? { ...facts, holdUntil: undefined } : facts,
    accounts: pool.views(),
    binding: binding !== undefined && isAlive(binding, sessionMs, now) ? binding : undefined,
    pin: facts.session === undefined ? undefined : pins.of(facts.session),
    failed: progress.failed,
    pool: facts.pool,
    reserves: rules.reserves,
    spentUsd: spending.ofGroup,
    strategy: facts.strategy ?? facts.pool?.strategy ?? strategy,
    sessionMs,
    policy: isUrgent ? { ...retry, queueMs: 0, throttleWaitMs: 0 } : retry,
    retriesLeft: budget.left(),
    startedAt: progress.startedAt,
    waitedMs: progress.waitedMs,
    now,
    chance: clock.chance(),
  }
}
