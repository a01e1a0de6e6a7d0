/**
 * How an account fares: what it is cooling from and until when, whether its credential is
 * refused, and whether its endpoint has been failing. All transitions are here and pure;
 * each follows from evidence, and each ends by itself (G7, G8). Must not choose accounts.
 */
import { type Failure, isConnectFault, isEndpointFault, type Scope } from './failure.ts'
import { familyOf } from './model.ts'
import { later, MINUTE, type Millis, SECOND } from './time.ts'

export interface Cooldown {
  readonly scope: Exclude<Scope, { kind: 'request' }>
  readonly cause: Failure['cause']
  readonly evidence: string
  readonly since: Millis
  readonly until: Millis
}

/** Endpoint trouble, kept in memory only: it orders accounts, it never excludes one. */
export interface Faults {
  /** Failures in a row, each of another conversation: one bad request counts once. */
  readonly inARow: number
  readonly lastConversation: string | undefined
  /** The last failure was that conversation's again, so it was not counted. */
  readonly isUncounted: boolean
  readonly lastAt: Millis | undefined
  /** Until then other accounts go first. */
  readonly avoidUntil: Millis | undefined
}

export interface Health {
  readonly cooldowns: readonly Cooldown[]
  readonly faults: Faults
}

const NO_FAULTS: Faults = {
  inARow: 0,
  lastConversation: undefined,
  isUncounted: false,
  lastAt: undefined,
  avoidUntil: undefined,
}

export const HEALTHY: Health = { cooldowns: [], faults: NO_FAULTS }

/** A refused credential is asked about again this often, so that a provider's mistake heals by itself. */
const LOGIN_PROBE_MS = 5 * MINUTE
const OVERLOAD_AVOID_MS = 5 * SECOND
const FAULTS_BEFORE_AVOIDING = 3
const FIRST_AVOID_MS = 15 * SECOND
const LONGEST_AVOID_MS = 5 * MINUTE

/** Whether a cooldown speaks about a request that asks the account for `model` (undefined: a request without one). */
export function isAbout(scope: Cooldown['scope'], model: string | undefined): boolean {
  switch (scope.kind) {
    case 'account':
      return true
    case 'family':
      return model !== undefined && familyOf(model) === scope.family
    case 'model':
      return model === scope.model
  }
}

interface Context {
  readonly conversation: string | undefined
  readonly now: Millis
}

/** What a failed attempt changes at once. What only another account's success proves comes later. */
export function afterFailure(health: Health, failure: Failure, context: Context): Health {
  const faults = isEndpointFault(failure.cause) ? withFault(health.faults, failure, context) : health.faults
  const cooldown = isProven(failure) ? toCooldown(failure, context.now) : undefined
  return {
    faults,
    cooldowns: cooldown === undefined ? health.cooldowns : withCooldown(health.cooldowns, cooldown),
  }
}

/**
 * What is held against an account that failed once another account has served the very same
 * request: only then is it known that the request was not to blame (G7).
 */
export function afterOthersSuccess(health: Health, failure: Failure, context: Context): Health {
  if (isEndpointFault(failure.cause)) {
    return health.faults.isUncounted
      ? { ...health, faults: counted(health.faults, failure, context) }
      : health
  }
  if (isProven(failure)) return health
  const cooldown = toCooldown(failure, context.now)
  return cooldown === undefined ? health : { ...health, cooldowns: withCooldown(health.cooldowns, cooldown) }
}

/** An answer clears the faults and every expired cooldown that the request put to the test. */
export function afterSuccess(health: Health, model: string | undefined, now: Millis): Health {
  const cooldowns = health.cooldowns.filter(({ scope, until }) => until > now || !isAbout(scope, model))
  if (cooldowns.length === health.cooldowns.length && health.faults === NO_FAULTS) return health
  return { cooldowns, faults: NO_FAULTS }
}

/** Limits and refused credentials carry their own proof; these only count once another account succeeds. */
function isProven(failure: Failure): boolean {
  return (
    failure.cause !== 'forbidden' && failure.cause !== 'model-not-found' && failure.cause !== 'context-limit'
  )
}

function toCooldown(failure: Failure, now: Millis): Cooldown | undefined {
  const { cause, scope, evidence } = failure
  if (scope.kind === 'request') return undefined
  const until = cause === 'unauthorized' ? later(now, LOGIN_PROBE_MS) : failure.until
  return until === undefined ? undefined : { scope, cause, evidence, since: now, until }
}

/** A newer cooldown of the same scope replaces the older one; the time it began stays. */
function withCooldown(cooldowns: readonly Cooldown[], added: Cooldown): readonly Cooldown[] {
  const before = cooldowns.find(
    (cooldown) => isSameScope(cooldown.scope, added.scope) && cooldown.cause === added.cause,
  )
  const others = cooldowns.filter((cooldown) => !isSameScope(cooldown.scope, added.scope))
  return [...others, before === undefined ? added : { ...added, since: before.since }]
}

const isSameScope = (a: Cooldown['scope'], b: Cooldown['scope']): boolean => scopeKey(a) === scopeKey(b)

/** A scope as one word, to tell cooldowns of an account apart. */
export function scopeKey(scope: Cooldown['scope']): string {
  switch (scope.kind) {
    case 'account':
      return 'account'
    case 'family':
      return `family:${scope.family}`
    case 'model':
      return `model:${scope.model}`
  }
}

/** The same conversation failing again says nothing new about the account, unless no connection came about. */
function withFault(faults: Faults, failure: Failure, context: Context): Faults {
  const { conversation } = context
  const isSameAgain = conversation !== undefined && conversation === faults.lastConversation
  return isSameAgain && !isConnectFault(failure.cause)
    ? { ...faults, isUncounted: true, lastAt: context.now }
    : counted(faults, failure, context)
}

function counted(faults: Faults, failure: Failure, { conversation, now }: Context): Faults {
  const inARow = faults.inARow + 1
  const until = avoidUntil(failure, inARow, now)
  const before = faults.avoidUntil
  return {
    inARow,
    lastConversation: conversation,
    isUncounted: false,
    lastAt: now,
    avoidUntil: before !== undefined && (until === undefined || before > until) ? before : until,
  }
}

function avoidUntil(failure: Failure, inARow: number, now: Millis): Millis | undefined {
  if (failure.cause === 'overloaded') return later(now, OVERLOAD_AVOID_MS)
  const over = inARow - (isConnectFault(failure.cause) ? 1 : FAULTS_BEFORE_AVOIDING)
  return over < 0 ? undefined : later(now, Math.min(FIRST_AVOID_MS * 2 ** over, LONGEST_AVOID_MS))
}
