/** What the keeper works with: ports, and what it needs of the live pool. Types only. */
import type { Account, AccountId } from '../core/account.ts'
import type { Failure } from '../core/failure.ts'
import type { Health } from '../core/health.ts'
import type { Window } from '../core/limits.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import type { AccountStore, CredentialStore } from '../core/ports/stores.ts'
import type { Endpoint, Upstream } from '../core/ports/upstream.ts'
import type { Standing } from '../core/standing.ts'
import type { PacerContext } from './pacer.ts'

export interface KeeperContext {
  readonly clock: Clock
  readonly log: Log
  readonly upstream: Upstream
  readonly secrets: SecretBox
  readonly accounts: Pick<AccountStore, 'all'>
  readonly credentials: CredentialStore
  readonly pool: KeptPool
  readonly settings: () => KeeperSettings
  /** Names this process among others that may share the database. */
  readonly holder: string
  readonly newId: () => string
  /** 256 random bits as base64url, for verifiers and states. */
  readonly randomText: () => string
  /** base64url(SHA-256(text)) without padding. */
  readonly challengeOf: (text: string) => string
  readonly observe: KeeperObserver
  /** Who is told how fast windows are being used up, if anybody. */
  readonly pacing?: Pick<PacerContext, 'readings' | 'paced' | 'everyMs'>
}

export interface KeptPool {
  healthOf(id: AccountId): Health
  failed(id: AccountId, failure: Failure): void
  polled(id: AccountId, windows: readonly Window[]): void
  learned(id: AccountId, facts: Standing): void
}

export interface KeeperSettings {
  readonly clientId: string
  /** Where tokens are had. */
  readonly tokenEndpoint: Endpoint
  /** Where people sign in; empty: the provider's own address. */
  readonly authorizeUrl: string
  readonly redirectUri: string
  /** The usual time between two polls of an account's usage; 0 never polls. */
  readonly usagePollMs: number
}

/** Told of the keeper's own traffic, which is never a client's (G14). */
export interface KeeperObserver {
  renewed(account: Account, result: 'renewed' | 'failed' | 'revoked'): void
  polled(account: Account, result: 'read' | 'refused' | 'failed'): void
}
