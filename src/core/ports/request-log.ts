/** Reading the ledger: single rows, pages of rows and sums. Never on the request path. */
import type { LedgerRow } from '../ledger.ts'
import type { Dimension, Size } from '../rollup.ts'
import type { Sums, Tally } from '../tally.ts'
import type { Millis } from '../time.ts'
import type { Totals } from './stores.ts'

export interface RequestFilter {
  readonly account?: string
  readonly model?: string
  readonly status?: number
  readonly outcome?: string
  readonly key?: string
  readonly session?: string
  readonly agent?: string
  readonly since?: Millis
  readonly until?: Millis
  /** Rows older than this one only: the page's last id. */
  readonly before?: string
  readonly limit: number
}

export type Grouping = 'account' | 'model' | 'key'

/** Whole buckets: `from` and `to` lie on bounds of `bucket`. */
export interface HistoryQuestion {
  readonly from: Millis
  readonly to: Millis
  readonly bucket: Size
  /** Undefined: everything together. */
  readonly groupBy: Dimension | undefined
  /** Accounts and keys by their ids; what is empty has none. */
  readonly filters: Partial<Readonly<Record<Dimension, string>>>
  /** So many groups are told apart at most, the busiest. */
  readonly mostGroups: number
}

export interface HistoryGroup {
  /** An account's or a key's present name; undefined where there was none. */
  readonly name: string | undefined
  readonly tally: Tally
}

export interface HistoryAnswer {
  readonly total: Tally
  /** The busiest first. */
  readonly groups: readonly HistoryGroup[]
  /** There were more groups than are told apart. */
  readonly hasMore: boolean
  /** In their order; those in which nothing happened are left out. */
  readonly buckets: readonly {
    readonly startsAt: Millis
    readonly total: Tally
    readonly groups: readonly HistoryGroup[]
  }[]
}

export interface RequestLog {
  /** Newest first. */
  list(filter: RequestFilter): Promise<readonly LedgerRow[]>
  get(id: string): Promise<LedgerRow | undefined>
  sums(since: Millis | undefined): Promise<Sums>
  sumsBy(
    grouping: Grouping,
    since: Millis | undefined,
  ): Promise<readonly (Sums & { readonly name: string | undefined })[]>
  /** Answered from sums that are kept beside the ledger, and outlive its rows. */
  history(question: HistoryQuestion): Promise<HistoryAnswer>
  /** Since when sums of this size are kept; undefined: since the beginning. */
  keptSince(size: Size): Promise<Millis | undefined>
  accountTotals(): Promise<ReadonlyMap<string, Totals>>
}
