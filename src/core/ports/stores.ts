/**
 * What is remembered beyond a process: one small interface for each kind of thing. Stores
 * keep what the request path needs in memory and write through; rows are parsed on the way
 * out. They decide nothing.
 */
import type { ClientKey } from '../access.ts'
import type { Account, AccountId } from '../account.ts'
import type { Cooldown } from '../health.ts'
import type { LedgerRow } from '../ledger.ts'
import type { Window } from '../limits.ts'
import type { Binding } from '../session.ts'
import type { Millis } from '../time.ts'

export type AccountChange = Partial<
  Pick<
    Account,
    'name' | 'baseUrl' | 'priority' | 'weight' | 'tier' | 'groups' | 'modelMap' | 'secret' | 'pausedAt'
  >
>

export interface AccountStore {
  /** The accounts as they stand; a new array after each change. */
  all(): readonly Account[]
  /** Throws GatewayError `conflict` when the name is taken. */
  add(account: Account): Promise<void>
  /** Throws `not-found`, or `conflict` when the new name is taken. */
  change(id: AccountId, change: AccountChange): Promise<Account>
  remove(id: AccountId): Promise<void>
}

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
    change: Partial<Pick<ClientKey, 'name' | 'disabledAt' | 'revokedAt'>>,
  ): Promise<ClientKey>
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
}

export interface StoredSession {
  readonly startedAt: Millis
  readonly requests: number
}

export interface StoredHealth {
  readonly cooldowns: readonly Cooldown[]
  readonly windows: readonly Window[]
  readonly session: StoredSession | undefined
}

/** Conversations and their accounts; bounded, the longest unused go first. */
export interface BindingStore {
  get(conversation: string): Binding | undefined
  put(conversation: string, binding: Binding): void
}

/** Files, batches and the like, and the account whose organization made them (`wire.md` §1.8). */
export interface OwnerStore {
  ownerOf(resource: string): AccountId | undefined
  put(resource: string, account: AccountId): void
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
