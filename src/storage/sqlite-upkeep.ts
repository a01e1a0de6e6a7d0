/**
 * The upkeep of a SQLite file, from the main thread: tasks go to a worker of their own, which
 * is started by the first and ends when nothing was to do for a while, so that neither reads
 * nor commits wait for them. Looks for room on the disk before it begins.
 */
import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { GatewayError, messageOf } from '../core/error.ts'
import { DatabaseError, numberOf, optionalNumber, type Row, textOf } from './database.ts'
import { type SqliteWorker, startWorker } from './sqlite-client.ts'
import type { Condition } from './sqlite-condition.ts'
import type { Task } from './sqlite-tasks.ts'
import type { Measures, Upkeep } from './upkeep.ts'

const IDLE_MS = 30_000

export interface SqliteUpkeep extends Upkeep {
  check(): Promise<readonly string[]>
  close(): Promise<void>
}

/** `reader`: the worker that reads are asked of; what only looks goes there. */
export function createSqliteUpkeep(file: string, condition: Condition, reader: SqliteWorker): SqliteUpkeep {
  const { inWorker, close } = createErrands(file, condition)
  const run = (task: Task): Promise<readonly Row[]> => inWorker((worker) => worker.run(task))
  const measure = async (): Promise<Measures> => toMeasures(await reader.run({ kind: 'measure' }))
  return {
    async sweep({ text, values }) {
      const [row = {}] = await run({ kind: 'sweep', text, values })
      return { changed: numberOf(row, 'changed'), ms: numberOf(row, 'ms') }
    },
    measure,
    async shrink() {
      const [row = {}] = await run({ kind: 'shrink' })
      return numberOf(row, 'free_bytes')
    },
    async backup(target) {
      assertTarget(file, target)
      assertRoom('A backup', new Map([[dirname(target), usedOf(await measure())]]))
      const [row = {}] = await told('The backup was not made', run({ kind: 'backup', target }))
      return { file: target, bytes: numberOf(row, 'bytes') }
    },
    async compact() {
      const used = usedOf(await measure())
      assertRoom('Compacting', roomToCompact(file, used))
      condition.isCompacting = true
      try {
        await told('The database was not compacted', run({ kind: 'compact' }))
      } finally {
        condition.isCompacting = false
      }
    },
    async analyze() {
      await run({ kind: 'analyze' })
    },
    async check() {
      const findings = await inWorker((worker) => worker.check()).catch(damageIn)
      condition.checked(findings)
      return findings
    },
    close,
  }
}

/** The worker, there when there is something to do. */
function createErrands(file: string, condition: Condition) {
  const worker = startWorker(file)
  let idle: ReturnType<typeof setTimeout> | undefined
  let running = 0
  let isClosed = false
  return {
    async inWorker<T>(work: (worker: SqliteWorker) => Promise<T>): Promise<T> {
      if (isClosed) throw new DatabaseError('other', 'The database is closed.', undefined)
      clearTimeout(idle)
      running++
      try {
        return await work(worker)
      } catch (error) {
        throw error instanceof DatabaseError ? condition.noted(error) : error
      } finally {
        running--
        if (running === 0 && !isClosed) {
          idle = setTimeout(() => void worker.close(), IDLE_MS)
          idle.unref()
        }
      }
    },
    async close(): Promise<void> {
      isClosed = true
      clearTimeout(idle)
      await worker.close()
    },
  }
}

/** What is too damaged to be looked through is a finding, too. */
function damageIn(error: unknown): readonly string[] {
  if (error instanceof DatabaseError && error.problem === 'damaged') return [error.message]
  throw error
}

async function told<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const code = error instanceof DatabaseError && error.problem === 'full' ? 'storage-full' : 'unavailable'
    throw new GatewayError(code, `${what}: ${messageOf(error)}.`, { cause: error })
  }
}

function assertTarget(file: string, target: string): void {
  const directory = dirname(target)
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new GatewayError('bad-request', `There is no directory ${directory} for the backup.`)
  // Names of SQLite's own begin with the database's.
  if (target.startsWith(file))
    throw new GatewayError('bad-request', `A backup cannot be called ${target}: choose another name.`)
}

const usedOf = ({ bytes, freeBytes }: Measures): number => bytes - freeBytes

/** It is written into a temporary file first, and from there through the log. */
function roomToCompact(file: string, used: number): ReadonlyMap<string, number> {
  const places = [dirname(file), temporaryDirectory()] as const
  const isOneDisk = statSync(places[0]).dev === statSync(places[1]).dev
  return isOneDisk ? new Map([[places[0], 2 * used]]) : new Map(places.map((place) => [place, used]))
}

/** Where SQLite puts them (https://www.sqlite.org/tempfiles.html §5). */
function temporaryDirectory(): string {
  const { SQLITE_TMPDIR, TMPDIR } = process.env
  const isThere = (place: string | undefined): place is string =>
    place !== undefined && statSync(place, { throwIfNoEntry: false })?.isDirectory() === true
  return [SQLITE_TMPDIR, TMPDIR, '/var/tmp', '/usr/tmp', '/tmp'].find(isThere) ?? '.'
}

const SPARE_BYTES = 8 << 20

function assertRoom(what: string, needs: ReadonlyMap<string, number>): void {
  for (const [place, bytes] of needs) {
    const { bavail, bsize } = statfsSync(place)
    const [needed, free] = [bytes + SPARE_BYTES, bavail * bsize]
    if (free >= needed) continue
    const message = `${what} needs about ${megabytes(needed)} in ${place}, and ${megabytes(free)} are free. Nothing was done.`
    throw new GatewayError('storage-full', message)
  }
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000).toLocaleString('en-US')} MB`

function toMeasures([total = {}, ...tables]: readonly Row[]): Measures {
  return {
    bytes: numberOf(total, 'bytes'),
    freeBytes: numberOf(total, 'free_bytes'),
    logBytes: numberOf(total, 'log_bytes'),
    tables: tables.map((row) => ({ name: textOf(row, 'name'), rows: optionalNumber(row, 'rows') })),
  }
}
