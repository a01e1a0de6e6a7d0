/** The contract's rows about accounts; what holds for contract.ts holds here. */
import { z } from 'zod'
import * as accounts from './account-schemas.ts'
import type { Route } from './route.ts'
import { nothingSchema } from './schemas.ts'

const accountAnswer = { answer: accounts.accountSchema } as const
const saidAnswer = { answer: accounts.saidAccountSchema } as const

export const accountRoutes = {
  listAccounts: {
    method: 'GET',
    path: '/api/accounts',
    summary: 'All accounts with their state, windows and totals.',
    answer: z.object({ accounts: z.array(accounts.accountSchema) }),
  },
  addAccount: {
    method: 'POST',
    path: '/api/accounts',
    summary: 'Add an account.',
    body: accounts.newAccountSchema,
    status: 201,
    ...saidAnswer,
  },
  showAccount: {
    method: 'GET',
    path: '/api/accounts/:id',
    summary: 'One account, by id or name.',
    ...accountAnswer,
  },
  changeAccount: {
    method: 'PATCH',
    path: '/api/accounts/:id',
    summary: 'Change an account.',
    body: accounts.accountChangeSchema,
    ...saidAnswer,
  },
  removeAccount: {
    method: 'DELETE',
    path: '/api/accounts/:id',
    summary: 'Remove an account and its credential. Its ledger rows stay.',
    answer: nothingSchema,
  },
  pauseAccount: {
    method: 'POST',
    path: '/api/accounts/:id/pause',
    summary: 'Send nothing more to an account until it is resumed.',
    ...accountAnswer,
  },
  resumeAccount: {
    method: 'POST',
    path: '/api/accounts/:id/resume',
    summary: 'Use an account again.',
    ...accountAnswer,
  },
  testAccount: {
    method: 'POST',
    path: '/api/accounts/:id/test',
    summary: 'Ask the provider whether it takes the account’s credential. Does not count as use.',
    answer: accounts.accountTestSchema,
  },
  clearCooldown: {
    method: 'POST',
    path: '/api/accounts/:id/clear-cooldown',
    summary: 'Make a cooling or failed account ready again.',
    ...accountAnswer,
  },
  refreshAccount: {
    method: 'POST',
    path: '/api/accounts/:id/refresh',
    summary: 'Renew an account’s token now, and ask its provider for its usage. Does not count as use.',
    ...accountAnswer,
  },
  listAccountEvents: {
    method: 'GET',
    path: '/api/accounts/:id/events',
    summary: 'What has happened to an account, with the evidence, newest first.',
    query: accounts.eventQuerySchema,
    answer: accounts.eventsSchema,
  },
  exportAccounts: {
    method: 'POST',
    path: '/api/accounts/export',
    summary: 'All accounts with their credentials, encrypted with a passphrase (age).',
    body: accounts.exportSchema,
    answer: accounts.exportedSchema,
  },
  importAccounts: {
    method: 'POST',
    path: '/api/accounts/import',
    summary: 'Add the accounts of such a file. Those whose name is taken are left as they are.',
    body: accounts.importSchema,
    answer: accounts.importedSchema,
  },
  beginSignIn: {
    method: 'POST',
    path: '/api/oauth/init',
    summary: 'Begin to sign in to a new account, or again to one that is there.',
    body: accounts.signInSchema,
    answer: accounts.begunSignInSchema,
  },
  finishSignIn: {
    method: 'POST',
    path: '/api/oauth/callback',
    summary: 'Finish a sign-in with the code that its page shows. Each works once, within ten minutes.',
    body: accounts.finishSignInSchema,
    answer: accounts.signedInSchema,
  },
  tokenHealth: {
    method: 'GET',
    path: '/api/token-health',
    summary: 'How the tokens of signed-in accounts stand.',
    answer: accounts.tokenHealthSchema,
  },
  usageHistory: {
    method: 'GET',
    path: '/api/usage-history',
    summary: 'Readings of the providers’ windows over time, oldest first.',
    query: accounts.usageQuerySchema,
    answer: accounts.usageHistorySchema,
  },
  setPriority: {
    method: 'POST',
    path: '/api/accounts/:id/priority',
    summary: 'Set an account’s priority; lower numbers go first.',
    body: accounts.prioritySchema,
    ...accountAnswer,
  },
  setTier: {
    method: 'POST',
    path: '/api/accounts/:id/tier',
    summary: 'Set an account’s tier.',
    body: accounts.tierSchema,
    ...accountAnswer,
  },
  listProviders: {
    method: 'GET',
    path: '/api/providers',
    summary: 'The providers that accounts can be of.',
    answer: z.object({ providers: z.array(accounts.providerSchema) }),
  },
} as const satisfies Readonly<Record<string, Route>>
