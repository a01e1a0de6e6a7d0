/**
 * A SQLite database as a file that nobody uses: whether it is sound, everything of it in the
 * one file, and another put in its place. Whatever was there is kept; must not be called on
 * a database that is open.
 */
import { Database as Sqlite } from 'bun:sqlite'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../core/error.ts'

const TAILS = ['-wal', '-shm'] as const

/** With its log, if there is one beside it; the copy is its user's alone. */
export function copyDatabase(from: string, to: string): void {
  removeDatabase(to)
  copyFileSync(from, to)
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`)
  for (const file of [to, `${to}-wal`]) if (existsSync(file)) chmodSync(file, 0o600)
}

export function removeDatabase(file: string): void {
  for (const tail of ['', ...TAILS]) rmSync(`${file}${tail}`, { force: true })
}

/** What is wrong with it; undefined when it is sound. Afterwards everything is in the one file. */
export function findDamage(file: string): string | undefined {
  try {
    const connection = new Sqlite(file, { readwrite: true })
    try {
      connection.query('pragma wal_checkpoint(truncate)').all()
      connection.query('pragma journal_mode = delete').all()
      const [row] = connection.query<Record<string, unknown>, []>('pragma integrity_check(1)').all()
      const finding = String(Object.values(row ?? {})[0])
      return finding === 'ok' ? undefined : finding
    } finally {
      connection.close(true)
    }
  } catch (error) {
    return messageOf(error)
  }
}

/**
 * Puts `from` in the place of `place` in one step, so that whoever is killed leaves the one or
 * the other; what was there is kept as `aside`. Says whether anything was.
 */
export function exchangeDatabase(from: string, place: string, aside: string): boolean {
  const isThere = existsSync(place)
  if (isThere) {
    // A damaged one keeps its log beside it.
    findDamage(place)
    keepAs(place, aside)
    for (const tail of TAILS)
      if (existsSync(`${place}${tail}`)) renameSync(`${place}${tail}`, `${aside}${tail}`)
  }
  sync(from)
  renameSync(from, place)
  sync(dirname(place))
  return isThere
}

function keepAs(place: string, aside: string): void {
  try {
    linkSync(place, aside)
  } catch {
    // Not every disk knows links.
    copyFileSync(place, aside)
    chmodSync(aside, 0o600)
    sync(aside)
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
