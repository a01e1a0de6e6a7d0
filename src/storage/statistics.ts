/** What is summed up of the ledger and can begin anew: which tables these are. */
import { type Database, statement } from './database.ts'

const SUMMED_UP = [
  ...['account_totals', 'agent_totals', 'sessions', 'session_agents', 'cache_miss_hours'],
  // Without the last, rows that are older than the history would be brought in again.
  ...['rollups', 'rollup_tail', 'rollup_names', 'rollup_old'],
] as const

/** All of them at one moment. Throws DatabaseError. */
export async function resetStatistics(database: Database): Promise<void> {
  await database.commit(
    SUMMED_UP.map((table) => statement(`delete from ${table}`)),
    'full',
  )
}
