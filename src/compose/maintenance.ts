/**
 * Maintenance while the gateway runs: one piece of work at a time, each told to nobody but
 * who asked for it, and what the data directory holds. What the work is belongs to storage.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { BackupInfo, DatabaseSize, MaintenanceService } from '../api/maintenance.ts'
import { GatewayError } from '../core/error.ts'
import { later, type Millis, toIso, toMillis } from '../core/time.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { optionalNumber, toUserError } from '../storage/database.ts'
import { readMeta, writeMeta } from '../storage/settings.ts'
import { resetStatistics } from '../storage/statistics.ts'
import type { Storage } from '../storage/storage.ts'
import type { Foundation } from './foundation.ts'

const LAST_BACKUP = 'last-backup'

export function createMaintenance({ storage, directory }: Foundation): MaintenanceService {
  const { database, ledger, retention } = storage
  const { upkeep } = database
  const alone = createTurns()
  const sizeNow = async (): Promise<DatabaseSize> => {
    const { bytes, freeBytes, logBytes } = await upkeep.measure()
    return { bytes, freeBytes, logBytes }
  }
  return {
    storage: () => report(storage, directory.path),
    check: () => alone('checked', database.check),
    backup: (wish) =>
      alone('backed up', async () => {
        const at = clock.now()
        const file = wish ?? newBackupIn(directory.path, at)
        await ledger.settled()
        const backup: BackupInfo = { ...(await upkeep.backup(file)), at }
        await writeMeta(database, LAST_BACKUP, JSON.stringify(backup))
        return backup
      }),
    compact: () =>
      alone('compacted', async () => {
        const before = await sizeNow()
        await upkeep.compact()
        return { before, after: await sizeNow() }
      }),
    analyze: () => alone('analyzed', upkeep.analyze),
    resetStatistics: () =>
      alone('changed', async () => {
        await ledger.settled()
        await resetStatistics(database).catch((error) => {
          throw toUserError(error, 'The totals were changed by somebody else at the same time.')
        })
        ledger.rollups.doubt()
      }),
    clearHistory: (before) =>
      alone('cleared', async () => {
        await ledger.settled()
        const end = before ?? later((await retention.newestRequest()) ?? clock.now(), 1)
        const forgotten = await retention.forgetRequests(end, never)
        await retention.shrink(never)
        return forgotten
      }),
  }
}

const never = (): boolean => false

/** Two would only wait for each other, and nobody would know for what. */
function createTurns(): <T>(what: string, work: () => Promise<T>) => Promise<T> {
  let present: string | undefined
  return async (what, work) => {
    if (present !== undefined)
      throw new GatewayError(
        'conflict',
        `The database is being ${present} already. Try again when that is done.`,
      )
    present = what
    try {
      return await work()
    } finally {
      present = undefined
    }
  }
}

function newBackupIn(dataDirectory: string, at: Millis): string {
  const backups = join(dataDirectory, 'backups')
  mkdirSync(backups, { recursive: true, mode: 0o700 })
  return join(backups, `spillway-${toIso(at).replaceAll(':', '-')}.db`)
}

async function report(
  { database }: Storage,
  dataDirectory: string,
): ReturnType<MaintenanceService['storage']> {
  const { bytes, freeBytes, logBytes, tables } = await database.upkeep.measure()
  const [row = {}] = await database.read('select min(started_at) as oldest from requests')
  const oldest = optionalNumber(row, 'oldest')
  const files = filesIn(dataDirectory)
  return {
    kind: database.kind,
    place: database.place,
    size: { bytes, freeBytes, logBytes },
    journalBytes: files.find(({ name }) => name === 'ledger.journal')?.bytes ?? 0,
    tables,
    files,
    oldestRequestAt: oldest === undefined ? undefined : toMillis(oldest),
    lastBackup: toBackup(await readMeta(database, LAST_BACKUP)),
  }
}

function filesIn(directory: string): readonly { readonly name: string; readonly bytes: number }[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, found: statSync(join(directory, name), { throwIfNoEntry: false }) }))
    .flatMap(({ name, found }) => (found?.isFile() === true ? [{ name, bytes: found.size }] : []))
    .sort((a, b) => a.name.localeCompare(b.name))
}

function toBackup(text: string | undefined): BackupInfo | undefined {
  if (text === undefined) return undefined
  const { file, bytes, at }: BackupInfo = JSON.parse(text)
  return { file, bytes, at: toMillis(at) }
}
