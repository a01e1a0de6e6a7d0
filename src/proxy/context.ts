/**
 * What the request path works with: ports and nothing else, built in main.ts. Types only.
 */
import type { Account } from '../core/account.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import type { PayloadKeeper } from '../core/ports/payloads.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import type { BindingStore, KeyStore, Ledger, OwnerStore, PinStore } from '../core/ports/stores.ts'
import type { Tokens } from '../core/ports/tokens.ts'
import type { Upstream } from '../core/ports/upstream.ts'
import type { Span } from '../dialects/json-scan.ts'
import type { PrefixDigests } from '../dialects/messages/prefix.ts'
import type { Agents } from './agents.ts'
import type { Brake } from './brake.ts'
import type { RetryBudget } from './budget.ts'
import type { KeyMeters } from './key-meters.ts'
import type { Line } from './line.ts'
import type { Pool } from './pool.ts'
import type { PoolMeters } from './pool-limits.ts'
import type { PromptCaches } from './prompt-caches.ts'
import type { ProxySettings } from './settings.ts'
import type { Spending } from './spending.ts'

export interface ProxyContext {
  readonly clock: Clock
  readonly log: Log
  readonly upstream: Upstream
  readonly secrets: SecretBox
  readonly tokens: Tokens
  readonly pool: Pool
  readonly meters: PoolMeters
  readonly keys: KeyStore
  readonly keyMeters: KeyMeters
  readonly bindings: BindingStore
  readonly pins: PinStore
  readonly owners: OwnerStore
  readonly ledger: Ledger
  readonly payloads: PayloadKeeper
  readonly budget: RetryBudget
  readonly line: Line
  readonly spending: Spending
  readonly brake: Brake
  readonly caches: PromptCaches
  readonly agents: Agents
  readonly prefixDigests: PrefixDigests
  readonly settings: () => ProxySettings
  readonly newId: () => string
  /** SHA-256 of a text, in hexadecimal. */
  readonly sha256: (text: string) => string
  /** A short digest of parts of a body, equal for equal bytes; not for secrets. */
  readonly digest: (body: Uint8Array, parts: readonly Span[]) => string
  /** A shorter one of a whole body, in one pass. */
  readonly fingerprint: (body: Uint8Array) => string
  /** Counts a wrong key; true when this peer has tried too often. */
  readonly isBlocked: (peer: string) => boolean
  /** Decodes a copy of a compressed answer, to read its usage. */
  readonly decode: (encoding: string, onBytes: (bytes: Uint8Array) => void) => Decoding | undefined
  readonly observe: Observer
}

export interface Decoding {
  push(bytes: Uint8Array): void
  /** Resolves when all that was pushed has been decoded, or given up. */
  end(): Promise<void>
}

/** Told of what happens, for metrics and live views; must return at once and never throw. */
export interface Observer {
  begun(): void
  /** The client is being answered, or has left; called once for each `begun`. */
  ended(): void
  attempted(account: Account, failure: string | undefined): void
  /** A client was turned away before it was anybody's request. */
  rejected(reason: string): void
  booked(row: LedgerRow): void
  /** `request`: the first one's id. */
  unpriced(model: string, request: string): void
  /** A client seems to have run away: what was seen, and what was done about it. */
  ranAway(kind: string, action: string): void
  /** A key's rules kept a request out: the key's name, and by which of them. */
  keyRefused(key: string, limit: string): void
}
