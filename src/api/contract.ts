/**
 * The admin API as one table: method, path, what goes in, what comes out. The server's
 * handlers, the typed client and the OpenAPI document all come from it; a route without a
 * handler does not compile. Must not contain behaviour.
 */
import { z } from 'zod'
import { accountRoutes } from './account-routes.ts'
import { type accountSchema, accountStreamEvents } from './account-schemas.ts'
import { agentRoutes } from './agent-routes.ts'
import { alertRoutes } from './alert-routes.ts'
import { analyticsRoutes } from './analytics-routes.ts'
import { configPlainRoutes, configRoutes } from './config-routes.ts'
import type { settingSchema } from './config-schemas.ts'
import { doorRoutes } from './door-routes.ts'
import { forecastRoutes } from './forecast-routes.ts'
import { keyRoutes } from './key-routes.ts'
import type { keySchema } from './key-schemas.ts'
import { logRoutes, logStreams } from './log-routes.ts'
import { maintenanceRoutes } from './maintenance-routes.ts'
import { payloadFiles, payloadRoutes } from './payload-routes.ts'
import type { FileRoute, PlainRoute, Route, StreamRoute } from './route.ts'
import { routingRoutes } from './routing-routes.ts'
import * as schemas from './schemas.ts'
import { sessionRoutes } from './session-routes.ts'

export const routes = {
  health: {
    method: 'GET',
    path: '/health',
    role: 'anybody',
    summary: 'Whether the gateway works and how many accounts are ready.',
    answer: schemas.healthSchema,
  },
  ...accountRoutes,
  ...routingRoutes,
  ...forecastRoutes,
  ...payloadRoutes,
  ...doorRoutes,
  ...alertRoutes,
  ...sessionRoutes,
  ...agentRoutes,
  ...analyticsRoutes,
  listRequests: {
    method: 'GET',
    path: '/api/requests',
    role: 'viewer',
    summary: 'The ledger, newest first.',
    query: schemas.requestQuerySchema,
    answer: z.object({ requests: z.array(schemas.requestSchema), nextCursor: z.string().optional() }),
  },
  showRequest: {
    method: 'GET',
    path: '/api/requests/:id',
    role: 'viewer',
    summary: 'One request with its decision and attempts.',
    answer: schemas.requestSchema.extend({ hasPayload: z.boolean() }),
  },
  importRequests: {
    method: 'POST',
    path: '/api/requests/import',
    role: 'owner',
    summary: 'Add rows of another gateway’s history to the ledger, each once.',
    body: schemas.historySchema,
    answer: schemas.historyAddedSchema,
  },
  stats: {
    method: 'GET',
    path: '/api/stats',
    role: 'viewer',
    summary: 'Sums over the ledger, and by account, model and key.',
    query: schemas.sinceQuerySchema,
    answer: schemas.statsSchema,
  },
  ...keyRoutes,
  ...configRoutes,
  ...logRoutes,
  showStrategy: {
    method: 'GET',
    path: '/api/config/strategy',
    role: 'viewer',
    summary: 'The strategy in force.',
    answer: schemas.strategySchema,
  },
  changeStrategy: {
    method: 'POST',
    path: '/api/config/strategy',
    role: 'operator',
    summary: 'Switch the strategy. Bindings stay.',
    body: z.strictObject({ strategy: z.string() }),
    answer: schemas.strategySchema,
  },
  listStrategies: {
    method: 'GET',
    path: '/api/strategies',
    role: 'viewer',
    summary: 'The strategies there are.',
    answer: schemas.strategyListSchema,
  },
  system: {
    method: 'GET',
    path: '/api/system',
    role: 'viewer',
    summary: 'Version, runtime, places.',
    answer: schemas.systemSchema,
  },
  ...maintenanceRoutes,
} as const satisfies Readonly<Record<string, Route>>

/** Server-sent events: what happens, as it happens. */
export const streams = {
  streamRequests: {
    path: '/api/requests/stream',
    summary: 'Ledger rows as they are booked.',
    role: 'viewer',
    events: { request: schemas.requestSchema },
  },
  ...logStreams,
  streamAccounts: {
    path: '/api/accounts/stream',
    summary: 'Accounts whenever something about one has changed, at most once a second for each.',
    role: 'viewer',
    events: accountStreamEvents,
  },
} as const satisfies Readonly<Record<string, StreamRoute>>

/** What answers with something else than JSON: not for the typed client, but in the OpenAPI document. */
export const plainRoutes = {
  metrics: {
    path: '/metrics',
    summary: 'Metrics for Prometheus.',
    role: 'viewer',
    type: 'text/plain; version=0.0.4',
  },
  openApi: {
    path: '/api/openapi.json',
    summary: 'This document.',
    role: 'viewer',
    type: 'application/json',
  },
  docs: {
    path: '/api/docs',
    summary: 'This document as a page to read.',
    role: 'viewer',
    type: 'text/html; charset=utf-8',
  },
  ...configPlainRoutes,
} as const satisfies Readonly<Record<string, PlainRoute>>

/** Bytes to be saved: not for the typed client, but in the OpenAPI document. */
export const fileRoutes = { ...payloadFiles } as const satisfies Readonly<Record<string, FileRoute>>

export type Routes = typeof routes
export type RouteName = keyof Routes
export type StreamName = keyof typeof streams
export type PlainName = keyof typeof plainRoutes
export type FileName = keyof typeof fileRoutes

/** One event of a stream, as its reader gets it. */
export type StreamEvent<Name extends StreamName> = EventOf<(typeof streams)[Name]['events']>
type EventOf<Events> = {
  readonly [Kind in keyof Events & string]: {
    readonly id: string
    readonly event: Kind
    readonly data: Events[Kind] extends z.ZodType ? z.output<Events[Kind]> : never
  }
}[keyof Events & string]

/** The parameters in a path: "/a/:id" → { id: string }. */
type Params<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? { readonly [Key in Name]: string } & Params<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? { readonly [Key in Name]: string }
    : unknown

type Query<R> = R extends { readonly query: infer Schema extends z.ZodType }
  ? { readonly query: z.output<Schema> }
  : unknown
type QueryIn<R> = R extends { readonly query: infer Schema extends z.ZodType }
  ? { readonly query?: z.input<Schema> }
  : unknown
type Body<R> = R extends { readonly body: infer Schema extends z.ZodType }
  ? { readonly body: z.output<Schema> }
  : unknown
type BodyIn<R> = R extends { readonly body: infer Schema extends z.ZodType }
  ? { readonly body: z.input<Schema> }
  : unknown

type ParamsOf<R extends Route> =
  unknown extends Params<R['path']> ? unknown : { readonly params: Params<R['path']> }

/** What a handler is given, checked. */
export type Input<Name extends RouteName> = ParamsOf<Routes[Name]> & Query<Routes[Name]> & Body<Routes[Name]>
/** What a client gives. */
export type ClientInput<Name extends RouteName> = ParamsOf<Routes[Name]> &
  QueryIn<Routes[Name]> &
  BodyIn<Routes[Name]>
export type Answer<Name extends RouteName> = z.output<Routes[Name]['answer']>

export type Account = z.output<typeof accountSchema>
export type AccountEvent = Answer<'listAccountEvents'>['events'][number]
export type LedgerRequest = z.output<typeof schemas.requestSchema>
export type Key = z.output<typeof keySchema>
export type Sums = Answer<'stats'>['totals']
export type Setting = z.output<typeof settingSchema>
