/**
 * The file that payloads are kept in: a SQLite database of its own, so that what is large and
 * soon forgotten is never beside what must not be lost. Used from the payloads' worker only.
 * Knows sealed bytes, their request and their time; must not see what is in them.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { closeSync, openSync } from 'node:fs'
import type { PayloadSummary } from '../core/ports/payloads.ts'
import type { Millis } from '../core/time.ts'

export interface SealedRow {
  readonly id: string
  readonly at: Millis
  readonly sealed: Uint8Array
}

export interface PayloadFile {
  /** All or none. Throws SQLiteError. */
  add(rows: readonly SealedRow[]): void
  sealedOf(id: string): Uint8Array | undefined
  has(id: string): boolean
  summary(): PayloadSummary
  forget(id: string): boolean
  clear(): number
  /** Forgets the oldest until the rest is within its bounds, and gives their space back to the disk. */
  trim(bounds: PayloadBounds): void
  close(): void
}

export interface PayloadBounds {
  readonly budgetBytes: number
  /** Undefined: age alone is no reason. */
  readonly before: Millis | undefined
}

const BUSY_MS = 5_000
const ROWS_A_STEP = 32
const PAGES_A_STEP = 1_024
/** Free pages that new payloads will fill again; more are given back. */
const MOST_FREE_BYTES = 4 << 20

/** `id` of what is there already is left as it is. Throws SQLiteError. */
export function openPayloadFile(file: string): PayloadFile {
  const connection = connect(file)
  const clear = (): number => connection.run('delete from payloads').changes
  return {
    add(rows) {
      const insert = connection.query(
        'insert or ignore into payloads (id, at, bytes, sealed) values (?, ?, ?, ?)',
      )
      connection.transaction(() => {
        for (const { id, at, sealed } of rows) insert.run(id, at, sealed.length, sealed)
      })()
    },
    sealedOf: (id) =>
      connection.query<{ sealed: Uint8Array }, [string]>('select sealed from payloads where id = ?').get(id)
        ?.sealed,
    has: (id) => connection.query('select 1 from payloads where id = ?').get(id) !== null,
    summary: () => summaryOf(connection),
    forget(id) {
      const isThere = connection.run('delete from payloads where id = ?', [id]).changes > 0
      shrink(connection)
      return isThere
    },
    clear() {
      const count = clear()
      shrink(connection)
      return count
    },
    trim: (bounds) => trim(connection, bounds),
    close: () => connection.close(),
  }
}

function connect(file: string): Sqlite {
  // Made before SQLite makes it, which would let others read it; its -wal and -shm are as private as it is.
  closeSync(openSync(file, 'a', 0o600))
  const connection = new Sqlite(file, { create: true, readwrite: true, strict: true })
  connection.run(`pragma busy_timeout = ${BUSY_MS}`)
  connection.run('pragma auto_vacuum = incremental')
  connection.run('pragma journal_mode = wal')
  connection.run('pragma journal_size_limit = 4194304')
  connection.run('pragma synchronous = normal')
  connection.run('pragma secure_delete = fast')
  connection.run(
    'create table if not exists payloads (id text not null unique, at integer not null, bytes integer not null, sealed blob not null)',
  )
  connection.run('create index if not exists payloads_by_age on payloads (at, bytes)')
  return connection
}

function summaryOf(connection: Sqlite): PayloadSummary {
  const { count, oldest, newest } = connection
    .query<{ count: number; oldest: Millis | null; newest: Millis | null }, []>(
      'select count(*) as count, min(at) as oldest, max(at) as newest from payloads',
    )
    .get() ?? { count: 0, oldest: null, newest: null }
  const bytes = numberOf(connection, 'page_count') * numberOf(connection, 'page_size')
  return { count, bytes, oldest: oldest ?? undefined, newest: newest ?? undefined }
}

function trim(connection: Sqlite, { budgetBytes, before }: PayloadBounds): void {
  let changes = before === undefined ? 0 : 1
  while (changes > 0) {
    changes = connection.run(
      `delete from payloads where rowid in (select rowid from payloads where at < ? order by at limit ${ROWS_A_STEP})`,
      [before ?? 0],
    ).changes
  }
  while (usedBytes(connection) > budgetBytes && forgetOldest(connection, budgetBytes) > 0);
  if (freeBytes(connection) > MOST_FREE_BYTES) shrink(connection)
}

/** As many as make up what is too much, at most a step's. */
function forgetOldest(connection: Sqlite, budgetBytes: number): number {
  const oldest = connection
    .query<{ rowid: number; bytes: number }, []>(
      `select rowid, bytes from payloads order by at, rowid limit ${ROWS_A_STEP}`,
    )
    .all()
  let excess = usedBytes(connection) - budgetBytes
  const leaving = oldest.filter(({ bytes }) => {
    const isLeaving = excess > 0
    excess -= bytes
    return isLeaving
  })
  connection.transaction(() => {
    for (const { rowid } of leaving) connection.run('delete from payloads where rowid = ?', [rowid])
  })()
  return leaving.length
}

/** In steps, so that the log of changes stays small; the file is cut when they are moved into it. */
function shrink(connection: Sqlite): void {
  for (let left = numberOf(connection, 'freelist_count'); left > 0; left -= PAGES_A_STEP)
    connection.query(`pragma incremental_vacuum(${PAGES_A_STEP})`).all()
  connection.query('pragma wal_checkpoint(truncate)').all()
}

const usedBytes = (connection: Sqlite): number =>
  numberOf(connection, 'page_count') * numberOf(connection, 'page_size') - freeBytes(connection)

const freeBytes = (connection: Sqlite): number =>
  numberOf(connection, 'freelist_count') * numberOf(connection, 'page_size')

const numberOf = (connection: Sqlite, pragma: string): number =>
  Object.values(connection.query<Record<string, number>, []>(`pragma ${pragma}`).get() ?? {})[0] ?? 0
