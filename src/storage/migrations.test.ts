/** The schema: made, brought up to date, refused when newer, and never half of either. */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { type Database, numberOf, statement } from './database.ts'
import { migrate } from './migrations.ts'

const TABLES = [
  'account_events',
  'account_health',
  'account_totals',
  'accounts',
  'bindings',
  'client_keys',
  'meta',
  'owners',
  'requests',
  'schema_version',
  'settings',
  'window_readings',
]

describe.each(await databases())('the schema on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('is made whole in an empty database', async () => {
    const database = await its.open()
    expect(await tablesOf(database)).toEqual(TABLES)
    expect(await versionOf(database)).toBe(2)
  })

  it('is left as it is, with everything in it, when it is up to date', async () => {
    const database = await its.open()
    await database.commit([statement("insert into settings (name, value_json) values ('a', '1')")], 'full')
    await migrate(database)
    const again = await its.reopen()
    expect(await tablesOf(again)).toEqual(TABLES)
    const settings = await again.load('select name from settings')
    expect(settings.map(({ name }) => name)).toEqual(['a'])
  })

  it('is refused when a newer Spillway wrote it, and is not touched', async () => {
    const database = await its.open()
    await database.commit([statement('update schema_version set version = 9')], 'full')
    const refusal = migrate(database)
    await expect(refusal).rejects.toMatchObject({ code: 'unavailable' })
    await expect(refusal).rejects.toThrow(database.place)
    await expect(refusal).rejects.toThrow(/newer Spillway \(schema 9; this one knows 2\)/)
    expect(await versionOf(database)).toBe(9)
    expect(await tablesOf(database)).toEqual(TABLES)
  })

  it('is not there at all when a step fails in its middle, and comes whole at the next try', async () => {
    const database = await its.openAsIs()
    const intruder = 'create table owners (somebody_elses text)'
    await database.commit([statement(intruder)], 'full')
    await expect(migrate(database)).rejects.toThrow(/owners/)
    expect(await tablesOf(database)).toEqual(['owners', 'schema_version'])
    expect(await database.load('select version from schema_version')).toHaveLength(0)

    await database.commit([statement('drop table owners')], 'full')
    await migrate(database)
    expect(await tablesOf(database)).toEqual(TABLES)
  })

  it('keeps the error of the step that failed', async () => {
    const database = await its.openAsIs()
    await database.commit([statement('create table accounts (id text)')], 'full')
    await expect(migrate(database)).rejects.toThrow(/accounts.*exists/)
  })
})

async function tablesOf(database: Database): Promise<readonly unknown[]> {
  const text =
    database.kind === 'sqlite'
      ? "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name"
      : "select tablename as name from pg_tables where schemaname = 'public' order by tablename"
  const rows = await database.load(text)
  return rows.map(({ name }) => name)
}

async function versionOf(database: Database): Promise<number> {
  const [row = {}] = await database.load('select version from schema_version')
  return numberOf(row, 'version')
}
