/** How long what is remembered is kept, and how much of it. Declarations only. */
import { setting } from './setting.ts'
import { integer } from './values.ts'

export const UPKEEP_SETTINGS = {
  requestRetentionDays: setting(
    'How many days ledger rows and events of accounts are kept; 0 keeps them for ever.',
    90,
    integer(0, 36_500),
    { aliases: ['REQUEST_RETENTION_DAYS'], isHot: true },
  ),
  databaseMaxBytes: setting(
    'How much of its file the SQLite database may use: above that the oldest ledger rows go; 0 for as much as it needs.',
    0,
    integer(0),
    { isHot: true },
  ),
} as const
