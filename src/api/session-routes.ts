/** The routes about sessions and prompt caches. Must not contain behaviour. */
import { cacheMissesSchema, cacheQuerySchema } from './cache-schemas.ts'
import type { Route } from './route.ts'
import {
  sessionListSchema,
  sessionQuerySchema,
  sessionSchema,
  shownSessionSchema,
  targetAccountSchema,
  turnsQuerySchema,
} from './session-schemas.ts'

export const sessionRoutes = {
  listSessions: {
    method: 'GET',
    path: '/api/sessions',
    role: 'viewer',
    summary: 'Sessions with their agents, last used first.',
    query: sessionQuerySchema,
    answer: sessionListSchema,
  },
  showSession: {
    method: 'GET',
    path: '/api/sessions/:id',
    role: 'viewer',
    summary: 'One session with its last requests.',
    query: turnsQuerySchema,
    answer: shownSessionSchema,
  },
  pinSession: {
    method: 'POST',
    path: '/api/sessions/:id/pin',
    role: 'operator',
    summary: 'Keep a session on an account as long as that can take it; it spills while it cannot.',
    body: targetAccountSchema,
    answer: sessionSchema,
  },
  unpinSession: {
    method: 'POST',
    path: '/api/sessions/:id/unpin',
    role: 'operator',
    summary: 'Take a pin back. The session stays where it is, as long as routing keeps it there.',
    answer: sessionSchema,
  },
  moveSession: {
    method: 'POST',
    path: '/api/sessions/:id/move',
    role: 'operator',
    summary: 'Make another account a session’s home, once; from then on routing decides as usual.',
    body: targetAccountSchema,
    answer: sessionSchema,
  },
  cacheMisses: {
    method: 'GET',
    path: '/api/analytics/cache',
    role: 'viewer',
    summary: 'Why prompt caches were missed, and what that cost, by cause and by what had changed.',
    query: cacheQuerySchema,
    answer: cacheMissesSchema,
  },
} as const satisfies Readonly<Record<string, Route>>
