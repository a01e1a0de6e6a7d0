/**
 * Fills a data directory with a ledger: rows straight into a database of the schema before
 * there was a history, which the product's own migration and its own work in the background then
 * bring up to date. So both are measured at full size, too.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { toMillis } from '../../src/core/time.ts'
import { type Database, statement } from '../../src/storage/database.ts'
import { FIRST_COLUMNS, valuesOf } from '../../src/storage/ledger-rows.ts'
import { migrate } from '../../src/storage/migrations.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { openLedger } from '../../test/support/ledgers.ts'
import { makeOld } from '../../test/support/old-databases.ts'
import { manualClock, memoryLog } from '../../test/support/samples.ts'
import { KEYS, keyIdOf, ledgerRows } from './rows.ts'

export interface Filled {
  readonly rows: number
  readonly bytes: number
  readonly insertSeconds: number
  /** The start that builds the indexes. */
  readonly migrateSeconds: number
  /** What the running gateway does in small steps, here without pauses. */
  readonly historySeconds: number
}

const DAYS = 90
/** The schema that is filled. */
const BEFORE_HISTORY = 3
const BATCH = 5_000
const INSERT =
  `insert into requests (${FIRST_COLUMNS.join(', ')}) ` +
  `values (${FIRST_COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})`

export async function fill(
  directory: string,
  { rows, seed, say }: { readonly rows: number; readonly seed: number; readonly say: (line: string) => void },
): Promise<Filled> {
  const data = join(directory, 'data')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const file = join(data, 'spillway.db')
  const database = openSqlite(file)
  const insertSeconds = await timed(() => insert(database, { rows, seed, say }))
  say(`${rows} rows in ${insertSeconds.toFixed(0)} s`)
  const migrateSeconds = await timed(() => migrate(database))
  say(`migrated in ${migrateSeconds.toFixed(0)} s`)
  const historySeconds = await timed(() => buildHistory(database, data))
  say(`history of them in ${historySeconds.toFixed(0)} s`)
  await database.close()
  return { rows, bytes: statSync(file).size, insertSeconds, migrateSeconds, historySeconds }
}

async function insert(
  database: Database,
  { rows, seed, say }: { readonly rows: number; readonly seed: number; readonly say: (line: string) => void },
): Promise<void> {
  const keys = KEYS.map((name, index) =>
    statement(
      'insert into client_keys (id, name, digest, hint, created_at) values ($1, $2, $3, $4, $5)',
      ...[keyIdOf(index), name, `digest-${index}`, 'none', 0],
    ),
  )
  await makeOld(database, BEFORE_HISTORY, keys)
  let batch = []
  let count = 0
  for (const row of ledgerRows({ rows, days: DAYS, endsAt: toMillis(Date.now()), seed })) {
    batch.push(statement(INSERT, ...valuesOf(row).slice(0, FIRST_COLUMNS.length)))
    if (batch.length < BATCH) continue
    await database.commit(batch, 'normal')
    count += batch.length
    batch = []
    if (count % 1_000_000 === 0) say(`${count} rows`)
  }
  await database.commit(batch, 'normal')
}

async function buildHistory(database: Database, directory: string): Promise<void> {
  const ledger = openLedger(database, directory, { log: memoryLog() })
  await ledger.trimHistory(manualClock(toMillis(Date.now())).now())
  while (await ledger.bringInOld());
  await ledger.close()
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begin = performance.now()
  await work()
  return (performance.now() - begin) / 1_000
}
