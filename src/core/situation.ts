/**
 * What a routing decision depends on, all of it: accounts as they stand, the request, what
 * failed so far, the policy, the time and one throw of the dice. Types only.
 */
import type { Account, AccountId } from './account.ts'
import type { Failure } from './failure.ts'
import type { Health } from './health.ts'
import type { Owner } from './owner.ts'
import type { Binding } from './session.ts'
import type { StrategyName } from './strategies.ts'
import type { Millis } from './time.ts'

/** An account together with what is known of it right now. */
export interface AccountView {
  readonly account: Account
  readonly health: Health
  readonly inFlight: number
  /** Requests begun since the process started. */
  readonly begun: number
  /** When it was last chosen, counted in choices: for taking turns. */
  readonly lastTurn: number
  /** When the request set out that tests an expired cooldown; undefined when none is under way. */
  readonly probingSince: Millis | undefined
  readonly session: { readonly startedAt: Millis; readonly requests: number } | undefined
  /** Whose what it makes is, where that is known (`wire.md` §1.8). */
  readonly organization: string | undefined
}

/** What routing needs to know of a request. */
export interface RequestFacts {
  /** As the client asked for it; undefined where the endpoint has no model. */
  readonly model: string | undefined
  /** Requests of one conversation share a prompt cache. */
  readonly conversation: string | undefined
  /** How often the client says it has tried already (`x-stainless-retry-count`). */
  readonly clientRetries: number
  /** Who made a file, batch or container that this request names (`wire.md` §1.8). */
  readonly owner: Owner | undefined
}

export interface FailedAttempt {
  readonly account: AccountId
  readonly failure: Failure
  /** The status of the upstream's answer, where it gave one. */
  readonly status: number | undefined
  /** Whether that answer can be shown to a client as it is. */
  readonly isPresentable: boolean
  /** The request went out on a connection that had served before and broke without an answer. */
  readonly wasStaleConnection: boolean
  /** Its credential was refused and has been renewed since: the same account is worth one more attempt. */
  readonly isRenewed: boolean
}

export interface RetryPolicy {
  /** Attempts on one account, for faults that may pass within seconds. */
  readonly attemptsPerAccount: number
  readonly delayMs: number
  readonly backoff: number
  /** No attempt is begun later than this after the request came. */
  readonly patienceMs: number
}

export interface Situation {
  readonly request: RequestFacts
  readonly accounts: readonly AccountView[]
  readonly binding: Binding | undefined
  readonly failed: readonly FailedAttempt[]
  readonly strategy: StrategyName
  readonly sessionMs: number
  readonly policy: RetryPolicy
  /** How many attempts on suspected endpoints the budget still allows. */
  readonly retriesLeft: number
  readonly startedAt: Millis
  readonly now: Millis
  /** Between 0 and 1, for jitter. */
  readonly chance: number
}
