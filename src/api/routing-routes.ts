/** The routes about routing: what is in force, what would happen, who waits. Must not contain behaviour. */
import type { Route } from './route.ts'
import { explainedSchema, explainQuerySchema, queueSchema, routingSchema } from './routing-schemas.ts'

export const routingRoutes = {
  showRouting: {
    method: 'GET',
    path: '/api/routes',
    role: 'viewer',
    summary: 'The strategy, pools, groups, aliases, agents and reserves in force.',
    answer: routingSchema,
  },
  explainRoute: {
    method: 'GET',
    path: '/api/routes/explain',
    role: 'viewer',
    summary: 'What would happen to a request if it came now; nothing is sent.',
    query: explainQuerySchema,
    answer: explainedSchema,
  },
  showQueue: {
    method: 'GET',
    path: '/api/queue',
    role: 'viewer',
    summary: 'The requests that wait in line, in the order in which they are served.',
    answer: queueSchema,
  },
} as const satisfies Readonly<Record<string, Route>>
