/**
 * The schema, as the steps that led to it: one text for SQLite and PostgreSQL, each step
 * all or nothing. A database that is newer than this program is left alone. Steps that
 * have been released are never edited.
 */
import { GatewayError } from '../core/error.ts'
import { type Database, numberOf, type Statement, statement } from './database.ts'
import { SCHEMA_1 } from './schema/0001-first.ts'
import { SCHEMA_2 } from './schema/0002-accounts.ts'
import { SCHEMA_3 } from './schema/0003-routing.ts'
import { SCHEMA_4 } from './schema/0004-rollups.ts'
import { SCHEMA_5 } from './schema/0005-request-filters.ts'
import { SCHEMA_6 } from './schema/0006-people.ts'
import { SCHEMA_7 } from './schema/0007-alerts.ts'
import { SCHEMA_8 } from './schema/0008-key-usage.ts'
import { SCHEMA_9 } from './schema/0009-cache-misses.ts'
import { SCHEMA_10 } from './schema/0010-sessions.ts'

export interface Migration {
  readonly version: number
  readonly statements: readonly string[]
}

/** In their order. Versions may leave numbers out; none is ever used for something else. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, statements: SCHEMA_1 },
  { version: 2, statements: SCHEMA_2 },
  { version: 3, statements: SCHEMA_3 },
  { version: 4, statements: SCHEMA_4 },
  { version: 5, statements: SCHEMA_5 },
  { version: 6, statements: SCHEMA_6 },
  { version: 7, statements: SCHEMA_7 },
  { version: 8, statements: SCHEMA_8 },
  { version: 9, statements: SCHEMA_9 },
  { version: 10, statements: SCHEMA_10 },
]

export const LATEST = MIGRATIONS.at(-1)?.version ?? 0
const FIRST =
  'create table if not exists schema_version (only_row integer primary key, version integer not null)'

/** Brings the schema up to date. Throws GatewayError `unavailable` for a newer one. */
export async function migrate(database: Database): Promise<void> {
  await database.commit([statement(FIRST)], 'full')
  const present = await readSchema(database)
  if (present > LATEST) {
    throw new GatewayError(
      'unavailable',
      `The database ${database.place} was written by a newer Spillway (schema ${present}; this one knows ${LATEST}). ` +
        'Nothing was changed. Start the newer version, or give this one a data directory of its own.',
    )
  }
  for (const { version, statements } of MIGRATIONS) {
    if (version > present)
      await database.commit([...statements.map((text) => statement(text)), record(version)], 'full')
  }
}

/** The schema's version; 0 when it is still to be made. Throws where there is not even a table for it. */
export async function readSchema(database: Database): Promise<number> {
  const [row] = await database.load('select version from schema_version')
  return row === undefined ? 0 : numberOf(row, 'version')
}

const record = (version: number): Statement =>
  statement(
    'insert into schema_version (only_row, version) values (1, $1) on conflict (only_row) do update set version = excluded.version',
    version,
  )
