/**
 * SQLite in the server's own process: writes on the main thread, short and batched; reads
 * and checkpoints in a worker on a connection of their own, upkeep in another, so that none
 * of them can hold up a stream. Knows no table.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { GatewayError, messageOf } from '../core/error.ts'
import {
  type Database,
  DatabaseError,
  type Durability,
  type Row,
  type Statement,
  type Value,
} from './database.ts'
import { startWorker } from './sqlite-client.ts'
import { type Condition, createCondition } from './sqlite-condition.ts'
import { codeOf, problemOfCode } from './sqlite-problem.ts'
import { createSqliteUpkeep } from './sqlite-upkeep.ts'

const BUSY_PATIENCE_MS = 5_000
const LONGEST_PAUSE_MS = 20
/** The worker is asked to move the log into the database after this much was written. */
const CHECKPOINT_EVERY_BYTES = 4 << 20
/** Small enough to be checked whole at every start; larger files are checked on request. */
const CHECKED_AT_START_BYTES = 16 << 20

/** Throws GatewayError `unavailable` with the file's name and what to do when it cannot be used. */
export function openSqlite(file: string): Database {
  const connection = connect(file)
  const worker = startWorker(file)
  const condition = createCondition(file)
  const upkeep = createSqliteUpkeep(file, condition, worker)
  const statements = new Map<Durability, ReturnType<typeof begin>>()
  let sinceCheckpoint = 0

  function begin(durability: Durability): { readonly start: () => void } {
    const pragma = connection.prepare(`pragma synchronous = ${durability}`)
    return { start: () => pragma.run() }
  }
  const commit = (list: readonly Statement[], durability: Durability): readonly number[] => {
    const mode = statements.get(durability) ?? begin(durability)
    statements.set(durability, mode)
    mode.start()
    connection.run('begin immediate')
    try {
      const changes = list.map(({ text, values }) => connection.query(text).run(...values).changes)
      connection.run('commit')
      return changes
    } catch (error) {
      if (connection.inTransaction) connection.run('rollback')
      throw error
    }
  }
  return {
    kind: 'sqlite',
    place: file,
    load: async (text, values = []) => rowsOf(connection, text, values),
    read: (text, values = []) =>
      worker.read(text, values).catch((error) => {
        throw error instanceof DatabaseError ? condition.toReadError(condition.noted(error)) : error
      }),
    async commit(list, durability) {
      const changes = await patiently(condition, () => commit(list, durability))
      sinceCheckpoint += list.length * 512
      if (sinceCheckpoint > CHECKPOINT_EVERY_BYTES) {
        sinceCheckpoint = 0
        worker.checkpoint().then(() => condition.checkpointed(undefined), condition.checkpointed)
      }
      return changes
    },
    check: upkeep.check,
    upkeep,
    problems: condition.problems,
    async close() {
      await Promise.all([worker.close(), upkeep.close()])
      connection.close()
    },
  }
}

const rowsOf = (connection: Sqlite, text: string, values: readonly Value[]): readonly Row[] =>
  connection.query<Row, Value[]>(text).all(...values)

function connect(file: string): Sqlite {
  const isNew = !existsSync(file)
  try {
    const connection = new Sqlite(file, { create: true, readwrite: true, strict: false })
    connection.run('pragma busy_timeout = 0')
    // Before anything is in it: afterwards only compacting it can change that.
    if (isNew) connection.run('pragma auto_vacuum = incremental')
    connection.run('pragma journal_mode = wal')
    connection.run('pragma wal_autocheckpoint = 0')
    connection.run('pragma journal_size_limit = 16777216')
    connection.run('pragma foreign_keys = on')
    if (isNew) chmodSync(file, 0o600)
    else if (statSync(file).size <= CHECKED_AT_START_BYTES) assertSound(connection)
    return connection
  } catch (error) {
    throw new GatewayError('unavailable', problemWith(file, error), { cause: error })
  }
}

function assertSound(connection: Sqlite): void {
  const [row] = connection.query<{ quick_check: string }, []>('pragma quick_check(1)').all()
  if (row?.quick_check !== 'ok') throw new Error(`database disk image is malformed (${row?.quick_check})`)
}

function problemWith(file: string, error: unknown): string {
  const message = messageOf(error)
  if (/malformed|not a database|corrupt/i.test(message)) {
    return (
      `The database ${file} is damaged (${message}). Nothing was changed. Restore a backup in its place, or ` +
      `move it and its -wal and -shm files aside to begin anew; "sqlite3 ${file} .recover" may save what is left.`
    )
  }
  if (/readonly|unable to open|permission/i.test(message)) {
    return `The database ${file} cannot be written (${message}). Check the owner and the permissions of its directory.`
  }
  return `The database ${file} cannot be opened: ${message}.`
}

/** Upkeep or another program may hold the lock for a moment; the loop must not stand still for that. */
async function patiently<T>(condition: Condition, work: () => T): Promise<T> {
  const deadline = performance.now() + BUSY_PATIENCE_MS
  for (let pause = 1; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
    if (condition.isCompacting)
      throw new DatabaseError(
        'compacting',
        'It is being compacted and takes rows again after that',
        undefined,
      )
    try {
      return work()
    } catch (error) {
      const problem = problemOfCode(codeOf(error))
      if (problem !== 'busy' || performance.now() > deadline)
        throw condition.noted(new DatabaseError(problem, messageOf(error), error))
      await Bun.sleep(pause)
    }
  }
}
