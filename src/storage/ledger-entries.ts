/**
 * Ledger rows that wait to be written: what a line of the journal was, and which of them the
 * database has already.
 */
import type { LedgerRow } from '../core/ledger.ts'
import { type Database, textOf, type Value } from './database.ts'
import { fromValues } from './ledger-rows.ts'

/** A row, and its values as they are written: made once, for the journal and for the database. */
export interface Entry {
  readonly row: LedgerRow
  readonly values: readonly Value[]
}

/** Those that are not in the database yet. */
export async function unwritten(database: Database, rows: readonly Entry[]): Promise<readonly Entry[]> {
  if (rows.length === 0) return rows
  const places = rows.map((_, index) => `$${index + 1}`).join(', ')
  const known = await database.load(
    `select id from requests where id in (${places})`,
    rows.map(({ row }) => row.id),
  )
  const ids = new Set(known.map((row) => textOf(row, 'id')))
  return rows.filter(({ row }) => !ids.has(row.id))
}

/** The process wrote these lines itself; one that it did not finish says nothing. */
export function parseLine(line: string): readonly Entry[] {
  try {
    const values: readonly Value[] = JSON.parse(line)
    const row = fromValues(values)
    return row === undefined ? [] : [{ row, values }]
  } catch {
    return []
  }
}
