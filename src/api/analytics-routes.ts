/** The contract's row about the history; what holds for contract.ts holds here. */
import { analyticsQuerySchema, analyticsSchema } from './analytics-schemas.ts'
import type { Route } from './route.ts'

export const analyticsRoutes = {
  analytics: {
    method: 'GET',
    path: '/api/analytics',
    role: 'viewer',
    summary:
      'Requests, tokens, cost and times over a range, in buckets and by group. Outlives the ledger’s rows.',
    query: analyticsQuerySchema,
    answer: analyticsSchema,
  },
} as const satisfies Readonly<Record<string, Route>>
