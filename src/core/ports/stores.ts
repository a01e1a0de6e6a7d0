/**
 * What is remembered beyond a process: one small interface for each kind of thing. Stores
 * keep what the request path needs in memory and write through; rows are parsed on the way
 * out. They decide nothing.
 */
import type { ClientKey } from '../access.ts'
import type { Account, AccountId } from '../account.ts'
import type { AccountEvent } from '../event.ts'
import type { Cooldown, LoginNeed } from '../health.ts'
import type { CountedUse } from '../key-use.ts'
import type { LedgerRow } from '../ledger.ts'
import type { Window } from '../limits.ts'
import type { Owner } from '../owner.ts'
import type { Binding } from '../session.ts'
import type { Standing } from '../standing.ts'
import type { Millis } from '../time.ts'

export type AccountChange = Partial<
  Pick<
    Account,
    | 'name'
    | 'baseUrl'
    | 'priority'
    | 'weight'
    | 'tier'
    | 'groups'
    | 'modelMap'
    | 'models'
    | 'maxConcurrent'
    | 'planOnly'
    | 'network'
    | 'pausedAt'
  >
>

/** What an account signs with, as it is stored. */
export type Credential = Pick<Account, 'secret' | 'refreshSecret' | 'tokenExpiresAt'>

export interface AccountStore {
  /** The accounts as they stand; a new array after each change. */
  all(): readonly Account[]
  /** Throws GatewayError `conflict` when the name is taken. */
  add(account: Account): Promise<void>
  /** Throws `not-found`, or `conflict` when the new name is taken. */
  change(id: AccountId, change: AccountChange): Promise<Account>
  remove(id: AccountId): Promise<void>
}

/**
 * Credentials that change by themselves (G9). Whoever renews one claims it first, in the same
 * database that the result goes to: so no two renew at once, and what a crash interrupted
 * can be told afterwards.
 */
export interface CredentialStore {
  /** The account as the database has it now; undefined when it is gone. */
  reload(id: AccountId): Promise<Account | undefined>
  /** Throws GatewayError when the database takes nothing: then nothing may be renewed either. */
  claim(id: AccountId, version: number, claim: ClaimTerms): Promise<Claim>
  /** Gives a claim up; `isInDoubt`: the provider may have renewed, and its answer was lost. */
  release(id: AccountId, holder: string, isInDoubt: boolean): Promise<void>
  /**
   * Stores a credential in the place of the one of `version`, for good before it returns.
   * Undefined when a newer one is there already, or the account is gone. Throws GatewayError
   * when it can be kept nowhere.
   */
  replace(id: AccountId, version: number, credential: Credential): Promise<Account | undefined>
}

export interface ClaimTerms {
  readonly holder: string
  readonly now: Millis
  /** After that moment others may take the claim over. */
  readonly until: Millis
}

export type Claim =
  /** `isInDoubt`: an earlier holder never said what came of it. */
  | { readonly kind: 'claimed'; readonly isInDoubt: boolean }
  | { readonly kind: 'held' }
  /** The credential is another one by now. */
  | { readonly kind: 'superseded' }

export interface Totals {
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costUsd: number
}

export interface KeyStore {
  all(): readonly ClientKey[]
  byDigest(digest: string): ClientKey | undefined
  add(key: ClientKey): Promise<void>
  change(
    id: string,
    change: Partial<Pick<ClientKey, 'name' | 'disabledAt' | 'revokedAt' | 'rules'>>,
  ): Promise<ClientKey>
}

/** What keys have used, by key id; written with the ledger's rows. */
export interface KeyUsageStore {
  /** All that budgets counted when it was opened. */
  readonly counted: ReadonlyMap<string, CountedUse>
  /** Forgets what no budget counts any more. */
  forget(now: Millis): Promise<void>
}

/** Whether the operator has said yes to what providers' terms say about subscriptions. */
export interface TermsStore {
  readonly acceptedAt: Millis | undefined
  accept(now: Millis): Promise<void>
}

/** Settings that were changed through the API; values as JSON. */
export interface SettingStore {
  all(): ReadonlyMap<string, unknown>
  set(name: string, value: unknown): Promise<void>
  unset(name: string): Promise<void>
}

/** What outlives a restart of an account's health: cooldowns (G8), windows, the running session. */
export interface HealthStore {
  load(): ReadonlyMap<AccountId, StoredHealth>
  saveCooldowns(id: AccountId, cooldowns: readonly Cooldown[]): void
  saveWindows(id: AccountId, windows: readonly Window[]): void
  saveSession(id: AccountId, session: StoredSession | undefined): void
  saveLogin(id: AccountId, login: LoginNeed | undefined): void
  saveStanding(id: AccountId, standing: Standing): void
}

export interface StoredSession {
  readonly startedAt: Millis
  readonly requests: number
}

export interface StoredHealth {
  readonly cooldowns: readonly Cooldown[]
  readonly windows: readonly Window[]
  readonly session: StoredSession | undefined
  readonly login: LoginNeed | undefined
  readonly standing: Standing
}

/** What has happened to accounts; written behind. */
export interface EventStore {
  add(id: AccountId, event: AccountEvent): void
  /** Newest first, those before `before` (exclusive) where it is given. */
  list(
    id: AccountId,
    options: { readonly limit: number; readonly before?: string },
  ): Promise<readonly StoredEvent[]>
}

export interface StoredEvent extends AccountEvent {
  readonly id: string
}

/** Readings of windows over time, for charts and forecasts. */
export interface ReadingStore {
  add(id: AccountId, windows: readonly Window[]): void
  /** Oldest first. */
  list(query: ReadingQuery): Promise<readonly StoredReading[]>
  /** Thins what is older than a day, forgets what is older than 90; in small portions. */
  thin(now: Millis): Promise<void>
}

export interface ReadingQuery {
  readonly account?: AccountId
  readonly window?: string
  readonly since: Millis
  readonly until: Millis
  readonly limit: number
}

export interface StoredReading {
  readonly account: AccountId
  readonly window: string
  readonly at: Millis
  readonly utilization: number | undefined
  readonly resetsAt: Millis | undefined
  readonly status: string | undefined
}

/** Conversations and their accounts; bounded, the longest unused go first. */
export interface BindingStore {
  get(conversation: string): Binding | undefined
  put(conversation: string, binding: Binding): void
}

/** Sessions that the operator has pinned to an account. */
export interface PinStore {
  of(session: string): AccountId | undefined
  /** Throws GatewayError. */
  put(session: string, account: AccountId, now: Millis): Promise<void>
  /** False: it was not pinned. Throws GatewayError. */
  remove(session: string): Promise<boolean>
}

/** Files, batches and the like, and the account whose organization made them (`wire.md` §1.8). */
export interface OwnerStore {
  ownerOf(resource: string): Owner | undefined
  put(resource: string, owner: Owner): void
  readonly isEmpty: boolean
}

export interface Ledger {
  /** When it returns, a killed process no longer loses the row (G6). Never throws, never waits for a database. */
  append(row: LedgerRow): void
  /** Resolves when every appended row can be read back, or the database is known not to take them. */
  settled(): Promise<void>
  status(): LedgerStatus
}

export interface LedgerStatus {
  /** Rows that are safe in the journal but not in the database yet. */
  readonly waiting: number
  /** Rows that neither the database nor the journal could take, since the start. */
  readonly lost: number
  /** Why the database or the journal last refused to take rows; undefined when all is well. */
  readonly problem: string | undefined
}
