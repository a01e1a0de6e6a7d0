/**
 * The providers of a simulation: they meter windows, keep prompt caches, fail when a trace says
 * so, and refuse what their plan does not serve. They know the truth, which the gateway only
 * learns from their answers. Must not know the gateway.
 */
import type { Cause, Failure } from '../core/failure.ts'
import type { Limits, Window } from '../core/limits.ts'
import { familyOf } from '../core/model.ts'
import { CACHE_LIFE_MS } from '../core/session.ts'
import { later, MINUTE, type Millis, SECOND, toMillis } from '../core/time.ts'
import { NO_USAGE, type Usage } from '../core/usage.ts'
import { type Caches, createCaches } from './caches.ts'
import { charge, failureOf, type Meter, newMeter, readingsOf, spentOf } from './meters.ts'
import {
  costTokens,
  type Poison,
  type Trace,
  type TraceAccount,
  type TraceFault,
  type TraceRequest,
} from './trace.ts'

export type Reply =
  | {
      readonly kind: 'failed'
      readonly failure: Failure
      readonly status: number | undefined
      readonly limits: Limits | undefined
      readonly ms: number
    }
  /** The client's own mistake: every account says so. */
  | { readonly kind: 'refused'; readonly status: number; readonly ms: number }
  | {
      readonly kind: 'answered'
      /** Until its first content. */
      readonly headMs: number
      readonly wholeMs: number
      readonly usage: Usage
      readonly isTruncated: boolean
    }

export interface Asked {
  readonly account: string
  readonly request: TraceRequest
  /** That the account is asked for. */
  readonly model: string
  readonly now: Millis
}

export interface World {
  /** What comes of sending it now; what it uses is metered. */
  ask(asked: Asked): Reply
  /** Whether it would be answered whole; changes nothing. */
  wouldServe(asked: Asked): boolean
  readings(account: string, now: Millis): readonly Window[]
}

interface Provided {
  readonly account: TraceAccount
  readonly meters: readonly Meter[]
  /** Accounts of one organization share their caches. */
  readonly home: string
}

export function createWorld({ accounts }: Pick<Trace, 'accounts'>): World {
  const caches = createCaches()
  const provided = new Map<string, Provided>(
    accounts.map((account) => [
      account.name,
      { account, meters: account.windows.map(newMeter), home: account.organization ?? account.name },
    ]),
  )
  return {
    ask(asked) {
      const here = provided.get(asked.account)
      if (here === undefined) throw new Error(`There is no account ${asked.account} in the trace.`)
      return refusalOf(here, asked) ?? answer(here, asked, caches)
    },
    wouldServe(asked) {
      const here = provided.get(asked.account)
      return (
        here !== undefined && refusalOf(here, asked) === undefined && faultAt(here, asked.now) === undefined
      )
    },
    readings: (account, now) => readingsOf(provided.get(account)?.meters ?? [], now),
  }
}

/** Why it is not answered; undefined if it is. In the order in which real providers look. */
function refusalOf(
  here: Provided,
  { request, model, now }: Asked,
): Exclude<Reply, { kind: 'answered' }> | undefined {
  const { account, meters } = here
  const fault = faultAt(here, now)
  if (fault?.kind === 'down') return failed('connect-refused', 'its address refuses connections', { ms: 5 })
  if (fault?.kind === 'unauthorized') {
    const evidence = 'its credential was refused (401)'
    return failed('unauthorized', evidence, { status: 401, scope: { kind: 'account' } })
  }
  if (request.isPoisonous === true) return poisoned(request.poison ?? 'bad-request', model, now)
  const trouble = fault === undefined ? undefined : troubleOf(fault, now)
  if (trouble !== undefined) return trouble
  if (!isServed(account, model)) return poisoned('forbidden', model, now)
  const spent = spentOf(meters, familyOf(model), now)
  if (spent === undefined) return undefined
  const limits = limitsOf(here, now)
  return { kind: 'failed', failure: failureOf(spent, now), status: 429, limits, ms: REFUSAL_MS }
}

const REFUSAL_MS = 200
const TROUBLE_MS = 800

interface Refused {
  readonly status?: number
  readonly scope?: Failure['scope']
  readonly until?: Millis
  readonly ms?: number
}

const failed = (cause: Cause, evidence: string, how: Refused): Extract<Reply, { kind: 'failed' }> => ({
  kind: 'failed',
  failure: {
    cause,
    scope: how.scope ?? { kind: 'request' },
    evidence,
    ...(how.until === undefined ? {} : { until: how.until }),
  },
  status: how.status,
  limits: undefined,
  ms: how.ms ?? REFUSAL_MS,
})

/** What an account's faults and a poisoned request have in common. */
function inTrouble(
  kind: 'server-error' | 'overloaded' | 'request-refused',
): Extract<Reply, { kind: 'failed' }> {
  switch (kind) {
    case 'server-error':
      return failed('server-error', 'it answered 500', { status: 500, ms: TROUBLE_MS })
    case 'overloaded':
      return failed('overloaded', 'its provider is overloaded (529)', { status: 529, ms: TROUBLE_MS })
    case 'request-refused':
      return failed('request-refused', 'it refused this request without naming a limit (429)', {
        status: 429,
      })
  }
}

function troubleOf({ kind, until }: TraceFault, now: Millis): Extract<Reply, { kind: 'failed' }> | undefined {
  switch (kind) {
    case 'server-error':
    case 'overloaded':
    case 'request-refused':
      return inTrouble(kind)
    case 'throttled': {
      const end = toMillis(Math.max(until, now + SECOND))
      return failed('throttled', 'it throttles requests (429)', {
        status: 429,
        scope: { kind: 'account' },
        until: end,
      })
    }
    case 'down':
    case 'unauthorized':
    case 'truncated':
      return undefined
  }
}

/** A right or a model that is missing is asked about again this soon. */
const UNSERVED_MS = 5 * MINUTE

function poisoned(kind: Poison, model: string, now: Millis): Exclude<Reply, { kind: 'answered' }> {
  const ofModel = { scope: { kind: 'model', model }, until: later(now, UNSERVED_MS) } as const
  switch (kind) {
    case 'bad-request':
      return { kind: 'refused', status: 400, ms: REFUSAL_MS }
    case 'server-error':
    case 'overloaded':
    case 'request-refused':
      return inTrouble(kind)
    case 'forbidden':
      return failed('forbidden', `it may not serve ${model} (403)`, { status: 403, ...ofModel })
    case 'model-not-found':
      return failed('model-not-found', `it does not know ${model} (404)`, { status: 404, ...ofModel })
  }
}

const faultAt = ({ account }: Provided, now: Millis): TraceFault | undefined =>
  account.faults.find(({ from, until }) => from <= now && now < until)

const isServed = ({ models }: TraceAccount, model: string): boolean =>
  models === undefined || models.includes(model) || models.includes(familyOf(model))

const limitsOf = ({ account, meters }: Provided, now: Millis): Limits => ({
  windows: readingsOf(meters, now),
  ...(account.organization === undefined ? {} : { organization: account.organization }),
})

const LONGEST_HEAD_MS = 5_000

function answer(here: Provided, { request, model, now }: Asked, caches: Caches): Reply {
  const isTruncated = faultAt(here, now)?.kind === 'truncated'
  const share = isTruncated ? 0.5 : 1
  const read = caches.use(`${here.home} ${model} ${request.conversation}`, request, now)
  const outputTokens = Math.round(request.outputTokens * share)
  charge(here.meters, familyOf(model), { tokens: costTokens({ ...request, outputTokens }, read), now })
  const written = request.promptTokens - read
  const isLong = request.cacheLifeMs > CACHE_LIFE_MS
  return {
    kind: 'answered',
    headMs: Math.min(LONGEST_HEAD_MS, Math.max(1, Math.round(request.durationMs / 4))),
    wholeMs: Math.max(2, Math.round(request.durationMs * share)),
    usage: {
      ...NO_USAGE,
      outputTokens,
      cacheReadTokens: read,
      cacheWrite5mTokens: isLong ? 0 : written,
      cacheWrite1hTokens: isLong ? written : 0,
      complete: !isTruncated,
    },
    isTruncated,
  }
}
