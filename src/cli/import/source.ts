/**
 * Reads an SQLite database that belongs to another program. The original is opened
 * read-only and immutable, so that SQLite creates and locks nothing beside it; where that
 * would not be the whole truth, a private copy is read instead. Knows no table.
 */
import { constants, SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { CommandError, EXIT } from '../shell.ts'
import type { Fields } from './fields.ts'
import { hasCompanion, stampOf, takeSnapshot } from './snapshot.ts'

export interface Source {
  /** None when there is no such table. */
  columnsOf(table: string): ReadonlySet<string>
  /** Each answer is consistent in itself, also while the other program writes. */
  read(text: string, values?: readonly (string | number)[]): readonly Fields[]
  close(): void
}

const MAGIC = 'SQLite format 3\0'

/** Throws CommandError with a sentence when the file cannot be read. */
export function openSource(path: string): Source {
  return inSentences(path, () => {
    const file = findDatabase(path)
    const original = hasCompanion(file)
      ? undefined
      : { stamp: stampOf(file), connection: openImmutable(file) }
    return sourceOf(path, file, original)
  })
}

interface Original {
  readonly stamp: string
  readonly connection: Sqlite
}

function sourceOf(path: string, file: string, original: Original | undefined): Source {
  let copied = original === undefined ? openCopy(file) : undefined
  /** The original's answer; undefined when it was written to meanwhile. */
  const fromOriginal = (
    text: string,
    values: readonly (string | number)[],
  ): readonly Fields[] | undefined => {
    if (original === undefined || copied !== undefined) return undefined
    const hasChanged = (): boolean => stampOf(file) !== original.stamp
    try {
      const rows = query(original.connection, text, values)
      return hasChanged() ? undefined : rows
    } catch (error) {
      if (hasChanged()) return undefined
      throw error
    }
  }
  const read: Source['read'] = (text, values = []) =>
    inSentences(path, () => {
      const rows = fromOriginal(text, values)
      if (rows !== undefined) return rows
      copied ??= openCopy(file)
      return query(copied.connection, text, values)
    })
  return {
    read,
    columnsOf: (table) =>
      new Set(read('select name from pragma_table_info(?)', [table]).map(({ name }) => String(name))),
    close() {
      original?.connection.close()
      copied?.close()
    },
  }
}

function openCopy(file: string): { readonly connection: Sqlite; close(): void } {
  const snapshot = takeSnapshot(file)
  const connection = openImmutable(snapshot.file)
  const close = (): void => {
    connection.close()
    snapshot.remove()
  }
  try {
    connection.query('select count(*) from sqlite_master').get()
    // It holds credentials: where the system allows it, nothing is left even of a process that is killed.
    if (process.platform !== 'win32') snapshot.remove()
    return { connection, close }
  } catch (error) {
    close()
    throw error
  }
}

/** Immutable: no lock is taken, and neither -wal nor -shm is created or looked at. */
const openImmutable = (file: string): Sqlite =>
  new Sqlite(
    `${pathToFileURL(file).href}?immutable=1`,
    constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI,
  )

const query = (connection: Sqlite, text: string, values: readonly (string | number)[]): readonly Fields[] =>
  connection.query<Fields, (string | number)[]>(text).all(...values)

/** The file that the path leads to: its companions lie beside it, not beside a link. */
function findDatabase(path: string): string {
  const file = realpathSync(path)
  const stats = statSync(file)
  if (stats.isDirectory())
    throw new CommandError(EXIT.usage, `${path} is a directory. Name the database file in it.`)
  if (!stats.isFile()) throw new CommandError(EXIT.usage, `${path} is not a file.`)
  if (stats.size === 0) throw new CommandError(EXIT.failure, `The file ${path} is empty.`)
  if (startOf(file) !== MAGIC)
    throw new CommandError(EXIT.failure, `The file ${path} is not an SQLite database, or it is encrypted.`)
  return file
}

function startOf(file: string): string {
  const handle = openSync(file, 'r')
  try {
    const start = Buffer.alloc(MAGIC.length)
    readSync(handle, start, 0, MAGIC.length, 0)
    return start.toString('latin1')
  } finally {
    closeSync(handle)
  }
}

function inSentences<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw toCommandError(path, error)
  }
}

/** Nothing of what SQLite or the system say is repeated: rows hold credentials. */
export function toCommandError(path: string, error: unknown): unknown {
  if (error instanceof CommandError || !(error instanceof Error)) return error
  const code = 'code' in error ? String(error.code) : ''
  const problem = PROBLEMS[/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? code]
  if (problem !== undefined) return new CommandError(problem.exitCode, problem.sentence(path))
  if (error instanceof SQLiteError || code !== '')
    return new CommandError(EXIT.failure, `The file ${path} cannot be read (${code}).`)
  return error
}

interface Problem {
  readonly exitCode: CommandError['exitCode']
  readonly sentence: (path: string) => string
}

const missing: Problem = {
  exitCode: EXIT.notFound,
  sentence: (path) => `There is no file ${path}.`,
}
const forbidden: Problem = {
  exitCode: EXIT.failure,
  sentence: (path) =>
    `You may not read the file ${path}. Run the command as its owner, or change its permissions.`,
}
const damaged: Problem = {
  exitCode: EXIT.failure,
  sentence: (path) =>
    `The database ${path} is damaged. Repair it with the program it belongs to, and import again.`,
}
const busy: Problem = {
  exitCode: EXIT.failure,
  sentence: (path) => `Another program holds the file ${path} locked. Stop it, and import again.`,
}
const full: Problem = {
  exitCode: EXIT.failure,
  sentence: (path) =>
    `There is no room for a copy of ${path} in the directory for temporary files. Set TMPDIR to one with more.`,
}

const PROBLEMS: Readonly<Record<string, Problem>> = {
  ENOENT: missing,
  ENOTDIR: missing,
  EACCES: forbidden,
  EPERM: forbidden,
  EBUSY: busy,
  ENOSPC: full,
  EDQUOT: full,
  SQLITE_CORRUPT: damaged,
  SQLITE_NOTADB: damaged,
  SQLITE_BUSY: busy,
  SQLITE_FULL: full,
}
