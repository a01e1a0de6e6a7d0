/**
 * One gateway a database: an advisory lock, held by a connection that does nothing else, so
 * that it goes when the process goes. After the server was away it is taken again before
 * anything else is done. Must not touch a table.
 */
import { SQL } from 'bun'
import { DatabaseError } from './database.ts'

export interface PostgresLock {
  /** False until it was taken, and again once the connection that held it has ended. */
  readonly isHeld: boolean
  /** Throws DatabaseError `taken` when another gateway has it, and what the client throws when the server is away. */
  take(): Promise<void>
  release(): Promise<void>
}

/** Any number will do, as long as every Spillway takes the same. */
const LOCK = 5_911_803_204
/** The server notices within half a minute that a gateway is gone without a word, and frees its lock. */
const KEEP_ALIVE = { tcp_keepalives_idle: 15, tcp_keepalives_interval: 5, tcp_keepalives_count: 3 }

export function createLock(url: string, connectionTimeout: number): PostgresLock {
  let isHeld = false
  let taking: Promise<void> | undefined
  const onclose = (): void => {
    isHeld = false
  }
  const sql = new SQL(url, { max: 1, connectionTimeout, connection: KEEP_ALIVE, onclose })
  const take = async (): Promise<void> => {
    const [row] = await sql.unsafe('select pg_try_advisory_lock($1) as taken', [LOCK])
    if (row?.taken !== true)
      throw new DatabaseError('taken', 'The database is in use by another Spillway.', undefined)
    isHeld = true
  }
  return {
    get isHeld() {
      return isHeld
    },
    take() {
      taking ??= take().finally(() => {
        taking = undefined
      })
      return taking
    },
    async release() {
      // In words, so that it is free by now: the server notices a closed connection a moment later.
      if (isHeld) await sql.unsafe('select pg_advisory_unlock($1)', [LOCK]).catch(() => {})
      await sql.close()
    },
  }
}
