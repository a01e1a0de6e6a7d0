/** The contract's rows about the forecast; what holds for contract.ts holds here. */
import {
  backtestQuerySchema,
  backtestSchema,
  forecastQuerySchema,
  forecastSchema,
} from './forecast-schemas.ts'
import type { Route } from './route.ts'

export const forecastRoutes = {
  forecast: {
    method: 'GET',
    path: '/api/forecast',
    role: 'viewer',
    summary: 'When each window is spent, as a range, and until when the pool is safe. A minute old at most.',
    query: forecastQuerySchema,
    answer: forecastSchema,
  },
  backtest: {
    method: 'GET',
    path: '/api/forecast/backtest',
    role: 'viewer',
    summary: 'How good the forecast was on the accounts’ own readings, beside a naive reference.',
    query: backtestQuerySchema,
    answer: backtestSchema,
  },
} as const satisfies Readonly<Record<string, Route>>
