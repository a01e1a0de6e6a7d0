/**
 * The ledger's row: everything that is kept of one client request, money, tokens and the
 * reasons included. No behaviour; how rows are stored is the storage's affair. A row holds no
 * body, no header and no secret.
 */
import type { AccountId } from './account.ts'
import type { CacheVerdict } from './cache-miss.ts'
import type { Cause } from './failure.ts'
import type { RequestClass } from './rules.ts'
import type { Millis } from './time.ts'
import type { Usage } from './usage.ts'

export const OUTCOMES = ['ok', 'client-error', 'upstream-error', 'refused', 'aborted', 'truncated'] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface AttemptRecord {
  readonly account: string
  readonly status?: number
  readonly failure?: Cause
  /** What was seen, in a line. */
  readonly detail?: string
  readonly ms: number
}

export interface CandidateRecord {
  readonly account: string
  /** Why it could not take the request; absent if it could. */
  readonly excluded?: string
  readonly until?: Millis
}

/** The explanation of `why` (G13). */
export interface DecisionRecord {
  readonly strategy: string
  /** Why the account that answered was chosen; absent if none was. */
  readonly reason?: string
  /** What made the gateway answer by itself. */
  readonly refusal?: string
  /** The pool that was asked for; absent: all accounts. */
  readonly pool?: string
  /** Absent: interactive. */
  readonly class?: RequestClass
  /** What an alias or a preference wanted in the place of the model that was asked for. */
  readonly wanted?: string
  /** What the conversation paid for leaving its account: this much of its cache was written anew. */
  readonly moving?: { readonly tokens: number; readonly usd?: number }
  readonly candidates: readonly CandidateRecord[]
}

export interface LedgerRow {
  readonly id: string
  readonly startedAt: Millis
  readonly method: string
  readonly path: string
  readonly dialect: string
  readonly provider: string | undefined
  readonly accountId: AccountId | undefined
  /** The account's name at the time. */
  readonly account: string | undefined
  readonly keyId: string | undefined
  readonly key: string | undefined
  readonly session: string | undefined
  readonly agent: string | undefined
  readonly model: string | undefined
  readonly servedModel: string | undefined
  readonly stream: boolean
  /** What the client was sent; 0 if it left before it was sent anything. */
  readonly status: number
  readonly outcome: Outcome
  readonly attempts: readonly AttemptRecord[]
  readonly decision: DecisionRecord
  /** From the request to the first content for the client. */
  readonly ttftMs: number | undefined
  readonly durationMs: number
  readonly usage: Usage
  /** Undefined: the model is not in the price list. */
  readonly costUsd: number | undefined
  readonly error: string | undefined
  /** Which kind of agent it came from, where that is known. */
  readonly agentKind?: string | undefined
  /** Whether its prompt came out of a cache, and why not; absent where nothing is cached. */
  readonly cache?: CacheVerdict | undefined
}
