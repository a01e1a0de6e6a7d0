/**
 * What the client is told when no account is left to try: an upstream's own answer where
 * one says it best, otherwise one of ours that names every account, its reason and its
 * time. The statuses follow how real clients react (`faults.md`). Must not write bodies.
 */
import type { Account } from './account.ts'
import { isConnectFault, type Outlook, outlookOf } from './failure.ts'
import type { Refusal } from './refusal.ts'
import type { FailedAttempt, Situation } from './situation.ts'
import { describeLength, type Millis, SECOND, toIso } from './time.ts'

export type Verdict =
  /** Hand out the answer that this attempt (by index) brought. */
  | { readonly kind: 'relay'; readonly attempt: number }
  | {
      readonly kind: 'own'
      readonly status: 401 | 403 | 404 | 429 | 503 | 504
      readonly message: string
      /** Whole seconds, for `retry-after`. */
      readonly retryAfterSeconds?: number
      /** For `x-should-retry`. */
      readonly shouldRetry?: false
    }

interface Standing {
  readonly name: string
  readonly outlook: Outlook | 'paused'
  readonly words: string
  readonly until: Millis | undefined
  /** Index of the last failed attempt on the account. */
  readonly attempt: number | undefined
  readonly isPresentable: boolean
}

const OVERLOAD_RETRY_SECONDS = 5
/** No overload lasts longer than that without a new look, however long the limits beside it last. */
const LONGEST_OVERLOAD_SECONDS = 60
const DOWN_RETRY_SECONDS = 5
const NO_SOCKETS_RETRY_SECONDS = 1

export function verdictOf(situation: Situation, refusals: readonly Refusal[]): Verdict {
  const { pool } = situation
  const refused = new Map(refusals.map((refusal) => [refusal.account.id, refusal]))
  const standings = situation.accounts.flatMap(
    ({ account }) => standingOf(account, situation, refused.get(account.id)) ?? [],
  )
  const active = standings.filter(({ outlook }) => outlook !== 'paused')
  if (standings.length === 0 && (pool !== undefined || situation.request.groups !== undefined))
    return own(503, nobodyIn(situation), [])
  if (active.length === 0) return allPaused(standings)
  const has = (...outlooks: readonly Standing['outlook'][]) =>
    active.some(({ outlook }) => outlooks.includes(outlook))

  if (has('down', 'timeout', 'refused')) return troubled(active, situation)
  if (has('limited')) return limited(active, situation.now)
  if (has('overloaded')) {
    return own(503, 'Every account that could take this request is overloaded', active, {
      retryAfterSeconds: OVERLOAD_RETRY_SECONDS,
    })
  }
  return unserved(active)
}

function nobodyIn({ pool, request }: Situation): string {
  const groups = pool?.tiers.map(({ group }) => group).join(', ')
  const inPool = pool === undefined ? '' : ` in the pool ${pool.name} (${groups})`
  return request.groups === undefined
    ? `No account is${inPool}`
    : `No account of the groups that the key may use (${request.groups.join(', ')}) is${inPool === '' ? ' there' : inPool}`
}

/** What is known of one account: its failure in this request, or why it was not asked. */
function standingOf(
  { id, name }: Account,
  situation: Situation,
  refusal: Refusal | undefined,
): Standing | undefined {
  const { failed, now } = situation
  const attempt = failed.findLastIndex((each) => each.account === id)
  const last = failed[attempt]
  if (last !== undefined) return ofFailure(name, attempt, last, now)
  return refusal === undefined ? untried(name, situation) : ofRefusal(name, refusal, now)
}

const ofFailure = (
  name: string,
  attempt: number,
  { failure, isPresentable }: FailedAttempt,
  now: Millis,
): Standing => ({
  name,
  outlook: outlookOf(failure.cause),
  words: `${failure.evidence}${untilWords(failure.until, now)}`,
  until: failure.until,
  attempt,
  isPresentable,
})

function ofRefusal(name: string, refusal: Refusal, now: Millis): Standing | undefined {
  const { reason, evidence, until } = refusal
  const common = { name, until, attempt: undefined, isPresentable: false }
  const words = `${evidence ?? reason}${untilWords(until, now)}`
  switch (reason) {
    case 'paused':
      return { ...common, outlook: 'paused', words: 'paused' }
    case 'not-the-owner':
    case 'not-in-pool':
    case 'not-for-key':
      return undefined
    case 'needs-login':
      return { ...common, outlook: 'unauthorized', words: `needs a sign-in: ${evidence ?? ''}` }
    case 'probing':
      return { ...common, outlook: 'limited', words: 'is being tested after a cooldown' }
    case 'cooling':
      return { ...common, outlook: outlookOf(refusal.cause ?? 'server-error'), words }
    case 'unserved':
    case 'excluded':
      return { ...common, outlook: 'unserved', words }
    case 'circuit-open':
      return { ...common, outlook: 'down', words }
    case 'busy':
    case 'reserved':
    case 'near-limit':
    case 'over-budget':
      return { ...common, outlook: 'limited', words }
  }
}

/** Left over because the time for trying or the retry budget was used up. */
function untried(name: string, { now, startedAt, policy }: Situation): Standing {
  const isLate = now - startedAt > policy.patienceMs
  return {
    name,
    outlook: isLate ? 'timeout' : 'down',
    words: `not tried: the ${isLate ? 'time for trying' : 'retry budget'} is used up`,
    until: undefined,
    attempt: undefined,
    isPresentable: false,
  }
}

const untilWords = (until: Millis | undefined, now: Millis): string =>
  until === undefined ? '' : `, until ${toIso(until)} (in ${describeLength(until - now)})`

function allPaused(standings: readonly Standing[]): Verdict {
  const words = standings.length === 0 ? 'No account can take this request' : 'Every account is paused'
  return own(503, `${words}. Resume one with "spillway accounts resume <name>"`, standings)
}

/** Something is broken somewhere: the upstream's own words if there are any, and come back soon. */
function troubled(active: readonly Standing[], { failed, now }: Situation): Verdict {
  const broken = active.filter(
    ({ outlook }) => outlook === 'down' || outlook === 'timeout' || outlook === 'refused',
  )
  const told = broken.findLast(({ isPresentable }) => isPresentable)
  if (told?.attempt !== undefined) return { kind: 'relay', attempt: told.attempt }
  if (active.every(({ outlook }) => outlook === 'timeout')) {
    return own(504, 'No account answered in time', active)
  }
  const isOurs = failed.at(-1)?.failure.cause === 'no-sockets'
  const retryAfterSeconds = isOurs ? NO_SOCKETS_RETRY_SECONDS : untilSomeIsTried(broken, now)
  const isAway = failed.every(({ failure }) => isConnectFault(failure.cause))
  const sentence = isAway ? 'No account could be reached' : 'No account could answer this request'
  return own(503, sentence, active, { retryAfterSeconds })
}

/** An open circuit says when the next test is due. */
function untilSomeIsTried(broken: readonly Standing[], now: Millis): number {
  const waits = broken.flatMap(({ until }) =>
    until === undefined ? [] : [Math.ceil((until - now) / SECOND)],
  )
  return waits.length === 0 ? DOWN_RETRY_SECONDS : Math.max(1, Math.min(...waits, LONGEST_OVERLOAD_SECONDS))
}

/** The earliest moment at which any of them can serve again: the only true `retry-after`. */
function limited(active: readonly Standing[], now: Millis): Verdict {
  const waits = active.flatMap(({ outlook, until }) =>
    outlook === 'limited' && until !== undefined ? [Math.ceil((until - now) / SECOND)] : [],
  )
  const isOverloaded = active.some(({ outlook }) => outlook === 'overloaded')
  if (isOverloaded) waits.push(LONGEST_OVERLOAD_SECONDS)
  const retryAfterSeconds = waits.length === 0 ? 1 : Math.max(1, Math.min(...waits))
  const words = isOverloaded ? 'limited or overloaded' : 'limited'
  return own(429, `Every account that could take this request is ${words}`, active, { retryAfterSeconds })
}

/** No account's state will change by waiting: a credential, a right or a model is missing. */
function unserved(active: readonly Standing[]): Verdict {
  if (active.every(({ outlook }) => outlook === 'unauthorized')) {
    return own(401, 'Every account was refused by its provider', active, { shouldRetry: false })
  }
  const told = active.findLast(({ outlook, isPresentable }) => outlook === 'unserved' && isPresentable)
  if (told?.attempt !== undefined) return { kind: 'relay', attempt: told.attempt }
  return own(403, 'No account can serve this model or this request', active, { shouldRetry: false })
}

const own = (
  status: Extract<Verdict, { kind: 'own' }>['status'],
  sentence: string,
  standings: readonly Standing[],
  extra: { readonly retryAfterSeconds?: number; readonly shouldRetry?: false } = {},
): Verdict => ({
  kind: 'own',
  status,
  message: `${[sentence, ...standings.map(({ name, words }) => `${name}: ${words}`)].join('. ')}.`,
  ...extra,
})
