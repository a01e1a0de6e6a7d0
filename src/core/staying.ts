/**
 * Whether a conversation stays with its account, waits for it, or goes: what its cache is
 * worth against what waiting or a dearer account costs. Prices come from the price list and
 * the conversation's own past answers. Must not choose where it goes instead.
 */
import { rewriteUsd } from './cost.ts'
import type { Refusal } from './refusal.ts'
import { tierOf } from './rules.ts'
import { CACHE_LIFE_MS, isWarm, movingTokens } from './session.ts'
import type { AccountView, Situation } from './situation.ts'
import { later, type Millis, SECOND } from './time.ts'

export interface MovingPrice {
  readonly tokens: number
  /** Undefined where the model has no known price. */
  readonly usd: number | undefined
}

/** What going to `to` costs a conversation: the part of its cache that has to be written there. */
export function movingPrice(
  to: AccountView | undefined,
  { binding, request, now }: Pick<Situation, 'binding' | 'request' | 'now'>,
): MovingPrice | undefined {
  if (binding === undefined || to?.account.id === binding.account) return undefined
  if (!isWarm(binding, now)) return { tokens: 0, usd: 0 }
  const tokens = to === undefined ? binding.cache.tokens : movingTokens(binding, to.account.id)
  const isLong = binding.cache.lifeMs > CACHE_LIFE_MS
  return { tokens, usd: rewriteUsd(request.wanted ?? '', tokens, { isLong, at: now }) }
}

/**
 * While its cache is warm a conversation stays; on an account of a worse tier only until it
 * has cost there what going back costs, so that neither is ever paid more than twice.
 */
export function isStaying(bound: AccountView, usable: readonly AccountView[], situation: Situation): boolean {
  const { binding, now } = situation
  const [best] = usable
  if (binding === undefined || best === undefined || usable.includes(bound)) {
    return (
      binding === undefined || best === undefined || isWarm(binding, now) || isBestPriority(bound, usable)
    )
  }
  if (!isWarm(binding, now)) return false
  const { usd = 0 } = movingPrice(best, situation) ?? {}
  return binding.cache.paidUsd < usd
}

const isBestPriority = (view: AccountView, usable: readonly AccountView[]): boolean =>
  usable.every(({ account }) => account.priority >= view.account.priority)

const NEXT_SLOT_MS = 2 * SECOND

/**
 * Until when a conversation had better wait for its own account, which can take requests
 * again soon, than have its cache written anew by another; undefined: it had better not.
 */
export function worthWaiting(situation: Situation, refusals: readonly Refusal[]): Millis | undefined {
  const { binding, policy, strategy, waitedMs, now } = situation
  if (binding === undefined || strategy !== 'affinity' || !isWarm(binding, now)) return undefined
  const refusal = refusals.find(({ account }) => account.id === binding.account)
  const backAt = refusal === undefined ? undefined : expectedBack(refusal, situation)
  if (backAt === undefined) return undefined
  const waitMs = backAt - now
  if (
    waitedMs + waitMs > policy.throttleWaitMs ||
    backAt >= later(binding.cache.touchedAt, binding.cache.lifeMs)
  )
    return undefined
  // Where it spilled before, part of its cache is there already.
  const elsewhere = situation.accounts.find(({ account }) => account.id === binding.spill)
  const { usd = 0 } = movingPrice(elsewhere, situation) ?? {}
  return (waitMs / SECOND) * policy.waitUsdPerSecond < usd ? backAt : undefined
}

/** A throttle says when it ends; a busy account has a slot again after about one of its requests. */
function expectedBack(refusal: Refusal, { accounts, now }: Situation): Millis | undefined {
  if (refusal.reason === 'cooling' && refusal.cause === 'throttled') return refusal.until
  if (refusal.reason !== 'busy') return undefined
  const view = accounts.find(({ account }) => account.id === refusal.account.id)
  const { meanMs = NEXT_SLOT_MS, inFlight = 1 } = view ?? {}
  return later(now, meanMs / Math.max(1, inFlight))
}

/** The best tier of the pool among these accounts; those of worse ones wait their turn. */
export function ofBestTier(views: readonly AccountView[], situation: Situation): readonly AccountView[] {
  const { pool, spentUsd } = situation
  if (pool === undefined || pool.tiers.length < 2) return views
  let best = Number.POSITIVE_INFINITY
  const tiers = views.map(({ account }) => tierOf(account, pool, spentUsd) ?? Number.POSITIVE_INFINITY)
  for (const tier of tiers) best = Math.min(best, tier)
  return views.filter((_, index) => tiers[index] === best)
}
