/**
 * Brings the schema up to date at the start. A SQLite database of an earlier version that is
 * not too large for it is copied first: whoever has to go back to the earlier program can.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from '../storage/database.ts'
import { LATEST, migrate, readSchema } from '../storage/migrations.ts'

/** Larger ones would hold up the start. */
const MOST_COPIED_BYTES = 256 << 20
const MOST_COPIES = 3
const NAME = /^before-schema-\d+\.db$/

/** Throws GatewayError and DatabaseError. */
export async function bringUpToDate(database: Database, dataDirectory: string): Promise<void> {
  const present = await readSchema(database).catch(() => 0)
  if (database.kind === 'sqlite' && present > 0 && present < LATEST) await keepCopy(database, dataDirectory)
  await migrate(database)
}

/** The step itself is all or nothing: a disk without room for the copy does not stand in its way. */
async function keepCopy({ upkeep }: Database, dataDirectory: string): Promise<void> {
  const { bytes } = await upkeep.measure()
  if (bytes > MOST_COPIED_BYTES) return
  const backups = join(dataDirectory, 'backups')
  const file = join(backups, `before-schema-${LATEST}.db`)
  try {
    mkdirSync(backups, { recursive: true, mode: 0o700 })
    rmSync(file, { force: true })
    await upkeep.backup(file)
    const copies = readdirSync(backups).filter((name) => NAME.test(name))
    const oldest = copies.sort((a, b) => schemaIn(a) - schemaIn(b)).slice(0, -MOST_COPIES)
    for (const name of oldest) rmSync(join(backups, name), { force: true })
  } catch {
    // See above.
  }
}

const schemaIn = (name: string): number => Number(/\d+/.exec(name)?.[0])
