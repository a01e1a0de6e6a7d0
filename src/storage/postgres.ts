/**
 * PostgreSQL through the runtime's client: the same statements as for SQLite. One gateway a
 * database: a second one is refused. Knows no table.
 */
import { SQL } from 'bun'
import { GatewayError, messageOf } from '../core/error.ts'
import {
  type Database,
  DatabaseError,
  type DatabaseProblem,
  type Row,
  type Statement,
  type Value,
} from './database.ts'
import { createLock, type PostgresLock } from './postgres-lock.ts'
import { createPostgresUpkeep } from './postgres-upkeep.ts'

const CONNECTIONS = 8
const CONNECT_SECONDS = 10

/** Throws GatewayError `unavailable` when it cannot be reached or another gateway uses it. */
export async function openPostgres(url: string): Promise<Database> {
  const place = placeOf(url)
  const lock = createLock(url, CONNECT_SECONDS)
  await takeFirst(lock, place)
  const sql = new SQL(url, { max: CONNECTIONS, connectionTimeout: CONNECT_SECONDS })
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      if (!lock.isHeld) await lock.take()
      return await work()
    } catch (error) {
      throw toDatabaseError(error)
    }
  }
  const read = (text: string, values: readonly Value[] = []): Promise<readonly Row[]> =>
    guarded(() => sql.unsafe(text, storable(values)))
  const commit = (statements: readonly Statement[]): Promise<readonly number[]> =>
    guarded(() => sql.begin((transaction) => runAll(transaction, statements)))
  return {
    kind: 'postgres',
    place,
    load: read,
    read,
    commit,
    async check() {
      await read('select 1')
      return []
    },
    upkeep: createPostgresUpkeep(place, { run: read, commit }),
    problems: () => [],
    async close() {
      await sql.close({ timeout: 5 })
      await lock.release()
    },
  }
}

/** Without user, password and options. Throws GatewayError `unavailable` when it is no URL. */
function placeOf(url: string): string {
  const parsed = URL.parse(url)
  if (parsed !== null) return `${parsed.protocol}//${parsed.host}${parsed.pathname}`
  const message =
    'SPILLWAY_DATABASE_URL is not a URL, so the database cannot be used. Write the characters @ : / ? # and % ' +
    'of a password as %40 %3A %2F %3F %23 and %25.'
  throw new GatewayError('unavailable', message)
}

async function takeFirst(lock: PostgresLock, place: string): Promise<void> {
  try {
    await lock.take()
  } catch (cause) {
    await lock.release()
    const message =
      cause instanceof DatabaseError
        ? `The database ${place} is in use by another Spillway. Stop that one first, or give this one its own.`
        : `The database ${place} cannot be used: ${messageOf(cause)}. Check SPILLWAY_DATABASE_URL.`
    throw new GatewayError('unavailable', message, { cause })
  }
}

/** Sent one behind the other without waiting, answered in order. */
async function runAll(transaction: SQL, statements: readonly Statement[]): Promise<readonly number[]> {
  const results = await Promise.all(
    statements.map(({ text, values }) => transaction.unsafe(text, storable(values))),
  )
  return results.map((result: { readonly count?: number }) => result.count ?? 0)
}

/** PostgreSQL's text holds every character but one. */
const storable = (values: readonly Value[]): Value[] =>
  values.map((value) =>
    typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value,
  )

const toDatabaseError = (error: unknown): DatabaseError =>
  error instanceof DatabaseError ? error : new DatabaseError(problemOf(error), messageOf(error), error)

/** SQLSTATE classes (PostgreSQL appendix A); what has none came from the connection. */
function problemOf(error: unknown): DatabaseProblem {
  const state = error instanceof SQL.PostgresError ? String(error.errno ?? '') : ''
  if (state.startsWith('23')) return 'conflict'
  if (state.startsWith('22') || state.startsWith('54')) return 'unfit'
  if (state === '53100') return 'full'
  if (state.startsWith('40') || state === '55P03') return 'busy'
  return state === '' || state.startsWith('08') || state.startsWith('57') || state.startsWith('53')
    ? 'unreachable'
    : 'other'
}
