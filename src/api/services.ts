/**
 * What the handlers work with, built in main.ts: ports of the core and a few live parts of
 * the gateway, described by what the API needs of them. Types only.
 */
import type { Account, AccountId } from '../core/account.ts'
import type { Health } from '../core/health.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Window } from '../core/limits.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { RequestLog } from '../core/ports/request-log.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import type { AccountStore, KeyStore, LedgerStatus } from '../core/ports/stores.ts'
import type { StrategyName } from '../core/strategies.ts'
import type { Millis } from '../core/time.ts'

export interface Services {
  readonly clock: Clock
  readonly accounts: AccountStore
  readonly keys: KeyStore
  readonly requests: RequestLog
  readonly secrets: SecretBox
  readonly live: LiveAccounts
  readonly config: ConfigService
  readonly providers: readonly ProviderInfo[]
  readonly ledgerStatus: () => LedgerStatus
  readonly checkDatabase: () => Promise<readonly string[]>
  readonly testAccount: (account: Account) => Promise<AccountTest>
  readonly feed: RequestFeed
  readonly metrics: () => string
  readonly system: SystemInfo
  readonly newId: () => string
  /** A new client key's secret, and what is stored of it. */
  readonly newKey: () => { readonly secret: string; readonly digest: string; readonly hint: string }
}

/** How accounts fare right now; in a command without a server, how they fared last. */
export interface LiveAccounts {
  of(id: AccountId): LiveAccount
  clear(id: AccountId): void
}

export interface LiveAccount {
  readonly health: Health
  readonly windows: readonly Window[]
  readonly inFlight: number
  readonly session: { readonly startedAt: Millis; readonly requests: number } | undefined
}

export interface ProviderInfo {
  readonly id: string
  readonly label: string
  readonly baseUrl: string | undefined
  /** Why this text cannot be a base URL; undefined when it can. */
  readonly baseUrlProblem: (text: string) => string | undefined
}

export interface AccountTest {
  readonly ok: boolean
  readonly status?: number
  readonly ms: number
  readonly message: string
  readonly clockSkewMs?: number
}

export interface ConfigService {
  views(): readonly SettingInfo[]
  strategy(): StrategyName
  /** Throws GatewayError `bad-request`; all changes or none. Returns what the operator should know. */
  change(changes: Readonly<Record<string, unknown>>): Promise<readonly string[]>
}

export interface SettingInfo {
  readonly name: string
  readonly value: unknown
  readonly source: 'flag' | 'environment' | 'stored' | 'file' | 'default'
  readonly place?: string
  readonly default: unknown
  readonly description: string
  readonly takesEffect: string
}

/** Ledger rows as they are booked. */
export interface RequestFeed {
  /** Rows booked after the one called `after`, as far as they are still remembered. */
  since(after: string | undefined): readonly LedgerRow[]
  /** `ended` is called once when no row will come any more: the gateway is about to stop. */
  subscribe(listener: (row: LedgerRow) => void, ended: () => void): () => void
}

export interface SystemInfo {
  readonly version: string
  readonly runtime: string
  readonly pid: number
  readonly startedAt: Millis
  readonly dataDirectory: string
  readonly database: { readonly kind: string; readonly place: string }
  readonly memoryBytes: () => number
}
