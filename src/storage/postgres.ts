/**
 * PostgreSQL through the runtime's client: the same statements as for SQLite. One gateway a
 * database: an advisory lock tells a second one that it is taken. Knows no table.
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

const CONNECTIONS = 8
const CONNECT_SECONDS = 10
/** Any number will do, as long as every Spillway takes the same. */
const LOCK = 5_911_803_204

/** Throws GatewayError `unavailable` when it cannot be reached or another gateway uses it. */
export async function openPostgres(url: string): Promise<Database> {
  const place = url.replace(/\/\/[^@/]*@/, '//')
  const sql = new SQL(url, { max: CONNECTIONS, connectionTimeout: CONNECT_SECONDS })
  const release = await lock(sql, place)
  const read = async (text: string, values: readonly Value[] = []): Promise<readonly Row[]> => {
    try {
      return await sql.unsafe(text, [...values])
    } catch (error) {
      throw toDatabaseError(error)
    }
  }
  return {
    kind: 'postgres',
    place,
    load: read,
    read,
    async commit(statements) {
      try {
        return await sql.begin((transaction) => runAll(transaction, statements))
      } catch (error) {
        throw toDatabaseError(error)
      }
    },
    async check() {
      await read('select 1')
      return []
    },
    async close() {
      release()
      await sql.close({ timeout: 5 })
    },
  }
}

/** Sent one behind the other without waiting, answered in order. */
async function runAll(transaction: SQL, statements: readonly Statement[]): Promise<readonly number[]> {
  const results = await Promise.all(
    statements.map(({ text, values }) => transaction.unsafe(text, [...values])),
  )
  return results.map((result: { readonly count?: number }) => result.count ?? 0)
}

/** Held by a connection that does nothing else; it goes when the process goes. */
async function lock(sql: SQL, place: string): Promise<() => void> {
  const refuse = (message: string, cause?: unknown): GatewayError =>
    new GatewayError('unavailable', message, cause === undefined ? {} : { cause })
  try {
    const connection = await sql.reserve()
    const [row] = await connection.unsafe('select pg_try_advisory_lock($1) as taken', [LOCK])
    if (row?.taken === true) return () => connection.release()
    connection.release()
  } catch (error) {
    throw refuse(
      `The database ${place} cannot be used: ${messageOf(error)}. Check SPILLWAY_DATABASE_URL.`,
      error,
    )
  }
  throw refuse(
    `The database ${place} is in use by another Spillway. Stop that one first, or give this one its own.`,
  )
}

const toDatabaseError = (error: unknown): DatabaseError =>
  new DatabaseError(problemOf(error), messageOf(error), error)

/** SQLSTATE classes (PostgreSQL appendix A); what has none came from the connection. */
function problemOf(error: unknown): DatabaseProblem {
  const state = error instanceof SQL.PostgresError ? String(error.errno ?? '') : ''
  if (state.startsWith('23')) return 'conflict'
  if (state === '53100') return 'full'
  if (state.startsWith('40') || state === '55P03') return 'busy'
  return state === '' || state.startsWith('08') || state.startsWith('57') || state.startsWith('53')
    ? 'unreachable'
    : 'other'
}
