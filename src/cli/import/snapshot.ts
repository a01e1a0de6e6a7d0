/**
 * A consistent private copy of an SQLite database that another program may be writing to,
 * made without a lock and without a byte written beside it. Must not open the original.
 */
import { Database as Sqlite } from 'bun:sqlite'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError, EXIT } from '../shell.ts'

export interface Snapshot {
  /** One file, complete in itself, mode 0600 in a directory of mode 0700. */
  readonly file: string
  /** May be called again. */
  remove(): void
}

const ATTEMPTS = 10
const PAUSE_MS = 20
const WAL_HEADER_BYTES = 32
const CHANGE_COUNTER = { start: 24, end: 28 }

/** Throws CommandError, or what the file system and SQLite throw. */
export function takeSnapshot(source: string): Snapshot {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-import-'))
  const remove = (): void => rmSync(directory, { recursive: true, force: true })
  const file = join(directory, 'copy.db')
  try {
    copyWhileQuiet(source, file)
    fold(file)
    return { file, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** Changes whenever the database file itself may have been written to. */
export function stampOf(file: string): string {
  const { size, mtimeNs, start } = look(file, CHANGE_COUNTER.end) ?? { size: 0n, mtimeNs: 0n, start: '' }
  return `${size} ${mtimeNs} ${start.slice(CHANGE_COUNTER.start * 2)}`
}

/** Something besides the database file belongs to its content: a log not yet moved in, or a write half done. */
export const hasCompanion = (file: string): boolean =>
  ['-wal', '-journal'].some((ending) => (look(`${file}${ending}`, 0)?.size ?? 0n) > 0n)

/**
 * The log (WAL) is only added to until it is begun anew, which changes its header; what
 * moves from it into the database meanwhile is still in it. So a database copied before its
 * log is whole as long as the header stayed: later frames than those that were copied are
 * later transactions. Without a log the database file itself must have stayed as it was.
 */
function copyWhileQuiet(source: string, file: string): void {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const before = stateOf(source)
    for (const ending of ['', '-journal', '-wal']) copy(`${source}${ending}`, `${file}${ending}`)
    if (stateOf(source) === before) return
    Bun.sleepSync(PAUSE_MS)
  }
  throw new CommandError(
    EXIT.failure,
    `The file ${source} is being written to all the time. Stop the program that uses it, and import again.`,
  )
}

function stateOf(file: string): string {
  const log = look(`${file}-wal`, WAL_HEADER_BYTES)
  if (log !== undefined && log.size > 0n) return log.start
  const journal = look(`${file}-journal`, 0)
  return `${stampOf(file)} ${journal?.size ?? 0n} ${journal?.mtimeNs ?? 0n}`
}

/** Undefined when there is no such file. */
function look(file: string, bytes: number): { size: bigint; mtimeNs: bigint; start: string } | undefined {
  const handle = openIfThere(file)
  if (handle === undefined) return undefined
  try {
    const { size, mtimeNs } = fstatSync(handle, { bigint: true })
    const start = Buffer.alloc(bytes)
    const read = readSync(handle, start, 0, bytes, 0)
    return { size, mtimeNs, start: start.subarray(0, read).toString('hex') }
  } finally {
    closeSync(handle)
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function copy(from: string, to: string): void {
  rmSync(to, { force: true })
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE)
    chmodSync(to, 0o600)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** Moves the log, or takes back a write half done, so that one file is left. */
function fold(file: string): void {
  const database = new Sqlite(file, { readwrite: true })
  try {
    // Closing would do it as well, but say nothing when it cannot.
    database.run('pragma journal_mode = delete')
  } finally {
    database.close()
  }
}
