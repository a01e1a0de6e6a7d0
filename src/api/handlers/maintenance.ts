/** The handlers about what is stored: its size, and its upkeep. */
import { type Millis, toIso } from '../../core/time.ts'
import type { Answer } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { BackupInfo, StorageReport } from '../maintenance.ts'
import { readMoment } from '../moments.ts'
import type { Services } from '../services.ts'

type MaintenanceRoute =
  | 'storage'
  | 'checkDatabase'
  | 'backupDatabase'
  | 'compactDatabase'
  | 'analyzeDatabase'
  | 'resetStats'
  | 'clearHistory'

export function maintenanceHandlers({ maintenance, clock }: Services): Pick<Handlers, MaintenanceRoute> {
  return {
    storage: async () => toStorage(await maintenance.storage()),
    checkDatabase: async () => ({ findings: [...(await maintenance.check())] }),
    async backupDatabase({ body }, call) {
      const backup = toBackup(await maintenance.backup(body.file))
      call.changed({ target: backup.file, to: backup })
      return backup
    },
    async compactDatabase(_input, call) {
      const { before, after } = await maintenance.compact()
      call.changed({ target: 'database', from: before, to: after })
      return { before, after }
    },
    async analyzeDatabase(_input, call) {
      await maintenance.analyze()
      call.changed({ target: 'database' })
      return { done: true }
    },
    async resetStats(_input, call) {
      await maintenance.resetStatistics()
      call.changed({ target: 'statistics' })
      return { done: true }
    },
    async clearHistory({ body }, call) {
      const before: Millis | undefined =
        'before' in body ? readMoment('before', body.before, clock.now()) : undefined
      const requests = await maintenance.clearHistory(before)
      call.changed({
        target: 'requests',
        from: { before: before === undefined ? null : toIso(before), requests },
      })
      return { requests }
    },
  }
}

const toBackup = ({ at, ...rest }: BackupInfo): Answer<'backupDatabase'> => ({ ...rest, at: toIso(at) })

function toStorage({
  size,
  tables,
  files,
  oldestRequestAt,
  lastBackup,
  ...rest
}: StorageReport): Answer<'storage'> {
  return {
    ...rest,
    ...size,
    tables: tables.map(({ name, rows = null }) => ({ name, rows })),
    files: [...files],
    oldestRequestAt: oldestRequestAt === undefined ? null : toIso(oldestRequestAt),
    lastBackup: lastBackup === undefined ? null : toBackup(lastBackup),
  }
}
