/**
 * The databases that every store's tests run on: SQLite in a directory of its own, and a fresh
 * database on a real PostgreSQL. For `describe.each(await databases())`. What a test opens is
 * closed and removed after it.
 */
import { afterEach, beforeEach, it } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database } from '../../src/storage/database.ts'
import { migrate } from '../../src/storage/migrations.ts'
import { openPostgres } from '../../src/storage/postgres.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { type PostgresServer, postgres } from './postgres.ts'

/** One test's database. */
export interface TestDatabase {
  /** Opens it and brings it up to date, as a starting gateway does. */
  open(): Promise<Database>
  /** Opens it as it is. */
  openAsIs(): Promise<Database>
  /** Closes what is open and opens it anew, as after a restart. */
  reopen(): Promise<Database>
  /** The SQLite file, or the URL of the PostgreSQL database. */
  readonly place: string
  /** A directory of this test's own. */
  readonly directory: string
}

interface Place {
  readonly place: string
  readonly directory: string
  open(): Promise<Database>
  remove(): Promise<void>
}

type Kind = readonly [name: 'SQLite' | 'PostgreSQL', use: () => TestDatabase]

/** Says in a skipped test why PostgreSQL is not among them, where it is not. */
export async function databases(): Promise<readonly Kind[]> {
  const sqlite: Kind = ['SQLite', () => useDatabase(createSqlitePlace)]
  const found = await postgres()
  if (found.kind === 'running') {
    const { server } = found
    return [sqlite, ['PostgreSQL', () => useDatabase(() => createPostgresPlace(server))]]
  }
  it.skip(`also holds on PostgreSQL (skipped: ${found.reason})`, () => {})
  return [sqlite]
}

/** To be called in a `describe`: each of its tests has a database of its own. */
function useDatabase(create: () => Promise<Place>): TestDatabase {
  let present: Place | undefined
  let opened: Database[] = []
  const at = (): Place => {
    if (present === undefined) throw new Error('A database is there in a test only.')
    return present
  }
  const closeAll = async (): Promise<void> => {
    const closing = opened
    opened = []
    for (const each of closing) await each.close()
  }
  const openAsIs = async (): Promise<Database> => {
    const database = await at().open()
    opened.push(database)
    return database
  }
  const open = async (): Promise<Database> => {
    const database = await openAsIs()
    await migrate(database)
    return database
  }
  beforeEach(async () => {
    present = await create()
  })
  afterEach(async () => {
    await closeAll()
    await at().remove()
    present = undefined
  })
  return {
    open,
    openAsIs,
    async reopen() {
      await closeAll()
      return open()
    },
    get place() {
      return at().place
    },
    get directory() {
      return at().directory
    },
  }
}

const temporaryDirectory = (): string => mkdtempSync(join(tmpdir(), 'spillway-storage-'))

async function createSqlitePlace(): Promise<Place> {
  const directory = temporaryDirectory()
  const place = join(directory, 'spillway.db')
  return {
    place,
    directory,
    open: async () => openSqlite(place),
    async remove() {
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function createPostgresPlace(server: PostgresServer): Promise<Place> {
  const directory = temporaryDirectory()
  const place = await server.createDatabase()
  return {
    place,
    directory,
    open: () => openPostgres(place),
    async remove() {
      server.dropDatabase(place)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
