/** What `spillway simulate` asks for and is told. Types only. */
import type { Client } from '../api/client.ts'

export interface SimulationWish {
  /** All of them where none is named. */
  readonly strategies: readonly string[]
  readonly source: SyntheticSource | LedgerSource
}

interface SyntheticSource {
  readonly kind: 'synthetic'
  readonly hours: number
  readonly accounts: number
  readonly seed: number
}

interface LedgerSource {
  readonly kind: 'ledger'
  readonly days: number
  readonly client: Client
}

export interface SimulationResult {
  readonly requests: number
  readonly served: number
  readonly refused: number
  /** Tokens of prompts that were written into a cache again, because the conversation had left a warm one. */
  readonly cacheRewriteTokens: number
  /** At list prices, whether it is paid for by the token or by a plan. */
  readonly costUsd: number
  /** Answers by another account than the conversation's last one. */
  readonly switches: number
}

export interface StrategyResult extends SimulationResult {
  readonly strategy: string
  readonly truncated: number
  readonly waits: number
  readonly attempts: number
}

export interface SimulationReport {
  readonly source: 'synthetic' | 'ledger'
  readonly startsAt: string
  readonly endsAt: string
  readonly accounts: number
  readonly requests: number
  readonly results: readonly StrategyResult[]
  /** Only of a ledger: what really happened. */
  readonly actual?: SimulationResult
  /** The strategy in force, where there is one. */
  readonly inForce?: string
  /** What the simulation leaves out or had to estimate. */
  readonly notes: readonly string[]
}
