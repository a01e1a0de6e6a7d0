/**
 * The one routing decision: given everything that is known, what is to be done next. Asked
 * before every attempt and after every failure, until there is an answer or nothing is left
 * to try. Returns its reasons with it. Must not remember, wait or send anything.
 */
import type { Account } from './account.ts'
import { type Failure, isWorthRetrying, outlookOf } from './failure.ts'
import { rampOf } from './health.ts'
import { amongKin, kindred, withFarewell } from './kin.ts'
import { beyondPin, pinnedIn } from './pin.ts'
import { modelFor, type Refusal, refusalOf } from './refusal.ts'
import type { AccountView, FailedAttempt, Situation } from './situation.ts'
import { type MovingPrice, movingPrice, ofBestTier, worthWaiting } from './staying.ts'
import { type Choice, strategyOf } from './strategies.ts'
import { later, type Millis, SECOND } from './time.ts'
import { type Verdict, verdictOf } from './verdict.ts'
import { type WaitCause, waitFor } from './waiting.ts'

export type Step =
  /** Send to `account`, asking for `model`, after `delayMs`, on a new connection if `fresh`; `isRetry` counts against the budget. */
  | {
      readonly kind: 'send'
      readonly account: Account
      /** Undefined where the endpoint has none. */
      readonly model: string | undefined
      readonly reason: string
      readonly delayMs: number
      readonly fresh: boolean
      readonly isRetry: boolean
      readonly refusals: readonly Refusal[]
      /** What leaving its own account costs the conversation; undefined where it does not leave it. */
      readonly moving: MovingPrice | undefined
    }
  /** Ask again at `until`, or before that when something has changed for these accounts. */
  | {
      readonly kind: 'wait'
      readonly until: Millis
      readonly cause: WaitCause
      readonly refusals: readonly Refusal[]
    }
  /** Give up: with an answer of our own, or with the one that an upstream gave. */
  | { readonly kind: 'give-up'; readonly verdict: Verdict; readonly refusals: readonly Refusal[] }

const PROBE_PATIENCE_MS = 10 * SECOND
/** Who has waited that long for a test's outcome tests as well, one after the other. */
const NEXT_PROBE_MS = SECOND
/** Two accounts that refuse a request without a word about limits: it is the request (`wire.md` §1.7). */
const MOST_REFUSED_HOPS = 1
/** A fault this recent makes another attempt on that account count against the retry budget. */
const SUSPICION_MS = 10 * SECOND
const REFUSED_DELAY_MS = 2 * SECOND

interface Sorted {
  readonly usable: readonly AccountView[]
  /** Those that others are to go before. */
  readonly lastResort: readonly AccountView[]
  readonly refusals: readonly Refusal[]
}

export function nextStep(situation: Situation): Step {
  const sorted = sort(situation)
  const { usable, refusals } = sorted
  const last = situation.failed.at(-1)
  const again = last === undefined ? undefined : onceMore(last, usable, situation)
  if (again !== undefined) return send(again, { situation, refusals, fresh: again.fresh })
  if (last?.failure.final === true && endsTheRequest(last)) return giveUp(situation, refusals)
  const { now, startedAt, waitedMs, policy, failed } = situation
  if (now - startedAt - waitedMs > policy.patienceMs) return giveUp(situation, refusals)

  const pinned = pinnedIn(sorted, situation)
  if (pinned !== undefined && !isTried(pinned.view, situation))
    return send(pinned, { situation, refusals, isRetry: failed.length > 0 && isSuspect(pinned.view, now) })
  const backAt = worthWaiting(situation, refusals)
  if (backAt !== undefined) return { kind: 'wait', until: backAt, cause: 'own-account', refusals }
  const untried = untriedOf(sorted, situation)
  const choice = chooseAmong(affordable(untried, situation), situation)
  if (choice !== undefined && !isRefusedEnough(failed)) {
    const isRetry = failed.length > 0 && isSuspect(choice.view, now)
    return send(choice, { situation, refusals, isRetry })
  }
  if (untried.length > 0) return giveUp(situation, refusals)
  return (
    retry(usable, situation, refusals) ??
    probeToo(situation, refusals) ??
    wait(situation, refusals) ??
    giveUp(situation, refusals)
  )
}

/** Mostly nobody is refused, and nothing is copied then: there may be a thousand accounts. */
function sort(situation: Situation): Sorted {
  const { accounts } = situation
  const refusals: Refusal[] = []
  const lastResort: AccountView[] = []
  let usable: AccountView[] | undefined
  for (let at = 0; at < accounts.length; at++) {
    const view = accounts[at]
    if (view === undefined) continue
    const refusal = refusalOf(view, situation)
    if (refusal === undefined) usable?.push(view)
    else {
      usable ??= accounts.slice(0, at)
      refusals.push(refusal)
      if (refusal.isSoft === true) lastResort.push(view)
    }
  }
  return { usable: usable ?? accounts, lastResort, refusals }
}

function untriedOf({ usable, lastResort }: Sorted, situation: Situation): readonly AccountView[] {
  const { failed } = situation
  if (failed.length === 0) return usable.length > 0 ? usable : lastResort
  const isLeft = (view: AccountView) => !isTried(view, situation)
  const untried = usable.filter(isLeft)
  return untried.length > 0 ? untried : lastResort.filter(isLeft)
}

/** The strategy's choice among those that are calm, with what belongs to it. */
function chooseAmong(views: readonly AccountView[], situation: Situation): Choice | undefined {
  if (views.length === 0) return undefined
  const { binding } = situation
  const calm = preferred(views, situation)
  const kin = kindred(calm, situation)
  const usable = ofBestTier(kin ?? calm, situation)
  const bound = binding && calm.find(({ account }) => account.id === binding.account)
  const best = strategyOf(situation.strategy)({ usable, bound }, situation)
  if (best === undefined) return undefined
  return beyondPin(kin === undefined ? withFarewell(best, situation) : amongKin(best), situation)
}

const giveUp = (situation: Situation, refusals: readonly Refusal[]): Step => ({
  kind: 'give-up',
  verdict: verdictOf(situation, refusals),
  refusals,
})

interface Sending {
  readonly situation: Situation
  readonly refusals: readonly Refusal[]
  readonly fresh?: boolean
  readonly delayMs?: number
  readonly isRetry?: boolean
}

const send = ({ view, reason }: Choice, { situation, refusals, ...how }: Sending): Step => ({
  kind: 'send',
  account: view.account,
  model: modelFor(view, situation),
  reason,
  delayMs: how.delayMs ?? 0,
  fresh: how.fresh ?? false,
  isRetry: how.isRetry ?? false,
  refusals,
  moving: movingPrice(view, situation),
})

/** The same account at once: its token has been renewed, or a connection of its was closed unseen. */
function onceMore(
  last: FailedAttempt,
  usable: readonly AccountView[],
  situation: Situation,
): (Choice & { readonly fresh: boolean }) | undefined {
  const isRenewed = isRenewedOnce(situation, last)
  if (!isRenewed && !isStaleConnection(situation, last)) return undefined
  const view = usable.find(({ account }) => account.id === last.account)
  const reason = isRenewed ? 'its token has been renewed' : 'its idle connection was stale'
  return view && { view, reason, fresh: !isRenewed }
}

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

/**
 * Limits are held against an account at once, so one that can be used after its limit has
 * ended, or after the request has waited in line, has got over it: that attempt is none any
 * more.
 */
function isTried(view: AccountView, situation: Situation): boolean {
  const mine = situation.failed.filter(({ account }) => account === view.account.id)
  if (mine.length === 0) return false
  const model = modelFor(view, situation)
  return mine.some((attempt) => attempt.model === model && !isOvercome(attempt.failure, situation))
}

function isOvercome({ cause, scope, until }: Failure, { request, waitedMs, now }: Situation): boolean {
  if (until === undefined || outlookOf(cause) !== 'limited' || scope.kind === 'request') return false
  return waitedMs > 0 || (until <= now && request.clientRetries === 0)
}

/**
 * Accounts whose endpoint has just been failing, and those that have just recovered, or have
 * just been left the work of another, and are busy enough for that, go last: they are used
 * when nobody else is left.
 */
function preferred(views: readonly AccountView[], situation: Situation): readonly AccountView[] {
  if (views.every((view) => isCalm(view, situation))) return views
  const calm = views.filter((view) => isCalm(view, situation))
  return calm.length === 0 ? views : calm
}

function isCalm(view: AccountView, { now, strategy, binding }: Situation): boolean {
  const { health, inFlight, switched } = view
  if ((health.faults.avoidUntil ?? 0) > now) return false
  if (health.recoveredAt !== undefined && inFlight >= (rampOf(health.recoveredAt, now) ?? inFlight + 1))
    return false
  // One account for everybody is what `session` is for, and conversations at home are no newcomers.
  if (switched === undefined || strategy === 'session' || binding?.account === view.account.id) return true
  const ramp = rampOf(switched.at, now)
  return ramp === undefined || inFlight < switched.inFlight + ramp
}

/** When the budget is used up, endpoints that have just been failing are left alone. */
const affordable = (untried: readonly AccountView[], { failed, retriesLeft, now }: Situation) =>
  failed.length > 0 && retriesLeft <= 0 ? untried.filter((view) => !isSuspect(view, now)) : untried

const isRefusedEnough = (failed: readonly FailedAttempt[]): boolean =>
  failed.filter(({ failure }) => failure.cause === 'request-refused').length > MOST_REFUSED_HOPS

/** An endpoint that has just failed others would get one more request in the middle of its trouble. */
const isSuspect = ({ health }: AccountView, now: number): boolean =>
  health.faults.lastAt !== undefined && now - health.faults.lastAt < SUSPICION_MS

/** Another request is just testing the accounts that are left: its outcome is awaited, but not for ever. */
function probeToo(situation: Situation, refusals: readonly Refusal[]): Step | undefined {
  const tested = new Set(refusals.flatMap(({ account, reason }) => (reason === 'probing' ? [account] : [])))
  if (tested.size === 0) return undefined
  const { accounts, now, startedAt } = situation
  const probed = accounts.filter((view) => tested.has(view.account) && !isTried(view, situation))
  if (probed.length === 0) return undefined
  const patientUntil = later(startedAt, PROBE_PATIENCE_MS)
  if (now < patientUntil) return { kind: 'wait', until: patientUntil, cause: 'probing', refusals }
  const sinceOf = ({ probingSince, origin }: AccountView) => probingSince ?? origin.probingSince ?? now
  const views = probed.filter((view) => now - sinceOf(view) >= NEXT_PROBE_MS)
  const best = chooseAmong(views, situation)
  return best === undefined
    ? { kind: 'wait', until: later(now, NEXT_PROBE_MS), cause: 'probing', refusals }
    : send(best, { situation, refusals })
}

function wait(situation: Situation, refusals: readonly Refusal[]): Step | undefined {
  const waiting = waitFor(situation, refusals)
  return waiting === undefined ? undefined : { kind: 'wait', ...waiting, refusals }
}

/** Everybody has failed: the same account again, later, if that can help and the budget allows it. */
function retry(
  usable: readonly AccountView[],
  situation: Situation,
  refusals: readonly Refusal[],
): Step | undefined {
  const { failed, policy, request, retriesLeft, now, startedAt, waitedMs } = situation
  if (request.clientRetries > 0 || retriesLeft <= 0 || isRefusedEnough(failed)) return undefined
  const best = chooseAmong(
    usable.filter((view) => isRetryable(view, situation)),
    situation,
  )
  if (best === undefined) return undefined
  const rounds = failed.filter((attempt) => attempt.account === best.view.account.id).length
  const pause = failed.at(-1)?.failure.cause === 'request-refused' ? REFUSED_DELAY_MS : policy.delayMs
  const delayMs = Math.round(pause * policy.backoff ** (rounds - 1) * (0.75 + situation.chance / 2))
  if (now + delayMs - startedAt - waitedMs > policy.patienceMs) return undefined
  const reason = `attempt ${rounds + 1}: nobody else could take it`
  return send({ ...best, reason }, { situation, refusals, delayMs, isRetry: true })
}

function isRetryable(view: AccountView, { failed, policy }: Situation): boolean {
  const mine = failed.filter((attempt) => attempt.account === view.account.id)
  const last = mine.at(-1)
  if (last === undefined || !isWorthRetrying(last.failure.cause)) return false
  const isOnceMore = last.failure.cause === 'request-refused' || last.failure.cause === 'conflict'
  return mine.length < (isOnceMore ? Math.min(2, policy.attemptsPerAccount) : policy.attemptsPerAccount)
}
