/**
 * What went wrong with one attempt, and whose fault the evidence says it is. Providers
 * read answers into failures, the transport reports its own; `health.ts` and `route.ts`
 * decide what follows. Must not hold anything secret: evidence is shown to people.
 */
import type { Millis } from './time.ts'

/** Whom a failure speaks about. Nothing wider than the scope may be held against an account. */
export type Scope =
  | { readonly kind: 'request' }
  | { readonly kind: 'model'; readonly model: string }
  | { readonly kind: 'family'; readonly family: string }
  | { readonly kind: 'account' }

export type Cause =
  /* the way there */
  | 'blocked-address'
  | 'dns-failed'
  | 'connect-refused'
  | 'connect-timeout'
  | 'tls-failed'
  | 'egress-proxy'
  | 'no-sockets'
  | 'reset'
  | 'headers-timeout'
  | 'content-timeout'
  | 'bad-response'
  | 'redirect'
  | 'empty-answer'
  /* the provider */
  | 'overloaded'
  | 'server-error'
  | 'request-timeout'
  | 'conflict'
  /* the account */
  | 'unauthorized'
  | 'forbidden'
  | 'billing'
  | 'spend-limit'
  | 'window-spent'
  | 'family-spent'
  | 'throttled'
  | 'model-not-found'
  | 'context-limit'
  | 'secret-unreadable'
  | 'login-required'
  | 'refresh-failed'
  /* nobody in particular */
  | 'request-refused'

export interface Failure {
  readonly cause: Cause
  readonly scope: Scope
  /** When the evidence says that it will be over. */
  readonly until?: Millis
  /** The spent window's name, so that a newer reading of it can end what follows. */
  readonly window?: string
  /** One line for people: what was seen. */
  readonly evidence: string
  /** The upstream said `x-should-retry: false`. */
  readonly final?: boolean
}

/** What the pool as a whole can hope for after a failure of this kind. */
export type Outlook = 'down' | 'timeout' | 'overloaded' | 'limited' | 'unauthorized' | 'unserved' | 'refused'

export function outlookOf(cause: Cause): Outlook {
  switch (cause) {
    case 'blocked-address':
    case 'dns-failed':
    case 'connect-refused':
    case 'connect-timeout':
    case 'tls-failed':
    case 'egress-proxy':
    case 'no-sockets':
    case 'reset':
    case 'bad-response':
    case 'redirect':
    case 'empty-answer':
    case 'server-error':
    case 'request-timeout':
    case 'conflict':
    case 'secret-unreadable':
    case 'refresh-failed':
      return 'down'
    case 'headers-timeout':
    case 'content-timeout':
      return 'timeout'
    case 'overloaded':
      return 'overloaded'
    case 'window-spent':
    case 'family-spent':
    case 'throttled':
    case 'spend-limit':
    case 'billing':
      return 'limited'
    case 'unauthorized':
    case 'login-required':
      return 'unauthorized'
    case 'forbidden':
    case 'model-not-found':
    case 'context-limit':
      return 'unserved'
    case 'request-refused':
      return 'refused'
  }
}

/**
 * Whether a failure says that the account's endpoint is in trouble at this moment. Such a
 * fault is no blame (nothing is benched for one), but others go first for a while.
 */
export const isEndpointFault = (cause: Cause): boolean => {
  const outlook = outlookOf(cause)
  return (
    (outlook === 'down' || outlook === 'timeout' || outlook === 'overloaded') && !NOT_THE_ENDPOINT.has(cause)
  )
}

const NOT_THE_ENDPOINT: ReadonlySet<Cause> = new Set(['conflict', 'refresh-failed'])

/**
 * Transport faults and server errors, which circuits are there for. Overloads pass by
 * themselves, and what somebody has configured wrongly is not tried again to see.
 */
export const isCircuitFault = (cause: Cause): boolean => CIRCUIT_FAULTS.has(cause)

const CIRCUIT_FAULTS: ReadonlySet<Cause> = new Set([
  'dns-failed',
  'connect-refused',
  'connect-timeout',
  'tls-failed',
  'egress-proxy',
  'reset',
  'headers-timeout',
  'content-timeout',
  'bad-response',
  'empty-answer',
  'server-error',
])

/** No connection came about, so whatever was wrong, the request was not. */
export const isConnectFault = (cause: Cause): boolean => CONNECT_FAULTS.has(cause)

const CONNECT_FAULTS: ReadonlySet<Cause> = new Set([
  'blocked-address',
  'dns-failed',
  'connect-refused',
  'connect-timeout',
  'tls-failed',
  'egress-proxy',
])

/** Faults that may be tried again on the same account when no other can take the request. */
export const isWorthRetrying = (cause: Cause): boolean => {
  const outlook = outlookOf(cause)
  return (outlook === 'down' || outlook === 'overloaded' || outlook === 'refused') && !HOPELESS.has(cause)
}

/** Asking again cannot change these within seconds. */
const HOPELESS: ReadonlySet<Cause> = new Set([
  'blocked-address',
  'tls-failed',
  'egress-proxy',
  'redirect',
  'no-sockets',
  'secret-unreadable',
  'refresh-failed',
])
