/** The contract's rows about upkeep; what holds for contract.ts holds here. Each answers when it is done. */
import {
  backupSchema,
  backupWishSchema,
  checkSchema,
  clearedSchema,
  clearHistorySchema,
  compactSchema,
  doneSchema,
  storageSchema,
} from './maintenance-schemas.ts'
import type { Route } from './route.ts'

export const maintenanceRoutes = {
  storage: {
    method: 'GET',
    path: '/api/storage',
    role: 'viewer',
    summary: 'How large everything is that is stored, how far back it goes, and when it was backed up last.',
    answer: storageSchema,
  },
  checkDatabase: {
    method: 'POST',
    path: '/api/maintenance/check',
    isRead: true,
    role: 'owner',
    summary: 'Look through the whole database for damage.',
    answer: checkSchema,
  },
  backupDatabase: {
    method: 'POST',
    path: '/api/maintenance/backup',
    role: 'owner',
    summary:
      'Copy the database, as it is at one moment, into a new file; traffic goes on. The secret key is not in it.',
    body: backupWishSchema,
    answer: backupSchema,
  },
  compactDatabase: {
    method: 'POST',
    path: '/api/maintenance/compact',
    role: 'owner',
    summary:
      'Write the database anew without its gaps. Ledger rows wait in the journal meanwhile, and changes are refused.',
    answer: compactSchema,
  },
  analyzeDatabase: {
    method: 'POST',
    path: '/api/maintenance/analyze',
    role: 'owner',
    summary: 'Have the database look again how its rows are distributed, for faster answers.',
    answer: doneSchema,
  },
  resetStats: {
    method: 'POST',
    path: '/api/maintenance/reset-stats',
    role: 'owner',
    summary: 'Begin the accounts’ totals anew. The ledger stays.',
    answer: doneSchema,
  },
  clearHistory: {
    method: 'POST',
    path: '/api/maintenance/clear-history',
    role: 'owner',
    summary: 'Delete ledger rows, those before a moment or all. Totals stay.',
    body: clearHistorySchema,
    answer: clearedSchema,
  },
} as const satisfies Readonly<Record<string, Route>>
