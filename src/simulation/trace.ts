/**
 * What a simulation is run on: accounts with the windows that their providers meter, and the
 * requests that come, in their order. Pure data, the same for traces that were made up, that
 * are published, and that were read from a ledger. Types only.
 */
import type { Millis } from '../core/time.ts'

export interface Trace {
  readonly name: string
  /** Where it comes from, for people. */
  readonly description: string
  readonly startsAt: Millis
  readonly endsAt: Millis
  readonly accounts: readonly TraceAccount[]
  /** In the order of `at`. */
  readonly requests: readonly TraceRequest[]
}

export interface TraceAccount {
  readonly name: string
  readonly priority: number
  readonly weight: number
  readonly tier: number
  readonly groups: readonly string[]
  readonly windows: readonly TraceWindow[]
  /** Families or models that its plan serves; undefined: all. */
  readonly models?: readonly string[]
  readonly maxConcurrent?: number
  readonly organization?: string
  /** Accounts of the same origin share an endpoint; undefined: it has one of its own. */
  readonly origin?: string
  /** As of accounts: a model, a family or "*" → the models that it is asked for instead, best first. */
  readonly modelMap?: Readonly<Record<string, readonly string[]>>
  /** Whether tokens are paid for one by one; a subscription's are not. */
  readonly isPaid: boolean
  readonly faults: readonly TraceFault[]
}

/** A quota: so many metered tokens in so long a time. */
export interface TraceWindow {
  /** "5h", "7d", "7d_opus", … */
  readonly name: string
  readonly lengthMs: number
  /** In tokens weighted as `costTokens` weighs them. */
  readonly capacity: number
  /** Only requests of this family count; undefined: all. */
  readonly family?: string
  /** When its grid begins; undefined: each begins with the first request after the one before has ended. */
  readonly gridFrom?: Millis
  /** How it stands when the trace begins; undefined: unused. */
  readonly initial?: { readonly used: number; readonly endsAt: Millis }
}

export interface TraceFault {
  /** `truncated`: answers begin and break off. */
  readonly kind:
    | 'down'
    | 'server-error'
    | 'overloaded'
    | 'throttled'
    | 'unauthorized'
    | 'request-refused'
    | 'truncated'
  readonly from: Millis
  readonly until: Millis
}

export interface TraceRequest {
  readonly at: Millis
  readonly conversation: string
  readonly model: string
  /** The whole prompt of this turn. */
  readonly promptTokens: number
  /** Of these, what earlier turns have already put into a cache where the conversation's cache is warm. */
  readonly cachedTokens: number
  readonly outputTokens: number
  /** How long what it writes into a cache lasts. */
  readonly cacheLifeMs: number
  readonly durationMs: number
  readonly class: 'interactive' | 'background'
  /** A request that every account refuses, whoever it is sent to. */
  readonly isPoisonous?: boolean
  /** How a poisonous request is refused; undefined: as a bad request. */
  readonly poison?: Poison
  /** Its client would rather wait that long than be refused because everything is limited. */
  readonly holdMs?: number
  /** Its client leaves after that time, answered or not. */
  readonly leavesAfterMs?: number
}

export type Poison =
  | 'bad-request'
  | 'server-error'
  | 'overloaded'
  | 'request-refused'
  | 'forbidden'
  | 'model-not-found'

/**
 * What a request takes out of windows, in tokens of uncached input: output counts five
 * times, a write to a cache 1.25 times (2 for an hour), a read a tenth (`wire.md` §7.2).
 */
export function costTokens(
  request: Pick<TraceRequest, 'promptTokens' | 'outputTokens' | 'cacheLifeMs'>,
  cachedTokens: number,
): number {
  const written = request.promptTokens - cachedTokens
  const writeFactor = request.cacheLifeMs > 5 * 60_000 ? 2 : 1.25
  return written * writeFactor + cachedTokens * 0.1 + request.outputTokens * 5
}
