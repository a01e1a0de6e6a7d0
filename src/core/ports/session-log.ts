/** Reading sessions: running sums of the ledger's rows, and what caches have missed. Never on the request path. */
import type { MissCause } from '../cache-miss.ts'
import type { Millis } from '../time.ts'

export interface SessionFilter {
  /** Used since then. */
  readonly since?: Millis
  /** Of the account that served it last: its id, or the name that it had. */
  readonly accountId?: string
  readonly account?: string
  readonly keyId?: string
  readonly key?: string
  /** A kind of agent, or an agent's id. */
  readonly agent?: string
  readonly before?: SessionPlace
  readonly limit: number
}

/** Where a page ends. */
export interface SessionPlace {
  readonly usedAt: Millis
  readonly session: string
}

export interface SessionSums {
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly costUsd: number
}

export interface SessionRow extends SessionPlace, SessionSums {
  readonly firstAt: Millis
  /** The account and the key of its last request. */
  readonly accountId: string | undefined
  readonly account: string | undefined
  readonly key: string | undefined
  readonly cacheHits: number
  readonly misses: Readonly<Record<MissCause, number>>
  readonly lostTokens: number
  readonly lostUsd: number
  readonly agents: readonly SessionAgent[]
}

/** The main loop, or an agent, with one model. */
export interface SessionAgent {
  /** Undefined: the session's main loop, and what its client asks beside it. */
  readonly agent: string | undefined
  readonly kind: string | undefined
  readonly model: string | undefined
  readonly servedModel: string | undefined
  readonly firstAt: Millis
  readonly usedAt: Millis
  readonly requests: number
  readonly tokens: number
  readonly costUsd: number
}

/** A kind of agent as traffic has shown it, with one model. */
export type SeenAgent = Omit<SessionAgent, 'agent' | 'kind'> & { readonly kind: string }

export interface MissSums {
  readonly cause: MissCause
  /** "tools", "system" or "message"; undefined where nothing changed. */
  readonly part: string | undefined
  readonly misses: number
  readonly tokens: number
  readonly usd: number
}

export interface SessionLog {
  /** Last used first. */
  list(filter: SessionFilter): Promise<readonly SessionRow[]>
  get(session: string): Promise<SessionRow | undefined>
  seenAgents(): Promise<readonly SeenAgent[]>
  misses(since: Millis, until: Millis): Promise<readonly MissSums[]>
  /** Forgets some hundred sessions that were last used before `before`, or are too many; how many. */
  forget(before: Millis): Promise<number>
}
