/**
 * What the handlers work with, built in main.ts: ports of the core and a few live parts of
 * the gateway, described by what the API needs of them. Types only.
 */
import type { Account, AccountId } from '../core/account.ts'
import type { AgentFiles } from '../core/agent-definition.ts'
import type { CertificateStatus } from '../core/certificate.ts'
import type { RouteAnswer, RouteQuestion } from '../core/dry-run.ts'
import type { Health } from '../core/health.ts'
import type { KeyUse } from '../core/key-use.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Window } from '../core/limits.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { LogLevel } from '../core/ports/log.ts'
import type { PayloadStore } from '../core/ports/payloads.ts'
import type { AuditLog, Passwords, UserStore } from '../core/ports/people.ts'
import type { RequestLog } from '../core/ports/request-log.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import type { SessionLog } from '../core/ports/session-log.ts'
import type {
  AccountStore,
  CredentialStore,
  EventStore,
  KeyStore,
  LedgerStatus,
  ReadingStore,
  TermsStore,
} from '../core/ports/stores.ts'
import type { RequestClass, RoutingRules } from '../core/rules.ts'
import type { Binding } from '../core/session.ts'
import type { Standing } from '../core/standing.ts'
import type { StrategyName } from '../core/strategies.ts'
import type { Millis } from '../core/time.ts'
import type { TokenHealth } from '../core/token.ts'
import type { WaitCause } from '../core/waiting.ts'
import type { AlertsService } from './alert-service.ts'
import type { DoorService } from './door.ts'
import type { MaintenanceService } from './maintenance.ts'
import type { SignIns } from './sign-ins.ts'

export interface Services {
  readonly clock: Clock
  readonly accounts: AccountStore
  readonly credentials: CredentialStore
  readonly events: EventStore
  readonly readings: ReadingStore
  readonly terms: TermsStore
  readonly keys: KeyStore
  /** What a key has used and has under way. */
  readonly keyUse: (keyId: string) => KeyUse
  readonly requests: RequestLog
  readonly payloads: PayloadStore
  readonly sessionLog: SessionLog
  readonly sessions: LiveSessions
  readonly secrets: SecretBox
  readonly live: LiveAccounts
  readonly config: ConfigService
  readonly routing: RoutingService
  readonly alerts: AlertsService
  readonly providers: readonly ProviderInfo[]
  readonly ledgerStatus: () => LedgerStatus
  readonly maintenance: MaintenanceService
  readonly testAccount: (account: Account) => Promise<AccountTest>
  /** Renews and polls now. Throws GatewayError. */
  readonly refreshAccount: (account: Account) => Promise<void>
  readonly tokenReport: () => TokenReport
  readonly signIns: SignIns
  readonly sealedFiles: SealedFiles
  /** Adds rows that are not in the ledger yet, with their totals; how many they were. */
  readonly addHistory: (rows: readonly LedgerRow[]) => Promise<number>
  /** The id of a row of another gateway: the same for the same source and id, sorted by its time. */
  readonly historyId: (source: string, id: string, at: Millis) => string
  /** Ledger rows as they are booked. */
  readonly feed: LiveFeed<LedgerRow>
  readonly logs: KeptLog
  /** What is wrong with the gateway itself, beside its accounts and its ledger, in sentences. */
  readonly problems: () => readonly string[]
  readonly accountFeed: LiveFeed<AccountChange>
  readonly agents: AgentService
  readonly metrics: () => string
  readonly system: SystemInfo
  readonly newId: () => string
  readonly door: DoorService
  readonly users: UserStore
  readonly passwords: Passwords
  readonly audit: AuditLog
  /** A new client key's secret, and what is stored of it. */
  readonly newKey: () => { readonly secret: string; readonly digest: string; readonly hint: string }
}

/** What is in force, what would happen and who waits. */
export interface RoutingService {
  rules(): RoutingRules
  /** USD today (UTC). */
  spentUsd(group: string): number
  /** Throws GatewayError as the request would be refused for what it asks. */
  explain(question: RouteQuestion): RouteAnswer
  /** In the order in which they are asked. */
  waiting(): readonly WaitingRequest[]
}

export interface WaitingRequest {
  readonly id: string
  readonly class: RequestClass
  readonly cause: WaitCause
  readonly since: Millis
  readonly until: Millis
  readonly model: string | undefined
  readonly key: string | undefined
  readonly session: string | undefined
}

/** Where sessions are at home right now. */
export interface LiveSessions {
  /** Of a session's main loop, or of one of its agents; undefined when it is over. */
  bindingOf(session: string, agent: string | undefined): Binding | undefined
  pinOf(session: string): AccountId | undefined
  /** Its conversations move there, and stay. Throws GatewayError. */
  pin(session: string, agents: readonly string[], account: AccountId): Promise<void>
  /** False: it was not pinned. Throws GatewayError. */
  unpin(session: string): Promise<boolean>
  move(session: string, agents: readonly string[], account: AccountId): void
}

/** The agents that the configured workspaces define. */
export interface AgentService {
  /** As they were read last. */
  present(): AgentFiles
  /** Reads them now. */
  refresh(): AgentFiles
  /** Kinds that clients bring, by the name that they are recognised under. */
  readonly builtIn: readonly string[]
}

/** Something is another about an account than a moment ago, or it is gone. */
export interface AccountChange {
  readonly id: string
  readonly kind: 'changed' | 'removed'
  readonly account: Account
}

/** How accounts fare right now; in a command without a server, how they fared last. */
export interface LiveAccounts {
  of(id: AccountId): LiveAccount
  clear(id: AccountId): void
  /** What is known of whose account it is. */
  learned(id: AccountId, facts: Standing): void
}

export interface TokenReport {
  readonly checkedAt: Millis
  readonly tokens: readonly (TokenHealth & { readonly account: Account })[]
}

/** Texts that only a passphrase opens. Both throw GatewayError `bad-request`. */
export interface SealedFiles {
  encrypt(text: string, passphrase: string): Promise<string>
  decrypt(file: string, passphrase: string): Promise<string>
}

export interface LiveAccount {
  readonly health: Health
  readonly windows: readonly Window[]
  readonly standing: Standing
  readonly inFlight: number
  readonly session: { readonly startedAt: Millis; readonly requests: number } | undefined
}

export interface ProviderInfo {
  readonly id: string
  readonly label: string
  readonly baseUrl: string | undefined
  readonly credential: 'key' | 'optional-key' | 'sign-in'
  readonly models: readonly string[]
  readonly notes: readonly string[]
  readonly tellsUsage: boolean
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
  /** A JSON Schema of the configuration file. */
  schema(): object
  /** What is wrong with these values, and with the rules as they would then be. Changes nothing. */
  check(changes: Readonly<Record<string, unknown>>): readonly SettingFinding[]
  /** Throws GatewayError `bad-request`, and `conflict` for what is set elsewhere; all changes or none. Returns what the operator should know. */
  change(changes: Readonly<Record<string, unknown>>): Promise<readonly string[]>
}

export interface SettingFinding {
  readonly path: string
  readonly message: string
  readonly remedy?: string | undefined
}

export interface SettingInfo {
  readonly name: string
  readonly value: unknown
  readonly source: 'flag' | 'environment' | 'file' | 'stored' | 'default'
  readonly place?: string
  /** Set elsewhere, and to be changed there only. */
  readonly lockedBy?: string
  readonly default: unknown
  readonly unit?: string
  readonly range?: string
  readonly description: string
  readonly takesEffect: string
}

/** Things as they happen. */
export interface LiveFeed<T> {
  /** What came after the one called `after`, as far as it is still remembered. */
  since(after: string | undefined): readonly T[]
  /** `ended` is called once when nothing will come any more: the gateway is about to stop. */
  subscribe(listener: (item: T) => void, ended: () => void): () => void
}

/** The last lines of the log, without secrets. */
export interface KeptLog extends LiveFeed<LogLine> {
  /** Newest first. */
  history(query: LogQuery): readonly LogLine[]
}

export interface LogQuery {
  readonly limit: number
  /** At least as important. */
  readonly level: LogLevel
  /** Anywhere in the line, in whatever case. */
  readonly text?: string
  readonly request?: string
  readonly since?: Millis
  /** Older than the line of this id. */
  readonly before?: string
}

export interface LogLine {
  readonly id: string
  readonly time: string
  readonly level: LogLevel
  readonly message: string
  /** The id of the client's request that it is about. */
  readonly request?: string
  readonly error?: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface SystemInfo {
  readonly version: string
  readonly runtime: string
  readonly pid: number
  readonly startedAt: Millis
  readonly dataDirectory: string
  readonly database: { readonly kind: string; readonly place: string }
  readonly memoryBytes: () => number
  /** The one that is shown to clients; undefined without TLS. */
  readonly certificate: (() => CertificateStatus) | undefined
}
