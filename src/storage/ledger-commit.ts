/**
 * The one commit that ledger rows go into, together with every sum that is kept beside them:
 * accounts' totals, sessions, keys' usage, history. Must not decide what happens when it fails.
 */
import type { LedgerRow } from '../core/ledger.ts'
import { type Database, isRefusal, type Statement } from './database.ts'
import { keyUsageOf } from './key-usage.ts'
import type { Entry } from './ledger-entries.ts'
import { insertOf } from './ledger-rows.ts'
import type { Rollups } from './rollups.ts'
import { sessionSumsOf } from './session-sums.ts'
import { totalsOf } from './totals.ts'

interface Places {
  readonly database: Database
  readonly rollups: Rollups
}

/** What rows add to the sums that are kept beside them. */
const sumsOf = (rows: readonly LedgerRow[]): readonly Statement[] => [
  ...totalsOf(rows),
  ...sessionSumsOf(rows),
  ...keyUsageOf(rows),
]

/** Rows and all that is kept beside them, in one commit, with what else there is. Throws DatabaseError. */
export async function commitRows(
  { rollups, database }: Places,
  entries: readonly Entry[],
  others: readonly Statement[],
): Promise<void> {
  const rows = entries.map(({ row }) => row)
  const { statements, done } = await rollups.take(rows)
  const inserts = entries.map(({ values }) => insertOf(values))
  try {
    await database.commit([...inserts, ...sumsOf(rows), ...statements, ...others], 'normal')
  } catch (error) {
    if (!isRefusal(error)) rollups.doubt()
    throw error
  }
  done()
}
