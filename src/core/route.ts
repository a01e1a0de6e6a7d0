/**
 * The one routing decision: given everything that is known, what is to be done next. Asked
 * before every attempt and after every failure, until there is an answer or nothing is left
 * to try. Returns its reasons with it. Must not remember, wait or send anything.
 */
import type { Account } from './account.ts'
import { isWorthRetrying, outlookOf } from './failure.ts'
import { rampOf } from './health.ts'
import { type Refusal, refusalOf } from './refusal.ts'
import type { AccountView, FailedAttempt, Situation } from './situation.ts'
import { type Choice, strategyOf } from './strategies.ts'
import { SECOND } from './time.ts'
import { type Verdict, verdictOf } from './verdict.ts'

export type Step =
  /** Send to `account`, after `delayMs`, on a new connection if `fresh`; `isRetry` counts against the budget. */
  | {
      readonly kind: 'send'
      readonly account: Account
      readonly reason: string
      readonly delayMs: number
      readonly fresh: boolean
      readonly isRetry: boolean
      readonly refusals: readonly Refusal[]
    }
  /** Ask again in `delayMs`: another request is just testing the account. */
  | { readonly kind: 'wait'; readonly delayMs: number }
  /** Give up: with an answer of our own, or with the one that an upstream gave. */
  | { readonly kind: 'give-up'; readonly verdict: Verdict; readonly refusals: readonly Refusal[] }

const PROBE_POLL_MS = 50
const PROBE_PATIENCE_MS = 10 * SECOND
/** Who has waited that long for a test's outcome tests as well, one after the other. */
const NEXT_PROBE_MS = SECOND
/** Two accounts that refuse a request without a word about limits: it is the request (`wire.md` §1.7). */
const MOST_REFUSED_HOPS = 1
/** A fault this recent makes another attempt on that account count against the retry budget. */
const SUSPICION_MS = 10 * SECOND
const REFUSED_DELAY_MS = 2 * SECOND

export function nextStep(situation: Situation): Step {
  const refusals: Refusal[] = []
  const usable: AccountView[] = []
  for (const view of situation.accounts) {
    const refusal = refusalOf(view, situation)
    if (refusal === undefined) usable.push(view)
    else refusals.push(refusal)
  }
  const giveUp = (): Step => ({ kind: 'give-up', verdict: verdictOf(situation, refusals), refusals })

  const last = situation.failed.at(-1)
  if (last !== undefined && isRenewedOnce(situation, last)) {
    const view = usable.find(({ account }) => account.id === last.account)
    if (view !== undefined) return send({ view, reason: 'its token has been renewed' }, refusals)
  }
  if (last !== undefined && isStaleConnection(situation, last)) {
    const view = usable.find(({ account }) => account.id === last.account)
    if (view !== undefined)
      return send({ view, reason: 'its idle connection was stale' }, refusals, { fresh: true })
  }
  if (last?.failure.final === true && endsTheRequest(last)) return giveUp()
  if (situation.now - situation.startedAt > situation.policy.patienceMs) return giveUp()

  const untried = situation.failed.length === 0 ? usable : usable.filter((view) => !isTried(view, situation))
  const calm = preferred(affordable(untried, situation), situation)
  const kin = kindred(calm, situation)
  const best = strategyOf(situation.strategy)(kin ?? calm, situation)
  if (best !== undefined && !isRefusedEnough(situation.failed)) {
    const isRetry = situation.failed.length > 0 && isSuspect(best.view, situation.now)
    const choice = kin === undefined ? withFarewell(best, situation) : amongKin(best)
    return send(choice, refusals, { isRetry })
  }
  if (untried.length > 0) return giveUp()

  const isWaitingForProbe = refusals.some(({ reason }) => reason === 'probing')
  if (isWaitingForProbe && situation.failed.length === 0)
    return probeToo(situation, refusals) ?? { kind: 'wait', delayMs: PROBE_POLL_MS }
  return retry(usable, situation, refusals) ?? giveUp()
}

const send = (
  { view, reason }: Choice,
  refusals: readonly Refusal[],
  how: { readonly fresh?: boolean; readonly delayMs?: number; readonly isRetry?: boolean } = {},
): Step => ({
  kind: 'send',
  account: view.account,
  reason,
  delayMs: how.delayMs ?? 0,
  fresh: how.fresh ?? false,
  isRetry: how.isRetry ?? false,
  refusals,
})

/** Upstreams close idle connections; a request that met such a close was never seen (once, outside every budget). */
const isStaleConnection = ({ failed }: Situation, last: FailedAttempt): boolean =>
  last.wasStaleConnection && failed.filter((attempt) => attempt.account === last.account).length === 1

/** A refused token that has been renewed since says nothing about the account; a second refusal does. */
const isRenewedOnce = ({ failed }: Situation, last: FailedAttempt): boolean =>
  last.isRenewed &&
  failed.filter(({ account, isRenewed }) => account === last.account && isRenewed).length === 1

/** `x-should-retry: false` ends the request, except where the evidence blames the account alone. */
function endsTheRequest({ failure }: FailedAttempt): boolean {
  const outlook = outlookOf(failure.cause)
  return outlook === 'down' || outlook === 'overloaded' || outlook === 'refused'
}

const amongKin = ({ view, reason }: Choice): Choice => ({
  view,
  reason: `of the same organization as the conversation’s account; ${reason}`,
})

/** Blocks that these models have made are dropped without a word in another organization (`wire.md` §1.8). */
const BOUND_THINKING = /(?:sonnet|haiku)-5[-.]5/

/** What a conversation loses by going to another organization is said in the row (G13). */
function withFarewell({ view, reason }: Choice, { accounts, binding, request }: Situation): Choice {
  if (binding === undefined || !BOUND_THINKING.test(request.model ?? '')) return { view, reason }
  const { organization } = accounts.find(({ account }) => account.id === binding.account) ?? {}
  const isOther = organization !== undefined && view.organization !== organization
  return isOther
    ? {
        view,
        reason: `${reason}; its provider drops this conversation’s earlier thinking, made in another organization`,
      }
    : { view, reason }
}

const isTried = (view: AccountView, { failed }: Situation): boolean =>
  failed.some((attempt) => attempt.account === view.account.id)

/**
 * Accounts whose endpoint has just been failing, and those that have just recovered and are
 * busy enough for that, go last: they are used when nobody else is left.
 */
function preferred(views: readonly AccountView[], { now }: Situation): readonly AccountView[] {
  const isCalm = ({ health, inFlight }: AccountView) =>
    (health.faults.avoidUntil ?? 0) <= now && inFlight < (rampOf(health, now) ?? Number.POSITIVE_INFINITY)
  if (views.every(isCalm)) return views
  const calm = views.filter(isCalm)
  return calm.length > 0 ? calm : views
}

/**
 * A conversation that has to leave its account goes to one of the same organization first:
 * its prompt cache is there, and its thinking can be read there (`wire.md` §1.8). Undefined
 * where it need not leave, or there is no such account.
 */
function kindred(
  views: readonly AccountView[],
  { accounts, binding }: Situation,
): readonly AccountView[] | undefined {
  if (binding === undefined || views.some(({ account }) => account.id === binding.account)) return undefined
  const { organization } = accounts.find(({ account }) => account.id === binding.account) ?? {}
  const kin = organization === undefined ? [] : views.filter((view) => view.organization === organization)
  return kin.length > 0 ? kin : undefined
}

/** When the budget is used up, endpoints that have just been failing are left alone. */
const affordable = (untried: readonly AccountView[], { failed, retriesLeft, now }: Situation) =>
  failed.length > 0 && retriesLeft <= 0 ? untried.filter((view) => !isSuspect(view, now)) : untried

const isRefusedEnough = (failed: readonly FailedAttempt[]): boolean =>
  failed.filter(({ failure }) => failure.cause === 'request-refused').length > MOST_REFUSED_HOPS

/** An endpoint that has just failed others would get one more request in the middle of its trouble. */
const isSuspect = ({ health }: AccountView, now: number): boolean =>
  health.faults.lastAt !== undefined && now - health.faults.lastAt < SUSPICION_MS

function probeToo(situation: Situation, refusals: readonly Refusal[]): Step | undefined {
  const { accounts, now, startedAt } = situation
  if (now - startedAt < PROBE_PATIENCE_MS) return undefined
  const probed = new Set(refusals.flatMap(({ account, reason }) => (reason === 'probing' ? [account] : [])))
  const views = accounts.filter(
    ({ account, probingSince = now }) => probed.has(account) && now - probingSince >= NEXT_PROBE_MS,
  )
  const best = strategyOf(situation.strategy)(views, situation)
  return best === undefined ? undefined : send(best, refusals)
}

/** Everybody has failed: the same account again, later, if that can help and the budget allows it. */
function retry(
  usable: readonly AccountView[],
  situation: Situation,
  refusals: readonly Refusal[],
): Step | undefined {
  const { failed, policy, request, retriesLeft, now, startedAt } = situation
  if (request.clientRetries > 0 || retriesLeft <= 0 || isRefusedEnough(failed)) return undefined
  const views = usable.filter((view) => isRetryable(view, situation))
  const best = strategyOf(situation.strategy)(views, situation)
  if (best === undefined) return undefined
  const rounds = failed.filter((attempt) => attempt.account === best.view.account.id).length
  const wait = failed.at(-1)?.failure.cause === 'request-refused' ? REFUSED_DELAY_MS : policy.delayMs
  const delayMs = Math.round(wait * policy.backoff ** (rounds - 1) * (0.75 + situation.chance / 2))
  if (now + delayMs - startedAt > policy.patienceMs) return undefined
  return send({ ...best, reason: `attempt ${rounds + 1}: nobody else could take it` }, refusals, {
    delayMs,
    isRetry: true,
  })
}

function isRetryable(view: AccountView, { failed, policy }: Situation): boolean {
  const mine = failed.filter((attempt) => attempt.account === view.account.id)
  const last = mine.at(-1)
  if (last === undefined || !isWorthRetrying(last.failure.cause)) return false
  const isOnceMore = last.failure.cause === 'request-refused' || last.failure.cause === 'conflict'
  return mine.length < (isOnceMore ? Math.min(2, policy.attemptsPerAccount) : policy.attemptsPerAccount)
}
