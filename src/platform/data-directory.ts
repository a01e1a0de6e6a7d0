/**
 * The data directory: made private, locked against a second server, with the secret key and
 * the admin token that live in it, and the note that tells commands where the server is.
 * Nothing that exists is ever overwritten here but that note.
 */
import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { GatewayError, messageOf } from '../core/error.ts'

export interface DataDirectory {
  readonly path: string
  readonly databaseFile: string
  readonly journalFile: string
  /** Where renewed credentials wait when the database takes nothing. */
  readonly rescueFile: string
  /** Where bodies are kept, if they are. */
  readonly payloadFile: string
  readonly adminToken: string
  release(): void
}

/** Where a running server is; `server.json` in its data directory. */
export interface ServerNote {
  readonly url: string
  readonly pid: number
  readonly version: string
}

const KEY_BYTES = 32

/** Throws GatewayError `unavailable`, or `conflict` with the holder when another server uses it. */
export function openDataDirectory(path: string): DataDirectory {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700)
  } catch (cause) {
    throw new GatewayError(
      'unavailable',
      `The data directory ${path} cannot be used: ${messageOf(cause)}. Choose another with --data-dir.`,
      { cause },
    )
  }
  const unlock = lock(path)
  return {
    path,
    databaseFile: join(path, 'spillway.db'),
    journalFile: join(path, 'ledger.journal'),
    rescueFile: join(path, 'credentials.journal'),
    payloadFile: join(path, 'payloads.db'),
    adminToken: readOrCreate(join(path, 'admin.token'), () => `spa_${randomBytes(32).toString('base64url')}`),
    release: unlock,
  }
}

/** Whoever forgets what `openDataDirectory` gave still holds it: the collector of garbage must not give a lock up. */
const locks = new Set<Sqlite>()

/** An exclusive lock that the operating system gives up with the process, however it ends. */
function lock(path: string): () => void {
  const file = join(path, 'spillway.lock')
  const handle = openLockFile(file, path)
  try {
    handle.run('pragma busy_timeout = 0')
    handle.run('pragma journal_mode = memory')
    handle.run('begin exclusive')
  } catch (cause) {
    handle.close()
    if (!isHeld(cause)) throw unusableLock(file, cause)
    const note = readServerNote(path)
    const holder =
      note === undefined ? 'another Spillway' : `the Spillway at ${note.url} (process ${note.pid})`
    const message = `The data directory ${path} is in use by ${holder}. Stop it first, or choose another with --data-dir.`
    throw new GatewayError('conflict', message, { cause })
  }
  locks.add(handle)
  return () => {
    locks.delete(handle)
    handle.close()
  }
}

const isHeld = (error: unknown): boolean =>
  error instanceof SQLiteError && error.code?.startsWith('SQLITE_BUSY') === true

const unusableLock = (file: string, cause: unknown): GatewayError =>
  new GatewayError(
    'unavailable',
    `The lock file ${file} cannot be used: ${messageOf(cause)}. It holds nothing of value: remove it and start again.`,
    { cause },
  )

function openLockFile(file: string, path: string): Sqlite {
  try {
    return new Sqlite(file, { create: true, readwrite: true })
  } catch (cause) {
    throw new GatewayError(
      'unavailable',
      `The data directory ${path} cannot be written: ${messageOf(cause)}.`,
      { cause },
    )
  }
}

/** All of the text or no file: a process that is killed in between leaves nothing half-written. */
function readOrCreate(file: string, make: () => string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const text = make()
  const draft = `${file}.new`
  try {
    rmSync(draft, { force: true })
    writeFileSync(draft, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(draft, file)
  } catch (cause) {
    throw new GatewayError('unavailable', `${file} cannot be written: ${messageOf(cause)}.`, { cause })
  }
  return text
}

/**
 * The secret key: from the setting if there is one, else from `secret.key`, else, for a
 * database that holds nothing sealed yet, a new one. `isFresh` says whether it may be made.
 */
export function readSecretKey(
  path: string,
  setting: string | undefined,
  isFresh: boolean,
): { readonly key: Buffer; readonly place: string } {
  if (setting !== undefined)
    return { key: parseKey(setting, 'SPILLWAY_SECRET_KEY'), place: 'SPILLWAY_SECRET_KEY' }
  const file = join(path, 'secret.key')
  if (!existsSync(file) && !isFresh) {
    throw new GatewayError(
      'unavailable',
      `The secret key ${file} is missing, and without it the stored credentials cannot be opened. ` +
        'Put it back from your backup (or set SPILLWAY_SECRET_KEY). Nothing was changed.',
    )
  }
  return {
    key: parseKey(
      readOrCreate(file, () => randomBytes(KEY_BYTES).toString('base64')),
      file,
    ),
    place: file,
  }
}

function parseKey(text: string, place: string): Buffer {
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64')
  if (key.length === KEY_BYTES) return key
  const message = `The secret key in ${place} is not ${KEY_BYTES} bytes in base64 or hexadecimal. Nothing was changed.`
  throw new GatewayError('unavailable', message)
}

const NOTE = 'server.json'

export function readServerNote(path: string): ServerNote | undefined {
  try {
    const note: Partial<ServerNote> = JSON.parse(readFileSync(join(path, NOTE), 'utf8'))
    const { url, pid, version = '' } = note
    return typeof url === 'string' && typeof pid === 'number' ? { url, pid, version } : undefined
  } catch {
    return undefined
  }
}

export function writeServerNote(path: string, note: ServerNote): void {
  const file = join(path, NOTE)
  writeFileSync(`${file}.new`, `${JSON.stringify(note)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export const removeServerNote = (path: string): void => rmSync(join(path, NOTE), { force: true })
