/**
 * Databases as earlier versions left them, made from the steps that led to them, and what a
 * schema looks like from outside. For the tests of every further step.
 */
import { join } from 'node:path'
import { HOUR } from '../../src/core/time.ts'
import { type Database, numberOf, type Row, type Statement, statement } from '../../src/storage/database.ts'
import { MIGRATIONS } from '../../src/storage/migrations.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { manualClock, memoryLog } from './samples.ts'

/** Makes a database of that version, with the rows, if there are any, that a gateway of then left in it. */
export async function makeOld(
  database: Database,
  version: number,
  rows: readonly Statement[] = [],
): Promise<void> {
  const steps = MIGRATIONS.filter((step) => step.version <= version).flatMap(({ statements }) => statements)
  const versions = 'create table schema_version (only_row integer primary key, version integer not null)'
  await database.commit(
    [
      ...[versions, ...steps].map((text) => statement(text)),
      statement('insert into schema_version (only_row, version) values (1, $1)', version),
      ...rows,
    ],
    'full',
  )
}

export async function versionOf(database: Database): Promise<number> {
  const [row = {}] = await database.load('select version from schema_version')
  return numberOf(row, 'version')
}

interface Column {
  readonly table: string
  readonly name: string
  readonly type: string
}

/** Every column of every table, `schema_version` left out. */
async function columnsOf(database: Database): Promise<readonly Column[]> {
  const text =
    database.kind === 'sqlite'
      ? `select tables.name as table_name, columns.name, columns.type
         from sqlite_master tables, pragma_table_info(tables.name) columns where tables.type = 'table'`
      : `select table_name, column_name as name, data_type as type
         from information_schema.columns where table_schema = 'public'`
  const rows = await database.load(text)
  return rows
    .map((row) => ({
      table: String(row.table_name),
      name: String(row.name),
      type: String(row.type).toLowerCase(),
    }))
    .filter(({ table }) => table !== 'schema_version' && !table.startsWith('sqlite_'))
}

/** Table → the names of its columns. */
export async function tablesOf(database: Database): Promise<ReadonlyMap<string, readonly string[]>> {
  const tables = Map.groupBy(await columnsOf(database), ({ table }) => table)
  return new Map(
    [...tables].sort(byName).map(([table, columns]) => [table, columns.map(({ name }) => name).sort()]),
  )
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a.localeCompare(b)

const ROWS_IN_EACH = 3

/** Rows with something in every column of every table, no two alike. */
export async function fillEveryTable(database: Database): Promise<void> {
  const tables = Map.groupBy(await columnsOf(database), ({ table }) => table)
  const statements = [...tables].flatMap(([table, columns]) =>
    Array.from({ length: ROWS_IN_EACH }, (_, number) =>
      statement(
        `insert into ${table} (${columns.map(({ name }) => name).join(', ')})
         values (${columns.map((_column, index) => `$${index + 1}`).join(', ')})`,
        ...columns.map((column) => valueFor(column, number + 1)),
      ),
    ),
  )
  await database.commit(statements, 'full')
}

function valueFor({ table, name, type }: Column, number: number): string | number {
  switch (type) {
    case 'text':
      return name.endsWith('_json') ? `["${name} ${number}"]` : `${name} ${number}`
    case 'integer':
    case 'bigint':
      return number
    case 'double precision':
      return number + 0.5
    default:
      throw new Error(`A test knows no value for ${table}.${name} of the type ${type}.`)
  }
}

/** Table → its rows, with these columns only. */
export async function contentOf(
  database: Database,
  tables: ReadonlyMap<string, readonly string[]>,
): Promise<Readonly<Record<string, readonly Row[]>>> {
  const content: Record<string, readonly Row[]> = {}
  for (const [table, columns] of tables) {
    const list = columns.join(', ')
    content[table] = await database.load(`select ${list} from ${table} order by ${list}`)
  }
  return content
}

/** Everything that a gateway would open, over a database that is up to date. */
export const openStores = (database: Database, directory: string): Promise<Storage> =>
  openStorage({
    database,
    journalFile: join(directory, 'ledger.journal'),
    rescueFile: join(directory, 'credentials.journal'),
    newId: () => Bun.randomUUIDv7(),
    clock: manualClock(),
    log: memoryLog(),
    sessionMs: 5 * HOUR,
    onAccounts: () => {},
  })
