/**
 * What keeps a SQLite file in order, as it is done in a worker: deleting in the background,
 * measuring, giving pages back, copying, compacting. On a connection that may write and is
 * kept for the next task; what only looks does so on one of its own. Decides nothing.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import type { Value } from './database.ts'
import { codeOf } from './sqlite-problem.ts'

export type Task =
  | { readonly kind: 'sweep'; readonly text: string; readonly values: readonly Value[] }
  | { readonly kind: 'measure' }
  | { readonly kind: 'shrink' }
  | { readonly kind: 'backup'; readonly target: string }
  | { readonly kind: 'compact' }
  | { readonly kind: 'analyze' }

type TaskRow = Record<string, unknown>

/** The main thread's commits take milliseconds; another program may take longer. */
const PATIENCE_MS = 2_000
const COMPACT_PATIENCE_MS = 10_000
/** What a step of shrinking may move at most: a few milliseconds. */
const PAGES_AT_ONCE = 256
/** The log is moved into the database after about this much was swept. */
const CHECKPOINT_EVERY_ROWS = 2_000
/** A log that commits keep from starting over, because one always comes in between, is made to. */
const LONGEST_LOG_PAGES = 8_192
/** As long a commit may wait for that. */
const RESTART_PATIENCE_MS = 50
const LOOKED_AT_BY_ANALYZE = 2_000

let kept: { readonly file: string; readonly writer: Sqlite } | undefined
let sweptSinceCheckpoint = 0

export function runTask(file: string, task: Task): readonly TaskRow[] {
  switch (task.kind) {
    case 'sweep':
      return [sweep(file, task)]
    case 'measure':
      return measure(file)
    case 'shrink':
      return [shrink(writerOf(file))]
    case 'backup':
      return [backup(file, task.target)]
    case 'compact':
      compact(writerOf(file))
      return []
    case 'analyze':
      writerOf(file).run(`pragma analysis_limit = ${LOOKED_AT_BY_ANALYZE}`)
      writerOf(file).run('analyze')
      return []
  }
}

function writerOf(file: string): Sqlite {
  if (kept?.file === file) return kept.writer
  const writer = new Sqlite(file, { readwrite: true })
  writer.run(`pragma busy_timeout = ${PATIENCE_MS}`)
  writer.run('pragma synchronous = normal')
  writer.run('pragma wal_autocheckpoint = 0')
  kept = { file, writer }
  return writer
}

function sweep(file: string, { text, values }: Extract<Task, { readonly kind: 'sweep' }>): TaskRow {
  const writer = writerOf(file)
  const begun = performance.now()
  const { changes } = writer.query<TaskRow, Value[]>(text).run(...values)
  const ms = performance.now() - begun
  sweptSinceCheckpoint += changes
  if (sweptSinceCheckpoint > CHECKPOINT_EVERY_ROWS) {
    sweptSinceCheckpoint = 0
    moveLog(writer)
  }
  return { changed: changes, ms }
}

/** Into the database, beside whoever writes; only one that has grown long is finished under the lock. */
export function moveLog(writer: Sqlite): void {
  const { log = 0 } = writer.query<{ log: number }, []>('pragma wal_checkpoint(passive)').get() ?? {}
  if (log < LONGEST_LOG_PAGES) return
  writer.run(`pragma busy_timeout = ${RESTART_PATIENCE_MS}`)
  writer.query('pragma wal_checkpoint(restart)').all()
  writer.run(`pragma busy_timeout = ${PATIENCE_MS}`)
}

const numberIn = (connection: Sqlite, pragma: string): number =>
  Number(Object.values(connection.query<TaskRow, []>(`pragma ${pragma}`).get() ?? {})[0] ?? 0)

function measure(file: string): readonly TaskRow[] {
  const reader = new Sqlite(file, { readonly: true })
  try {
    const page = numberIn(reader, 'page_size')
    const total = {
      bytes: numberIn(reader, 'page_count') * page,
      free_bytes: numberIn(reader, 'freelist_count') * page,
      log_bytes: statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    }
    const tables = reader
      .query<{ name: string }, []>("select name from sqlite_master where type = 'table' order by name")
      .all()
      .filter(({ name }) => !name.startsWith('sqlite_'))
    return [total, ...tables.map(({ name }) => ({ name, rows: rowsAbout(reader, name) }))]
  } finally {
    reader.close()
  }
}

/** The span of its row numbers: exact unless rows went from its middle. */
function rowsAbout(reader: Sqlite, table: string): number | null {
  try {
    const text = `select coalesce((select max(rowid) from "${table}") - (select min(rowid) from "${table}") + 1, 0) as rows`
    return Number(reader.query<{ rows: number }, []>(text).get()?.rows ?? 0)
  } catch {
    // It has no row numbers.
    return null
  }
}

function shrink(writer: Sqlite): TaskRow {
  writer.query(`pragma incremental_vacuum(${PAGES_AT_ONCE})`).all()
  return { free_bytes: numberIn(writer, 'freelist_count') * numberIn(writer, 'page_size') }
}

/** First under another name, so that what bears the name is whole, and never in the place of anything. */
function backup(file: string, target: string): TaskRow {
  const draft = `${target}.part`
  rmSync(draft, { force: true })
  closeSync(openSync(draft, 'wx', 0o600))
  try {
    const reader = new Sqlite(file, { readonly: true })
    try {
      reader.query('vacuum into ?').run(draft)
    } finally {
      reader.close()
    }
    assertSound(draft)
    syncFile(draft)
    putInPlace(draft, target)
    return { bytes: statSync(target).size }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** A link never replaces anything; where a disk knows none, it is looked first. */
function putInPlace(draft: string, target: string): void {
  try {
    linkSync(draft, target)
  } catch (error) {
    if (existsSync(target) || codeOf(error) === 'EEXIST') throw new Error(`there is a file ${target} already`)
    renameSync(draft, target)
  }
}

function assertSound(file: string): void {
  const copy = new Sqlite(file, { readonly: true })
  try {
    const [finding] = copy.query<TaskRow, []>('pragma quick_check(1)').all()
    const words = Object.values(finding ?? {})[0]
    if (words !== 'ok') throw new Error(`the copy is not sound (${words})`)
  } finally {
    copy.close()
  }
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** From then on a database of an older version gives free pages back as well. */
function compact(writer: Sqlite): void {
  writer.run(`pragma busy_timeout = ${COMPACT_PATIENCE_MS}`)
  writer.run('pragma auto_vacuum = incremental')
  try {
    writer.run('vacuum')
    writer.query('pragma wal_checkpoint(truncate)').all()
  } finally {
    writer.run(`pragma busy_timeout = ${PATIENCE_MS}`)
  }
}
