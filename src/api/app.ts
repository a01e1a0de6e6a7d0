/**
 * The control plane over HTTP: the contract's table on a router, with one door in front of
 * it and one place where errors become answers. Takes a standard Request, gives a standard
 * Response; must not know sockets, and must not hold business of its own.
 */
import { type Context, Hono } from 'hono'
import type { z } from 'zod'
import { type ErrorDetail, GatewayError, STATUS_OF, toGatewayError } from '../core/error.ts'
import type { Log } from '../core/ports/log.ts'
import { type Input, type RouteName, routes } from './contract.ts'
import { createHandlers, type Handlers } from './handlers.ts'
import { streamRequests } from './live.ts'
import { openApiDocument } from './openapi.ts'
import { PROTECTIVE_HEADERS } from './protective-headers.ts'
import type { Route } from './route.ts'
import { nothingSchema } from './schemas.ts'
import type { Services } from './services.ts'

export interface AppOptions {
  readonly services: Services
  readonly log: Log
  /** Whether a credential is the admin's; compared in constant time. */
  readonly isAdmin: (token: string) => boolean
  /** Counts a wrong credential; true when this peer has tried too often. */
  readonly isBlocked: (peer: string) => boolean
}

/** `peer` is the address of the client, for the limit on wrong credentials. */
export type App = (request: Request, peer: string) => Promise<Response>

interface Bindings {
  readonly Bindings: { readonly peer: string }
}

export function createApp(options: AppOptions): App {
  const { services } = options
  const app = new Hono<Bindings>()
  const handlers = createHandlers(services)
  const guarded = (context: Context<Bindings>, answer: () => Response | Promise<Response>) => {
    assertAdmin(context, options)
    parse(nothingSchema, context.req.query())
    return answer()
  }
  app.get('/metrics', (context) =>
    guarded(context, () =>
      context.text(services.metrics(), 200, { 'content-type': 'text/plain; version=0.0.4' }),
    ),
  )
  app.get('/api/openapi.json', (context) =>
    guarded(context, () => context.json(openApiDocument(services.system.version))),
  )
  app.get('/api/requests/stream', (context) =>
    guarded(context, () => streamRequests(services.feed, context.req.header('last-event-id'))),
  )
  for (const name of Object.keys(routes).filter(isRouteName)) register(app, name, handlers, options)
  app.notFound((context) =>
    toResponse(new GatewayError('not-found', `There is nothing at ${context.req.path}.`)),
  )
  app.onError((thrown) => {
    if (thrown instanceof UnsupportedMediaType) return problem(415, 'unsupported-media-type', thrown.message)
    const error = toGatewayError(thrown)
    if (error.code === 'internal') options.log.error('An API call failed because of a bug.', thrown)
    return toResponse(error)
  })
  return async (request, peer) => {
    const response = await app.fetch(request, { peer })
    for (const [name, value] of PROTECTIVE_HEADERS) response.headers.set(name, value)
    return response
  }
}

const isRouteName = (name: string): name is RouteName => Object.hasOwn(routes, name)

function register(app: Hono<Bindings>, name: RouteName, handlers: Handlers, options: AppOptions): void {
  const route: Route = routes[name]
  const handler: (input: Input<RouteName>) => Promise<object> = handlers[name] as (
    input: unknown,
  ) => Promise<object>
  app.on(route.method, route.path, async (context) => {
    if (route.isOpen !== true) assertAdmin(context, options)
    const answer = await handler(await readInput(context, route))
    return Response.json(answer, { status: route.status ?? 200 })
  })
}

async function readInput(context: Context, route: Route): Promise<Input<RouteName>> {
  const input = {
    params: context.req.param(),
    query: parse(route.query ?? nothingSchema, context.req.query()),
    body: await readBody(context, route.body),
  }
  return input as Input<RouteName>
}

/** What the caller sent is not said to be JSON. */
class UnsupportedMediaType extends Error {
  constructor() {
    super('Send the body as application/json.')
    this.name = 'UnsupportedMediaType'
  }
}

/** Only JSON that says it is JSON: a form on another site can send neither (CSRF). */
async function readBody(context: Context, schema: z.ZodType | undefined): Promise<unknown> {
  const text = await context.req.text()
  if (schema === undefined && text === '') return undefined
  if (!/^application\/json\b/i.test(context.req.header('content-type') ?? ''))
    throw new UnsupportedMediaType()
  return parse(schema ?? nothingSchema, toJson(text))
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new GatewayError('bad-request', 'The body is not JSON.', { cause })
  }
}

function parse(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const details = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: 'is not known here' }))
      : [{ path: issue.path.join('.'), message: issue.message }],
  )
  const [first] = details
  const message = `${first?.path === '' ? 'The input' : `"${first?.path}"`}: ${first?.message ?? 'is not valid'}.`
  throw new GatewayError('bad-request', message, { details })
}

function assertAdmin(context: Context<Bindings>, { isAdmin, isBlocked }: AppOptions): void {
  const token = /^bearer\s+(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1]
  if (token !== undefined && isAdmin(token)) return
  if (isBlocked(context.env.peer)) {
    throw new GatewayError(
      'too-many-attempts',
      'Too many wrong credentials from this address; try again in a minute.',
    )
  }
  throw new GatewayError(
    'unauthenticated',
    'The admin API needs the token in the data directory’s admin.token, as "Authorization: Bearer …".',
  )
}

function toResponse({ code, message, details }: GatewayError): Response {
  const response = problem(STATUS_OF[code], code, message, details)
  if (code === 'too-many-attempts') response.headers.set('retry-after', '60')
  return response
}

const problem = (status: number, code: string, message: string, details?: readonly ErrorDetail[]): Response =>
  Response.json({ error: { code, message, ...(details === undefined ? {} : { details }) } }, { status })
