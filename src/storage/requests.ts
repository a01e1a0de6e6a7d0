/**
 * Reads the ledger for the API: pages, single rows and sums, always in the worker or on
 * PostgreSQL's own connections. Sums and history come from what is kept beside the ledger.
 */
import type { LedgerRow } from '../core/ledger.ts'
import type { RequestLog } from '../core/ports/request-log.ts'
import type { Database, Row, Value } from './database.ts'
import { toLedgerRow } from './ledger-rows.ts'
import { sumLedger, sumLedgerBy } from './ledger-sums.ts'
import { toSearch } from './request-conditions.ts'
import { readHistory } from './rollup-history.ts'
import { sumHistory, sumHistoryBy } from './rollup-sums.ts'
import type { Rollups } from './rollups.ts'
import { readTotals } from './totals.ts'

export interface RequestLogSource {
  readonly settled: () => Promise<void>
  readonly rollups: Rollups
}

export function createRequestLog(database: Database, { settled, rollups }: RequestLogSource): RequestLog {
  const history = { database, rollups }
  const read = async (text: string, values: readonly Value[]): Promise<readonly Row[]> => {
    await settled()
    return database.read(text, values)
  }
  return {
    async list(filter) {
      const { text, values } = toSearch(filter)
      const rows = await read(text, values)
      return rows.map(toLedgerRow)
    },
    async get(id): Promise<LedgerRow | undefined> {
      const [row] = await read('select * from requests where id = $1', [id])
      return row === undefined ? undefined : toLedgerRow(row)
    },
    async sums(since) {
      await settled()
      return (await rollups.isWhole()) ? sumHistory(history, since) : sumLedger(database, since)
    },
    async sumsBy(grouping, since) {
      await settled()
      return (await rollups.isWhole())
        ? sumHistoryBy(history, grouping, since)
        : sumLedgerBy(database, grouping, since)
    },
    async history(question) {
      await settled()
      return readHistory(history, question)
    },
    keptSince: rollups.keptSince,
    async accountTotals() {
      await settled()
      return readTotals(database)
    },
  }
}
