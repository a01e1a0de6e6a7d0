/**
 * Why an account cannot take a request. One function, asked on every path: by strategies,
 * for spills, for the explanation, for dry runs and for the answer when nobody is left. The
 * cheap questions come first, because it is asked of every account. Must not rank.
 */
import type { Account } from './account.ts'
import { circuitOf, ORIGIN_FACTOR } from './circuit.ts'
import type { Cause } from './failure.ts'
import { type Cooldown, isAbout } from './health.ts'
import { isPast, type Window } from './limits.ts'
import { isReachable } from './owner.ts'
import { type PoolRule, tierOf } from './rules.ts'
import { servedModelsOf, unservedReason } from './served.ts'
import { isWarm } from './session.ts'
import type { AccountView, Situation } from './situation.ts'
import { later, type Millis, startOfNextDay } from './time.ts'
import { isMetering } from './window.ts'

export interface Refusal {
  readonly account: Account
  readonly reason:
    | 'paused'
    | 'not-in-pool'
    | 'not-for-key'
    | 'over-budget'
    | 'excluded'
    | 'not-the-owner'
    | 'needs-login'
    | 'unserved'
    | 'probing'
    | 'cooling'
    | 'circuit-open'
    | 'busy'
    | 'reserved'
    | 'near-limit'
  /** For `cooling`: from what. */
  readonly cause?: Cause
  readonly evidence?: string
  readonly until?: Millis
  /** Others go first, but nobody is refused for this alone. */
  readonly isSoft?: boolean
}

/** The part of a situation that a refusal depends on. */
export type Asking = Pick<
  Situation,
  'request' | 'now' | 'binding' | 'pool' | 'reserves' | 'spentUsd' | 'policy'
>

export function refusalOf(view: AccountView, asking: Asking): Refusal | undefined {
  const { account, health } = view
  const { request, pool, now } = asking
  if (account.pausedAt !== undefined) return { account, reason: 'paused' }
  if (pool !== undefined && tierOf(account, pool, asking.spentUsd) === undefined)
    return outOfPool(account, pool, now)
  if (request.groups !== undefined && !request.groups.some((group) => account.groups.includes(group)))
    return { account, reason: 'not-for-key', evidence: `its key is for ${request.groups.join(', ')}` }
  if (request.excluded.length > 0 && request.excluded.includes(account.name))
    return { account, reason: 'excluded', evidence: 'the client does not want it' }
  if (request.owner !== undefined && !isReachable(request.owner, view))
    return { account, reason: 'not-the-owner' }
  if (health.login !== undefined) return { account, reason: 'needs-login', evidence: health.login.reason }
  return (
    modelRefusal(view, asking) ??
    circuitRefusal(view, asking) ??
    (account.maxConcurrent === undefined ? undefined : busyRefusal(view, account.maxConcurrent)) ??
    (view.tightest < LEAST_TIGHT && asking.reserves.length === 0 ? undefined : windowRefusal(view, asking))
  )
}

/** The model to ask this account for: the first of its alternatives that it can serve now. */
export function modelFor(
  view: AccountView,
  { request, failed, now }: Pick<Situation, 'request' | 'failed' | 'now'>,
): string | undefined {
  const { wanted } = request
  if (wanted === undefined) return undefined
  const models = servedModelsOf(view.account, wanted)
  const [first = wanted] = models
  if (models.length === 1) return first
  const hasFailed = (model: string) =>
    failed.some(({ account, ...attempt }) => account === view.account.id && attempt.model === model)
  const open = models.filter((model) => refusalFor(model, view, now) === undefined)
  return open.find((model) => !hasFailed(model)) ?? open[0] ?? first
}

function outOfPool(account: Account, pool: PoolRule, now: Millis): Refusal {
  const tier = pool.tiers.find(({ group }) => group === '*' || account.groups.includes(group))
  if (tier === undefined) return { account, reason: 'not-in-pool' }
  const evidence = `the group ${tier.group} has cost its ${tier.usdPerDay ?? 0} USD for today`
  return { account, reason: 'over-budget', evidence, until: startOfNextDay(now) }
}

/** Of several alternatives the last one's refusal stands; one that can be served is enough. */
function modelRefusal(view: AccountView, { request: { wanted }, now }: Asking): Refusal | undefined {
  const { account, health, plan } = view
  const isUncooled = health.cooldowns.length === 0
  // Nearly every account: nothing is mapped, listed, ruled out or cooling, so any model will do.
  if (isUncooled && account.modelMap.size === 0 && account.models === undefined && plan === undefined)
    return undefined
  if (wanted === undefined) return isUncooled ? undefined : refusalFor(undefined, view, now)
  let refusal: Refusal | undefined
  for (const model of servedModelsOf(account, wanted)) {
    refusal = refusalFor(model, view, now)
    if (refusal === undefined) return undefined
  }
  return refusal
}

function refusalFor(model: string | undefined, view: AccountView, now: Millis): Refusal | undefined {
  const { account, health, plan } = view
  const unserved = model === undefined ? undefined : unservedReason(account, plan, model)
  if (unserved !== undefined) return { account, reason: 'unserved', evidence: unserved }
  if (health.cooldowns.length === 0) return undefined
  const cooldown = worstOf(health.cooldowns, model)
  if (cooldown === undefined) return undefined
  const { cause, evidence, until } = cooldown
  if (until > now) return { account, reason: 'cooling', cause, evidence, until }
  return view.probingSince === undefined ? undefined : { account, reason: 'probing', cause, evidence }
}

/** The one that lasts longest of those that speak about the model. */
function worstOf(cooldowns: readonly Cooldown[], model: string | undefined): Cooldown | undefined {
  let worst: Cooldown | undefined
  for (const cooldown of cooldowns) {
    if (worst !== undefined && cooldown.until <= worst.until) continue
    if (isAbout(cooldown.scope, model)) worst = cooldown
  }
  return worst
}

function circuitRefusal(view: AccountView, { policy, now }: Asking): Refusal | undefined {
  const { account, health, origin } = view
  if (health.faults.inARow === 0 && origin.faults.inARow === 0) return undefined
  const own = circuitOf(health.faults, policy.circuitFaults, now)
  const shared = circuitOf(origin.faults, policy.circuitFaults * ORIGIN_FACTOR, now)
  const what = own.kind === 'closed' ? 'its endpoint' : 'it'
  const faults = own.kind === 'closed' ? origin.faults : health.faults
  const evidence = `${what} has failed ${faults.inARow} times in a row`
  const open = [own, shared].find(({ kind }) => kind === 'open')
  if (open?.kind === 'open') return { account, reason: 'circuit-open', evidence, until: open.until }
  const isProbed =
    (own.kind === 'half-open' && view.probingSince !== undefined) ||
    (shared.kind === 'half-open' && origin.probingSince !== undefined)
  return isProbed ? { account, reason: 'probing', cause: 'server-error', evidence } : undefined
}

const busyRefusal = ({ account, inFlight }: AccountView, most: number): Refusal | undefined =>
  inFlight < most
    ? undefined
    : { account, reason: 'busy', evidence: `${inFlight} requests in flight, its limit is ${most}` }

/** Below that no request is expected to cross a window by itself. */
const LEAST_TIGHT = 0.9

/** A reserve is kept, and a window that this request would cross is left to conversations that are at home there. */
function windowRefusal(view: AccountView, asking: Asking): Refusal | undefined {
  const { account } = view
  const { request, binding, now } = asking
  const isHome = binding?.account === account.id && isWarm(binding, now)
  for (const window of view.windows) {
    const { utilization = 0, name, resetsAt } = window
    if (utilization === 0 || isPast(window, now) || !isMetering(name, request.wanted)) continue
    const expected = utilization + shareOf(view, window, request.tokens)
    const kept = reservedUntil(window, expected, account, asking)
    if (kept !== undefined) return kept
    if (expected < 1 || isHome) continue
    return {
      account,
      reason: 'near-limit',
      evidence: `its ${name} window is at ${Math.floor(utilization * 100)} %, this request is expected to cross its end`,
      ...(resetsAt === undefined ? {} : { until: resetsAt }),
      isSoft: true,
    }
  }
  return undefined
}

/** The fraction of a window that what is in flight and this request are expected to take. */
function shareOf({ worth, expectedTokens }: AccountView, { name }: Window, tokens: number): number {
  const whole = worth.get(name)
  return whole === undefined ? 0 : (expectedTokens + tokens) / whole
}

function reservedUntil(
  window: Window,
  expected: number,
  account: Account,
  { reserves, request, now }: Asking,
): Refusal | undefined {
  for (const reserve of reserves) {
    if (reserve.class === request.class || reserve.window !== window.name) continue
    if (reserve.group !== undefined && !account.groups.includes(reserve.group)) continue
    const lentAt = window.resetsAt === undefined ? undefined : later(window.resetsAt, -reserve.lendMs)
    if (expected <= 1 - reserve.share || (lentAt !== undefined && lentAt <= now)) continue
    const percent = Math.round(reserve.share * 100)
    return {
      account,
      reason: 'reserved',
      evidence: `${percent} % of its ${window.name} window are kept for ${reserve.class} work`,
      ...(lentAt === undefined ? {} : { until: lentAt }),
    }
  }
  return undefined
}
