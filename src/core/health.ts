/**
 * How an account fares: what it is cooling from and until when, whether it needs a person to
 * sign in, and whether its endpoint has been failing. All transitions are here and pure, for
 * what answers, polls and persons say; each follows from evidence, and cooldowns end by
 * themselves (G7, G8). Must not choose accounts.
 */
import { type Failure, isCircuitFault, isConnectFault, isEndpointFault, type Scope } from './failure.ts'
import { isOpenAgain, type Window } from './limits.ts'
import { familyOf } from './model.ts'
import { later, MINUTE, type Millis, SECOND } from './time.ts'

export interface Cooldown {
  readonly scope: Exclude<Scope, { kind: 'request' }>
  readonly cause: Failure['cause']
  readonly evidence: string
  readonly since: Millis
  readonly until: Millis
  /** The spent window's name: a newer reading of it can end this early. */
  readonly window?: string
}

/** Only a person can help: no time ends this, a new credential does. */
export interface LoginNeed {
  readonly since: Millis
  readonly reason: string
}

/** Endpoint trouble, kept in memory only: it orders accounts, it never excludes one. */
export interface Faults {
  /** Failures in a row, each of another conversation: one bad request counts once. */
  readonly inARow: number
  /**
   * How much of this a circuit is to open for: a whole one for each fault that cannot be the
   * request's, a fraction for each that could (G7).
   */
  readonly trips: number
  readonly lastConversation: string | undefined
  /** The last failure was that conversation's again, so it was not counted. */
  readonly isUncounted: boolean
  readonly lastAt: Millis | undefined
  /** Until then other accounts go first. */
  readonly avoidUntil: Millis | undefined
}

export interface Health {
  readonly cooldowns: readonly Cooldown[]
  readonly login: LoginNeed | undefined
  readonly faults: Faults
  /** When a test ended its last cooldown of the whole account; from then on it is loaded step by step. */
  readonly recoveredAt: Millis | undefined
}

export const NO_FAULTS: Faults = {
  inARow: 0,
  trips: 0,
  lastConversation: undefined,
  isUncounted: false,
  lastAt: undefined,
  avoidUntil: undefined,
}

export const HEALTHY: Health = {
  cooldowns: [],
  login: undefined,
  faults: NO_FAULTS,
  recoveredAt: undefined,
}

/** A refused credential is asked about again this often, so that a provider's mistake heals by itself. */
const LOGIN_PROBE_MS = 5 * MINUTE
const OVERLOAD_AVOID_MS = 5 * SECOND
const FAULTS_BEFORE_AVOIDING = 3
const FIRST_AVOID_MS = 15 * SECOND
const LONGEST_AVOID_MS = 5 * MINUTE
const RAMP_STEP_MS = 5 * SECOND
const RAMP_STEPS = 6

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

export interface Context {
  readonly conversation: string | undefined
  readonly now: Millis
}

/** What a failed attempt changes at once. What only another account's success proves comes later. */
export function afterFailure(health: Health, failure: Failure, context: Context): Health {
  if (failure.cause === 'login-required') return withLoginNeed(health, failure.evidence, context.now)
  const faults = isEndpointFault(failure.cause) ? withFault(health.faults, failure, context) : health.faults
  const cooldown = isProven(failure) ? toCooldown(failure, context.now) : undefined
  return {
    ...health,
    faults,
    cooldowns: cooldown === undefined ? health.cooldowns : withCooldown(health.cooldowns, cooldown),
  }
}

/** The need stays as old as it is; what its credential was cooling from is part of it now. */
const withLoginNeed = (health: Health, reason: string, now: Millis): Health => ({
  ...health,
  cooldowns: withoutCredentialTrouble(health.cooldowns),
  login: { since: health.login?.since ?? now, reason },
})

const withoutCredentialTrouble = (cooldowns: readonly Cooldown[]): readonly Cooldown[] =>
  cooldowns.some(isCredentialTrouble) ? cooldowns.filter((each) => !isCredentialTrouble(each)) : cooldowns

const isCredentialTrouble = ({ cause }: Cooldown): boolean => CREDENTIAL_TROUBLES.has(cause)

const CREDENTIAL_TROUBLES: ReadonlySet<Failure['cause']> = new Set([
  'unauthorized',
  'refresh-failed',
  'secret-unreadable',
])

/** A new credential is a new start for everything that the old one was to blame for, and for nothing else. */
export const afterNewCredential = (health: Health): Health => ({
  ...health,
  cooldowns: withoutCredentialTrouble(health.cooldowns),
  login: undefined,
})

/**
 * A poll says that a spent window is open again: its cooldown is over from now on, and the
 * next request tests it. Readings never begin a cooldown (G14).
 */
export function afterReading(health: Health, windows: readonly Window[], now: Millis): Health {
  const isOver = ({ window, since, until }: Cooldown): boolean =>
    window !== undefined &&
    until > now &&
    windows.some((reading) => reading.name === window && reading.readAt > since && isOpenAgain(reading))
  if (!health.cooldowns.some(isOver)) return health
  const cooldowns = health.cooldowns.map((each) => (isOver(each) ? { ...each, until: now } : each))
  return { ...health, cooldowns }
}

/**
 * What is held against an account that failed once another account has served the very same
 * request: only then is it known that the request was not to blame (G7).
 */
export function afterOthersSuccess(health: Health, failure: Failure, context: Context): Health {
  if (isEndpointFault(failure.cause)) {
    const { faults } = health
    // The fault is as old as it is; only its proof is new.
    const then = { ...context, now: faults.lastAt ?? context.now }
    const known = faults.isUncounted ? counted(faults, failure, then) : faults
    return { ...health, faults: { ...known, trips: known.trips + proofOf(failure) } }
  }
  if (isProven(failure)) return health
  const cooldown = toCooldown(failure, context.now)
  return cooldown === undefined ? health : { ...health, cooldowns: withCooldown(health.cooldowns, cooldown) }
}

/** An answer clears the faults and every expired cooldown that the request put to the test. */
export function afterSuccess(health: Health, model: string | undefined, now: Millis): Health {
  const cooldowns = health.cooldowns.filter(({ scope, until }) => until > now || !isAbout(scope, model))
  if (cooldowns.length === health.cooldowns.length)
    return health.faults === NO_FAULTS ? health : { ...health, faults: NO_FAULTS }
  const isRecovered = health.cooldowns.some(
    (each) => each.scope.kind === 'account' && !cooldowns.includes(each),
  )
  return { ...health, cooldowns, faults: NO_FAULTS, recoveredAt: isRecovered ? now : health.recoveredAt }
}

/**
 * How many requests at once an account is given that has just recovered, or is just being
 * left another one's work: one at first, then twice as many with each step, so that what
 * waited does not all come at once. Undefined: as many as there are.
 */
export function rampOf(since: Millis, now: Millis): number | undefined {
  const step = Math.floor(Math.max(0, now - since) / RAMP_STEP_MS)
  return step >= RAMP_STEPS ? undefined : 2 ** step
}

/** Limits and refused credentials carry their own proof; these only count once another account succeeds. */
function isProven(failure: Failure): boolean {
  return (
    failure.cause !== 'forbidden' && failure.cause !== 'model-not-found' && failure.cause !== 'context-limit'
  )
}

function toCooldown(failure: Failure, now: Millis): Cooldown | undefined {
  const { cause, scope, evidence, window } = failure
  if (scope.kind === 'request') return undefined
  const until = cause === 'unauthorized' ? later(now, LOGIN_PROBE_MS) : failure.until
  if (until === undefined) return undefined
  return { scope, cause, evidence, since: now, until, ...(window === undefined ? {} : { window }) }
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
export function withFault(faults: Faults, failure: Failure, context: Context): Faults {
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
    trips: faults.trips + tripsOf(failure),
    lastConversation: conversation,
    isUncounted: false,
    lastAt: now,
    avoidUntil: before !== undefined && (until === undefined || before > until) ? before : until,
  }
}

/** Many conversations in a row would have to be to blame by themselves. */
const UNPROVEN_TRIP = 0.2

const tripsOf = ({ cause }: Failure): number => {
  if (!isCircuitFault(cause)) return 0
  return isConnectFault(cause) ? 1 : UNPROVEN_TRIP
}

/** What a fault counts for beyond that when another account has served the very same request. */
const proofOf = (failure: Failure): number => (tripsOf(failure) === UNPROVEN_TRIP ? 1 - UNPROVEN_TRIP : 0)

function avoidUntil(failure: Failure, inARow: number, now: Millis): Millis | undefined {
  if (failure.cause === 'overloaded') return later(now, OVERLOAD_AVOID_MS)
  const over = inARow - (isConnectFault(failure.cause) ? 1 : FAULTS_BEFORE_AVOIDING)
  return over < 0 ? undefined : later(now, Math.min(FIRST_AVOID_MS * 2 ** over, LONGEST_AVOID_MS))
}
