/** What the handlers of maintenance work with. Types only. */
import type { Millis } from '../core/time.ts'

/** Long work, one at a time: each throws GatewayError `conflict` while another is under way. */
export interface MaintenanceService {
  storage(): Promise<StorageReport>
  check(): Promise<readonly string[]>
  /** Into that file, or into one of the data directory's own; nothing is ever overwritten. */
  backup(file: string | undefined): Promise<BackupInfo>
  compact(): Promise<{ readonly before: DatabaseSize; readonly after: DatabaseSize }>
  analyze(): Promise<void>
  /** Running totals and whatever is summed up of the ledger; its rows stay. */
  resetStatistics(): Promise<void>
  /** Ledger rows that began before a moment, or all; how many went. */
  clearHistory(before: Millis | undefined): Promise<number>
}

export interface DatabaseSize {
  readonly bytes: number
  readonly freeBytes: number
  /** What was written and is not in the database’s main file yet. */
  readonly logBytes: number
}

export interface BackupInfo {
  readonly file: string
  readonly bytes: number
  readonly at: Millis
}

export interface StorageReport {
  readonly kind: string
  readonly place: string
  readonly size: DatabaseSize
  readonly journalBytes: number
  readonly tables: readonly { readonly name: string; readonly rows: number | undefined }[]
  readonly files: readonly { readonly name: string; readonly bytes: number }[]
  readonly oldestRequestAt: Millis | undefined
  readonly lastBackup: BackupInfo | undefined
}
