/**
 * What a routing decision depends on, all of it: accounts as they stand, the request, what
 * failed so far, the policy, the time and one throw of the dice. Types only.
 */
import type { Account, AccountId } from './account.ts'
import type { Failure } from './failure.ts'
import type { Faults, Health } from './health.ts'
import type { Window } from './limits.ts'
import type { Owner } from './owner.ts'
import type { PoolRule, RequestClass, Reserve } from './rules.ts'
import type { Binding } from './session.ts'
import type { StrategyName } from './strategies.ts'
import type { Millis } from './time.ts'
import type { Headroom } from './window.ts'

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
  /** Its plan in its provider's word, where that is known. */
  readonly plan: string | undefined
  /** As they were read last; ends that have passed are for the reader to see (`asOf`). */
  readonly windows: readonly Window[]
  /** The highest utilization among them, whatever they are about; 0 where none is known. */
  readonly tightest: number
  /** How much is left for the time that is left (`headroomOf`), as of a moment ago. */
  readonly headroom: Headroom
  /** Tokens that the requests in flight are expected to use. */
  readonly expectedTokens: number
  /** By window: the tokens that a whole one is worth, as far as readings and traffic have taught. */
  readonly worth: ReadonlyMap<string, number>
  /** How long its requests take, of late; undefined before the first. */
  readonly meanMs: number | undefined
  /** When its turn comes in weighted turns, in the pool's virtual time. */
  readonly dueAt: number
  /** When another account dropped out last, and how many requests this one had then. */
  readonly switched: { readonly at: Millis; readonly inFlight: number } | undefined
  /** The endpoint that it shares with all accounts of the same origin. */
  readonly origin: OriginView
}

export interface OriginView {
  readonly faults: Faults
  /** When the request set out that tests an open circuit; undefined when none is under way. */
  readonly probingSince: Millis | undefined
}

/** What routing needs to know of a request. */
export interface RequestFacts {
  /** As the client asked for it; undefined where the endpoint has no model. */
  readonly model: string | undefined
  /** The model that is wanted in its place by an alias or a preference; otherwise the same. */
  readonly wanted: string | undefined
  readonly class: RequestClass
  /** What it is expected to use, roughly: its prompt by its length, and an answer. */
  readonly tokens: number
  /** Names of accounts that the client does not want. */
  readonly excluded: readonly string[]
  /** Only accounts of these groups may serve it; undefined: all may. */
  readonly groups: readonly string[] | undefined
  /** The client would rather wait until then than be refused because everything is limited. */
  readonly holdUntil: Millis | undefined
  /** Requests of one conversation share a prompt cache. */
  readonly conversation: string | undefined
  /** How often the client says it has tried already (`x-stainless-retry-count`). */
  readonly clientRetries: number
  /** Who made a file, batch or container that this request names (`wire.md` §1.8). */
  readonly owner: Owner | undefined
}

export interface FailedAttempt {
  readonly account: AccountId
  /** That it was asked for. */
  readonly model: string | undefined
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
  /** No attempt is begun later than this after the request came, waiting in line aside. */
  readonly patienceMs: number
  /** How long a request waits in line for an account that is busy. */
  readonly queueMs: number
  /** How long a throttle, or the conversation's own account, is waited for in place. */
  readonly throttleWaitMs: number
  /** Faults in a row that open an account's circuit; 0: never. */
  readonly circuitFaults: number
  /** What a second of waiting is worth against writing a conversation's cache anew. */
  readonly waitUsdPerSecond: number
}

export interface Situation {
  readonly request: RequestFacts
  readonly accounts: readonly AccountView[]
  readonly binding: Binding | undefined
  /** The account that the operator has pinned its session to. */
  readonly pin: AccountId | undefined
  readonly failed: readonly FailedAttempt[]
  /** Undefined: every account, as one tier. */
  readonly pool: PoolRule | undefined
  readonly reserves: readonly Reserve[]
  /** What a group's accounts have cost today (UTC), for tiers with a budget. */
  readonly spentUsd: (group: string) => number
  readonly strategy: StrategyName
  readonly sessionMs: number
  readonly policy: RetryPolicy
  /** How many attempts on suspected endpoints the budget still allows. */
  readonly retriesLeft: number
  readonly startedAt: Millis
  /** How much of the time since then it has waited in line. */
  readonly waitedMs: number
  readonly now: Millis
  /** Between 0 and 1, for jitter. */
  readonly chance: number
}
