/** How long what is remembered is kept. Declarations only. */
import { setting } from './setting.ts'
import { integer } from './values.ts'

export const UPKEEP_SETTINGS = {
  requestRetentionDays: setting('How long ledger rows are kept; 0 keeps them for ever.', 365, integer(0), {
    aliases: ['REQUEST_RETENTION_DAYS'],
    isHot: true,
  }),
} as const
