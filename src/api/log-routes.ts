/** The routes of the contract about the log. Must not contain behaviour. */
import * as schemas from './log-schemas.ts'
import type { Route, StreamRoute } from './route.ts'

export const logRoutes = {
  listLogs: {
    method: 'GET',
    path: '/api/logs/history',
    role: 'viewer',
    summary: 'The last lines of the log that are in memory, newest first, without secrets.',
    query: schemas.logQuerySchema,
    answer: schemas.logsSchema,
  },
} as const satisfies Readonly<Record<string, Route>>

export const logStreams = {
  streamLogs: {
    path: '/api/logs/stream',
    summary: 'Log lines as they are written, without secrets.',
    role: 'viewer',
    query: schemas.logStreamQuerySchema,
    events: { log: schemas.logSchema },
  },
} as const satisfies Readonly<Record<string, StreamRoute>>
