/**
 * Opens everything that is remembered: the database of the configuration, brought up to
 * date, with its stores, and the ledger with its journal. The one place that knows which
 * stores there are.
 */
import type { Account } from '../core/account.ts'
import type { AlertStore, TrafficHistory } from '../core/ports/alerts.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import type { AuditLog, UserStore, VisitStore } from '../core/ports/people.ts'
import type { RequestLog } from '../core/ports/request-log.ts'
import type { SessionLog } from '../core/ports/session-log.ts'
import type {
  AccountStore,
  BindingStore,
  CredentialStore,
  EventStore,
  HealthStore,
  KeyStore,
  KeyUsageStore,
  OwnerStore,
  PinStore,
  ReadingStore,
  TermsStore,
} from '../core/ports/stores.ts'
import { later } from '../core/time.ts'
import { openAccounts } from './accounts.ts'
import { openAlerts } from './alerts.ts'
import { createAuditLog } from './audit.ts'
import { openBindings } from './bindings.ts'
import { openCredentials } from './credentials.ts'
import type { Database } from './database.ts'
import { createEvents } from './events.ts'
import { openHealth } from './health.ts'
import { openJournal } from './journal.ts'
import { openKeyUsage } from './key-usage.ts'
import { openKeys } from './keys.ts'
import { type ClosableLedger, createLedger } from './ledger.ts'
import { openOwners } from './owners.ts'
import { openPins } from './pins.ts'
import { createReadings } from './readings.ts'
import { createRequestLog } from './requests.ts'
import { openRescueFile } from './rescue-file.ts'
import { createRetention, type Retention } from './retention.ts'
import { createSessionLog } from './sessions.ts'
import { openTerms } from './settings.ts'
import { createTrafficHistory } from './traffic.ts'
import { openUsers } from './users.ts'
import { openVisits } from './visits.ts'

export interface Storage {
  readonly database: Database
  readonly accounts: AccountStore
  readonly credentials: CredentialStore
  readonly keys: KeyStore
  readonly keyUsage: KeyUsageStore
  readonly health: HealthStore
  readonly events: EventStore
  readonly readings: ReadingStore
  readonly bindings: BindingStore
  readonly owners: OwnerStore
  readonly ledger: ClosableLedger
  readonly requests: RequestLog
  readonly sessions: SessionLog
  readonly pins: PinStore
  readonly terms: TermsStore
  readonly users: UserStore
  readonly visits: VisitStore
  readonly audit: AuditLog
  readonly alerts: AlertStore
  readonly traffic: TrafficHistory
  readonly retention: Retention
  close(): Promise<void>
}

export interface StorageOptions {
  /** Opened and migrated. */
  readonly database: Database
  readonly journalFile: string
  /** Where renewed credentials wait that the database does not take. */
  readonly rescueFile: string
  readonly newId: () => string
  readonly clock: Clock
  readonly log: Log
  readonly sessionMs: number
  readonly onAccounts: (accounts: readonly Account[]) => void
}

export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { database, clock, log, journalFile, sessionMs, onAccounts } = options
  const ledger = createLedger({ database, log, journal: openJournal(journalFile) })
  const recovered = await ledger.recover()
  if (recovered > 0) log.info(`${recovered} ledger rows of the last run were brought in from the journal.`)
  const accounts = await openAccounts(database, onAccounts)
  const credentials = await openCredentials({
    database,
    accounts,
    log,
    rescue: openRescueFile(options.rescueFile),
  })
  const readings = createReadings(database, ledger, ledger.settled)
  return {
    database,
    accounts,
    credentials,
    keys: await openKeys(database),
    keyUsage: await openKeyUsage(database, clock.now()),
    health: await openHealth(database, ledger),
    events: createEvents(database, ledger, { newId: options.newId, settled: ledger.settled }),
    readings,
    bindings: await openBindings(database, ledger, later(clock.now(), -sessionMs)),
    owners: await openOwners(database, ledger, clock),
    ledger,
    requests: createRequestLog(database, ledger),
    sessions: createSessionLog(database, ledger.settled),
    pins: await openPins(database),
    terms: await openTerms(database),
    users: await openUsers(database),
    visits: await openVisits(database, ledger),
    audit: createAuditLog(database),
    alerts: await openAlerts(database, { clock, newId: options.newId }),
    traffic: createTrafficHistory(database, ledger.settled),
    retention: createRetention(database, ledger.rollups.isWhole),
    async close() {
      credentials.close()
      readings.close()
      await ledger.close()
      await database.close()
    },
  }
}
