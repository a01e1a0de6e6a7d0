/**
 * Puts a backup in the place of the database: only while nobody uses the data directory, and
 * only one that a start will take. Until the last step nothing has changed, and what was
 * there is kept.
 */
import { existsSync } from 'node:fs'
import { CommandError, EXIT, type Restored } from '../cli/shell.ts'
import { resolveConfig } from '../config.ts'
import { GatewayError } from '../core/error.ts'
import { toIso } from '../core/time.ts'
import { systemClock } from '../platform/clock.ts'
import { type DataDirectory, openDataDirectory, readSecretKey } from '../platform/data-directory.ts'
import { createSecretBox } from '../platform/secret-box.ts'
import { assertKey, isUnsealed } from '../storage/key-check.ts'
import { LATEST, readSchema } from '../storage/migrations.ts'
import { openSqlite } from '../storage/sqlite.ts'
import { copyDatabase, exchangeDatabase, findDamage, removeDatabase } from '../storage/sqlite-file.ts'
import { readConfigFile } from './foundation.ts'
import type { Places } from './places.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Throws GatewayError and CommandError. */
export async function restoreDatabase(
  from: string,
  { dataDirectory, configFile }: Places,
  environment: Environment,
): Promise<Restored> {
  if (!existsSync(from)) throw new CommandError(EXIT.notFound, `There is no file ${from}.`)
  assertSqlite(configFile, environment)
  const directory = openDataDirectory(dataDirectory)
  const draft = `${directory.databaseFile}.restoring`
  try {
    if (from === directory.databaseFile) throw refused(from, 'it is the database itself')
    copyDatabase(from, draft)
    const schema = await examine(draft, from, { directory, environment })
    const time = toIso(systemClock.now()).replaceAll(':', '-')
    const aside = `${directory.databaseFile}.before-restore-${time}`
    const isKept = exchangeDatabase(draft, directory.databaseFile, aside)
    return { database: directory.databaseFile, from, kept: isKept ? aside : null, schema }
  } finally {
    removeDatabase(draft)
    directory.release()
  }
}

function assertSqlite(configFile: string, environment: Environment): void {
  const { settings } = resolveConfig({
    flags: {},
    environment,
    file: readConfigFile(configFile),
    stored: new Map(),
  })
  if (settings.databaseUrl === '') return
  const message = 'The database is PostgreSQL’s: restore it with pg_restore or psql, from what pg_dump wrote.'
  throw new CommandError(EXIT.usage, message)
}

interface Surroundings {
  readonly directory: DataDirectory
  readonly environment: Environment
}

/** Its schema, when it is one that this program and this secret key can work with. */
async function examine(
  draft: string,
  from: string,
  { directory, environment }: Surroundings,
): Promise<number> {
  const damage = findDamage(draft)
  if (damage !== undefined) throw refused(from, `it is not a sound database (${damage})`)
  const database = openSqlite(draft)
  try {
    const schema = await readSchema(database).catch(() => 0)
    if (schema === 0) throw refused(from, 'it is no database of Spillway’s')
    if (schema > LATEST)
      throw refused(from, `a newer Spillway wrote it (schema ${schema}; this one knows ${LATEST})`)
    if (!(await isUnsealed(database))) {
      const { SPILLWAY_SECRET_KEY: setting } = environment
      const { key, place } = readSecretKey(directory.path, setting === '' ? undefined : setting, false)
      await assertKey({ ...database, place: from }, createSecretBox(key, place), place)
    }
    return schema
  } finally {
    await database.close()
    findDamage(draft)
  }
}

const refused = (from: string, why: string): GatewayError =>
  new GatewayError('conflict', `${from} is not restored: ${why}. Nothing was changed.`)
