/**
 * The schema: made, brought up to date from every earlier version, refused when newer, and
 * never half of either. What a step means for what was there before is tested beside the
 * step, in `schema/`; a new step needs nothing here until it is released.
 */
import { describe, expect, it } from 'bun:test'
import { join } from 'node:path'
import { databases } from '../../test/support/databases.ts'
import { contentOf, fillEveryTable, makeOld, tablesOf, versionOf } from '../../test/support/old-databases.ts'
import { type Database, statement } from './database.ts'
import { LATEST, MIGRATIONS, migrate } from './migrations.ts'
import { openSqlite } from './sqlite.ts'

/** Each with the version that it is made from. */
const STEPS = MIGRATIONS.map((step, index) => ({ ...step, before: MIGRATIONS[index - 1]?.version ?? 0 }))

/** What a released step says, as the beginning of its SHA-256: nobody’s database has gone another way. */
const RELEASED = new Map([
  [1, '2b45817889fbb930'],
  [2, 'a1e45cce2e02be9a'],
  [3, '3dc0ec6ab745f436'],
])

describe('the steps', () => {
  it('are all that lie in schema/, in their order', () => {
    const files = [...new Bun.Glob('*.ts').scanSync(join(import.meta.dir, 'schema'))]
    const numbers = files.filter((file) => !file.endsWith('.test.ts')).map((file) => Number(file.slice(0, 4)))
    expect(numbers.length).toBeGreaterThan(2)
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(numbers.sort((a, b) => a - b))
  })

  it.each([...RELEASED])('say in step %i what they said when it was released', (version, digest) => {
    const { statements } = MIGRATIONS.find((step) => step.version === version) ?? {}
    const text = statements?.map((each) => each.replace(/\s+/g, ' ')).join(';') ?? ''
    expect(new Bun.CryptoHasher('sha256').update(text).digest('hex').slice(0, 16)).toBe(digest)
  })
})

describe.each(await databases())('the schema on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('is made whole in an empty database', async () => {
    const database = await its.open()
    const made = MIGRATIONS.flatMap(({ statements }) => statements).flatMap(
      (text) => /^create table (\w+)/.exec(text)?.[1] ?? [],
    )
    expect([...(await tablesOf(database)).keys()]).toEqual(made.sort((a, b) => a.localeCompare(b)))
    expect(await versionOf(database)).toBe(LATEST)
  })

  it('is left as it is, with everything in it, when it is up to date', async () => {
    const database = await its.open()
    await fillEveryTable(database)
    const tables = await tablesOf(database)
    const content = await contentOf(database, tables)
    await migrate(database)
    const again = await its.reopen()
    expect(await tablesOf(again)).toEqual(tables)
    expect(await contentOf(again, tables)).toEqual(content)
  })

  it.each(STEPS.slice(1))(
    'of version $before is brought up to date with every row in every table',
    async ({ before }) => {
      const old = await its.openAsIs()
      await makeOld(old, before)
      await fillEveryTable(old)
      const tables = await tablesOf(old)
      const content = await contentOf(old, tables)
      expect(Object.values(content).flat().length).toBeGreaterThan(20)
      const database = await its.reopen()
      expect(await versionOf(database)).toBe(LATEST)
      expect(await contentOf(database, tables)).toEqual(content)
      expect(await tablesOf(database)).toEqual(await freshTables(its.directory))
    },
  )

  it('is refused when a newer Spillway wrote it, and is not touched', async () => {
    const database = await its.open()
    const tables = await tablesOf(database)
    await database.commit([statement('update schema_version set version = 999')], 'full')
    const refusal = migrate(database)
    await expect(refusal).rejects.toMatchObject({ code: 'unavailable' })
    await expect(refusal).rejects.toThrow(database.place)
    await expect(refusal).rejects.toThrow(`newer Spillway (schema 999; this one knows ${LATEST})`)
    expect(await versionOf(database)).toBe(999)
    expect(await tablesOf(database)).toEqual(tables)
  })

  it.each(STEPS)(
    'stays at version $before when step $version fails at its end, and comes whole at the next try',
    async ({ version, before }) => {
      const old = await its.openAsIs()
      if (before > 0) {
        await makeOld(old, before)
        await fillEveryTable(old)
      }
      const failing: Database = {
        ...old,
        commit: (list, durability) =>
          old.commit(list.at(-1)?.values[0] === version ? [...list, NONSENSE] : list, durability),
      }
      const tables = await tablesOf(old)
      const content = await contentOf(old, tables)
      await expect(migrate(failing)).rejects.toThrow(/nowhere/)
      expect(await versionOf(old)).toBe(before)
      expect(await tablesOf(old)).toEqual(tables)
      expect(await contentOf(old, tables)).toEqual(content)
      const database = await its.reopen()
      expect(await versionOf(database)).toBe(LATEST)
      expect(await tablesOf(database)).toEqual(await freshTables(its.directory))
    },
  )

  it('keeps the error of the step that failed', async () => {
    const database = await its.openAsIs()
    await database.commit([statement('create table accounts (id text)')], 'full')
    await expect(migrate(database)).rejects.toThrow(/accounts.*exists/)
  })
})

const NONSENSE = statement('insert into nowhere values (1)')

/** What a new database has, on any kind of database. */
async function freshTables(directory: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const fresh = openSqlite(join(directory, 'fresh.db'))
  await migrate(fresh)
  const tables = await tablesOf(fresh)
  await fresh.close()
  return tables
}
