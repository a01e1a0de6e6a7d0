/**
 * What another program's files have to say, in Spillway's words: the shape that every
 * reader gives. Holds secrets in the clear on their way in; must not print or keep any.
 */

export interface ImportedAccount {
  /** Valid for Spillway, and no other account of the source has it. */
  readonly name: string
  /** A Spillway provider's id; the source's own word for it where `skipped` says that there is none. */
  readonly provider: string
  readonly apiKey?: string
  readonly accessToken?: string
  readonly refreshToken?: string
  /** ISO 8601. */
  readonly tokenExpiresAt?: string
  readonly baseUrl?: string
  /** Lower numbers go first. */
  readonly priority?: number
  /** Share among equals. */
  readonly weight?: number
  /** Size of the plan: 1, 5, 20. */
  readonly tier?: number
  readonly isPaused?: boolean
  /** Paid overage counts as a limit. */
  readonly planOnly?: boolean
  readonly modelMap?: Readonly<Record<string, readonly string[]>>
  /** Why it cannot be taken over, as a sentence. */
  readonly skipped?: string
}

export interface ImportedRequest {
  /** The source's id. */
  readonly id: string
  /** ISO 8601. */
  readonly startedAt: string
  /** The account's name as in `accounts`; undefined when none served it, or it is gone. */
  readonly account: string | undefined
  readonly model: string | undefined
  readonly status: number | undefined
  readonly isSuccess: boolean
  readonly durationMs: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  /** The sources do not tell five-minute and one-hour writes apart. */
  readonly cacheWriteTokens: number
  /** Undefined where the source had no price. */
  readonly costUsd?: number
  readonly agent?: string
  readonly path: string
  readonly method: string
}

export interface Imported {
  readonly accounts: readonly ImportedAccount[]
  /** In batches, read from the source as they are asked for. */
  readonly requests: Iterable<readonly ImportedRequest[]>
  readonly requestCount: number
  /** What the operator should know, as sentences. */
  readonly notes: readonly string[]
  /** Gives the source and every copy of it back. */
  close(): void
}
