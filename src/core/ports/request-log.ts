/** Reading the ledger: single rows, pages of rows and sums. Never on the request path. */
import type { LedgerRow } from '../ledger.ts'
import type { Millis } from '../time.ts'
import type { Totals } from './stores.ts'

export interface RequestFilter {
  readonly account?: string
  readonly model?: string
  readonly status?: number
  readonly outcome?: string
  readonly key?: string
  readonly session?: string
  readonly since?: Millis
  readonly until?: Millis
  /** Rows older than this one only: the page's last id. */
  readonly before?: string
  readonly limit: number
}

export interface Sums {
  readonly requests: number
  readonly succeeded: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly costUsd: number
  /** Requests that used tokens of a model without a known price. */
  readonly unpriced: number
}

export type Grouping = 'account' | 'model' | 'key'

export interface RequestLog {
  /** Newest first. */
  list(filter: RequestFilter): Promise<readonly LedgerRow[]>
  get(id: string): Promise<LedgerRow | undefined>
  sums(since: Millis | undefined): Promise<Sums>
  sumsBy(
    grouping: Grouping,
    since: Millis | undefined,
  ): Promise<readonly (Sums & { readonly name: string | undefined })[]>
  accountTotals(): Promise<ReadonlyMap<string, Totals>>
}
