/**
 * Ledgers for tests on a real database, and a database that can be taken away and given back
 * at will: what a failover, a full disk or a cut cable look like from here.
 */
import { join } from 'node:path'
import type { LedgerRow } from '../../src/core/ledger.ts'
import type { Log } from '../../src/core/ports/log.ts'
import type { Totals } from '../../src/core/ports/stores.ts'
import { type Database, DatabaseError, type Statement } from '../../src/storage/database.ts'
import { type Journal, openJournal } from '../../src/storage/journal.ts'
import { type ClosableLedger, createLedger } from '../../src/storage/ledger.ts'
import { toLedgerRow } from '../../src/storage/ledger-rows.ts'
import { memoryLog } from './samples.ts'

export interface LedgerParts {
  readonly journal?: Journal
  readonly log?: Log
  readonly portionShare?: number
}

export const journalFileIn = (directory: string): string => join(directory, 'ledger.journal')

export const openLedger = (
  database: Database,
  directory: string,
  { journal = openJournal(journalFileIn(directory)), log = memoryLog(), portionShare = 1 }: LedgerParts = {},
): ClosableLedger => createLedger({ database, journal, log, batchMs: 0, portionShare })

export interface Outage {
  readonly database: Database
  /** From now on the database does not answer. */
  begin(): void
  end(): void
  /** The next commit is done, but its answer gets lost. */
  loseAnswer(): void
  /** The next `count` calls are answered, then the outage begins. */
  beginAfter(count: number): void
}

export function withOutages(database: Database): Outage {
  let left = Number.POSITIVE_INFINITY
  let isAnswerLost = false
  const gone = (): DatabaseError => new DatabaseError('unreachable', 'The cable is cut.', undefined)
  const pass = (): void => {
    if (left <= 0) throw gone()
    left--
  }
  return {
    begin() {
      left = 0
    },
    end() {
      left = Number.POSITIVE_INFINITY
    },
    beginAfter(count) {
      left = count
    },
    loseAnswer() {
      isAnswerLost = true
    },
    database: {
      ...database,
      async load(text, values) {
        pass()
        return database.load(text, values)
      },
      async read(text, values) {
        pass()
        return database.read(text, values)
      },
      async commit(statements: readonly Statement[], durability) {
        pass()
        const changes = await database.commit(statements, durability)
        if (!isAnswerLost) return changes
        isAnswerLost = false
        throw gone()
      },
    },
  }
}

/** A journal on a disk that has no room left. */
export const fullJournal = (): Journal => ({
  append: () => false,
  read: (from) => ({ lines: [], end: from }),
  clear: () => {},
  bytes: 0,
  problem: 'The journal could not be written: the disk is full.',
  close: () => {},
})

/** Every row, oldest first. */
export async function rowsIn(database: Database): Promise<readonly LedgerRow[]> {
  const rows = await database.load('select * from requests order by id')
  return rows.map(toLedgerRow)
}

export const idsOf = (rows: readonly LedgerRow[]): readonly string[] => rows.map(({ id }) => id)

/** Totals as they must be for these rows. */
export function sumsOf(rows: readonly LedgerRow[]): ReadonlyMap<string, Totals> {
  const accounts = new Set(rows.flatMap(({ accountId }) => (accountId === undefined ? [] : [accountId])))
  return new Map(
    [...accounts].map((id) => {
      const own = rows.filter(({ accountId }) => accountId === id)
      const sum = (of: (row: LedgerRow) => number) => own.reduce((total, row) => total + of(row), 0)
      const totals = {
        requests: own.length,
        inputTokens: sum(({ usage }) => usage.inputTokens),
        outputTokens: sum(({ usage }) => usage.outputTokens),
        costUsd: sum(({ costUsd = 0 }) => costUsd),
      }
      return [id, totals] as const
    }),
  )
}
