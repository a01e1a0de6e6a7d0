/**
 * The control plane over HTTP: the contract's tables on a router, with one door in front of
 * it and one place where errors become answers. Takes a standard Request, gives a standard
 * Response; must not know sockets, and must not hold business of its own.
 */
import { type Context, Hono } from 'hono'
import { type ErrorDetail, GatewayError, STATUS_OF, toGatewayError } from '../core/error.ts'
import type { Log } from '../core/ports/log.ts'
import { isAllowed } from '../core/role.ts'
import type { AuditEntry, Call, Caller, Change } from './call.ts'
import {
  type FileName,
  fileRoutes,
  type Input,
  type PlainName,
  plainRoutes,
  type RouteName,
  routes,
  type StreamName,
  streams,
} from './contract.ts'
import { docsPage } from './docs-page.ts'
import { docsPolicy } from './docs-style.ts'
import { pageRoutes } from './door-routes.ts'
import { createFiles, toFileResponse } from './files.ts'
import { createHandlers, type Handlers } from './handlers.ts'
import { parse, readInput, UnsupportedMediaType } from './input.ts'
import { type LiveEvent, streamEvents } from './live.ts'
import { openApiDocument } from './openapi.ts'
import { createPages } from './pages.ts'
import { PROTECTIVE_HEADERS } from './protective-headers.ts'
import type { Route, StreamRoute } from './route.ts'
import { nothingSchema } from './schemas.ts'
import type { LiveFeed, Services } from './services.ts'
import { createStreams } from './streams.ts'

export interface AppOptions {
  readonly services: Services
  readonly log: Log
  /** Who this is; undefined: nobody that is known here. */
  /** May throw GatewayError: a cookie is not enough for every call. */
  readonly identify: (visitor: Visitor) => Caller | undefined | Promise<Caller | undefined>
  /** Counts a wrong credential, where there is one; true when this peer has tried too often. */
  readonly isBlocked: (visitor: Visitor) => boolean
  /** Told of every change, after it was made. */
  readonly audit: (entry: AuditEntry) => Promise<void>
}

export interface Visitor {
  readonly headers: Headers
  readonly method: string
  readonly peer: string
}

/** `peer` is the address of the client, for the limit on wrong credentials. */
export type App = (request: Request, peer: string) => Promise<Response>

interface Bindings {
  readonly Bindings: { readonly peer: string }
}

export function createApp(options: AppOptions): App {
  const app = new Hono<Bindings>()
  const handlers = createHandlers(options.services)
  registerStreams(app, options)
  registerPlain(app, options)
  registerFiles(app, options)
  registerPages(app, options)
  for (const name of Object.keys(routes).filter(isRouteName)) register(app, name, handlers, options)
  app.notFound((context) =>
    toResponse(new GatewayError('not-found', `There is nothing at ${context.req.path}.`)),
  )
  app.onError((thrown, { req }) => {
    if (thrown instanceof UnsupportedMediaType) return problem(415, 'unsupported-media-type', thrown.message)
    const error = toGatewayError(thrown)
    if (error.code === 'internal') {
      const { method, path } = req
      options.log.error('An API call failed because of a bug.', thrown, { method, path })
    }
    return toResponse(error)
  })
  return async (request, peer) => {
    const response = await app.fetch(request, { peer })
    for (const [name, value] of PROTECTIVE_HEADERS) response.headers.set(name, value)
    return response
  }
}

const isRouteName = (name: string): name is RouteName => Object.hasOwn(routes, name)

/** A feed of what was asked for; the contract checks the question. */
type FeedFor = Extract<ReturnType<typeof createStreams>[StreamName], (query: never) => unknown>

/** Before the routes: the path of a stream may look like another route's parameter. */
function registerStreams(app: Hono<Bindings>, options: AppOptions): void {
  const feeds: Readonly<Record<string, LiveFeed<LiveEvent> | FeedFor>> = createStreams(options.services)
  for (const [name, feed] of Object.entries(feeds)) {
    const { path, role } = streams[name as StreamName]
    const { query }: StreamRoute = streams[name as StreamName]
    app.get(path, async (context) => {
      await admit(context, role, options)
      const asked = parse(query ?? nothingSchema, context.req.query())
      const live = typeof feed === 'function' ? feed(asked as Parameters<FeedFor>[0]) : feed
      return streamEvents(live, context.req.header('last-event-id'))
    })
  }
}

function registerPlain(app: Hono<Bindings>, options: AppOptions): void {
  const { services } = options
  const document = () => openApiDocument(services.system.version)
  const texts: Readonly<Record<PlainName, () => string | Promise<string>>> = {
    metrics: services.metrics,
    openApi: () => JSON.stringify(document()),
    docs: async () => String(await docsPage(document())),
    configSchema: () => JSON.stringify(services.config.schema(), null, 2),
  }
  for (const [name, text] of Object.entries(texts)) {
    const { path, role, type } = plainRoutes[name as PlainName]
    app.get(path, async (context) => {
      await admit(context, role, options)
      parse(nothingSchema, context.req.query())
      const policy = type.startsWith('text/html') ? { 'content-security-policy': await docsPolicy() } : {}
      return context.text(await text(), 200, { 'content-type': type, ...policy })
    })
  }
}

function registerFiles(app: Hono<Bindings>, options: AppOptions): void {
  for (const [name, read] of Object.entries(createFiles(options.services))) {
    const { path, role, type } = fileRoutes[name as FileName]
    app.get(path, async (context) => {
      await admit(context, role, options)
      parse(nothingSchema, context.req.query())
      return toFileResponse(await read(context.req.param('id') ?? ''), type)
    })
  }
}

/** Who asks may be unknown; each page says what it shows to whom. */
function registerPages(app: Hono<Bindings>, { services, identify, audit }: AppOptions): void {
  for (const [name, page] of Object.entries(createPages(services.door))) {
    app.get(pageRoutes[name as keyof typeof pageRoutes].path, async (context) => {
      const caller = await identify(visitorOf(context))
      return page({ request: context.req.raw, caller, peer: context.env.peer, audit })
    })
  }
}

function register(app: Hono<Bindings>, name: RouteName, handlers: Handlers, options: AppOptions): void {
  const route: Route = routes[name]
  const handler = handlers[name] as (input: Input<RouteName>, call: Call) => Promise<object>
  app.on(route.method, route.path, async (context) => {
    const caller = await callerOf(context, route, options)
    const changes: Change[] = []
    const headers = new Headers()
    const call: Call = {
      caller,
      origin: context.req.header('origin'),
      setCookie: (cookie) => headers.append('set-cookie', cookie),
      changed: (change) => void changes.push(change),
    }
    const writeDown = async (made: readonly Change[]): Promise<void> => {
      for (const { by = caller, ...change } of made)
        await options.audit({ ...change, action: name, caller: by })
    }
    try {
      const answer = await handler(await readInput(context, route), call)
      if (changes.length === 0 && isChange(route)) changes.push(targetOf(context))
      await writeDown(changes)
      return Response.json(answer, { status: route.status ?? 200, headers })
    } catch (error) {
      // What was changed before it went wrong stays changed.
      await writeDown(changes)
      throw error
    }
  })
}

const isChange = ({ method, isRead }: Route): boolean => method !== 'GET' && isRead !== true

function targetOf(context: Context<Bindings>): Change {
  const target = context.req.param('id')
  return target === undefined ? {} : { target }
}

const callerOf = (context: Context<Bindings>, { role }: Route, options: AppOptions) =>
  role === 'anybody'
    ? Promise.resolve<Caller>({ name: 'anybody', role: 'key-holder', peer: context.env.peer })
    : admit(context, role, options)

const visitorOf = (context: Context<Bindings>): Visitor => ({
  headers: context.req.raw.headers,
  method: context.req.method,
  peer: context.env.peer,
})

/** Who calls, if they may. Throws GatewayError. */
async function admit(
  context: Context<Bindings>,
  needed: Caller['role'],
  { identify, isBlocked }: AppOptions,
): Promise<Caller> {
  const visitor = visitorOf(context)
  const caller = await identify(visitor)
  if (caller !== undefined) {
    if (isAllowed(caller.role, needed)) return caller
    throw new GatewayError(
      'forbidden',
      `This asks for the role ${needed}, and you are signed in as ${caller.role}.`,
    )
  }
  if (isBlocked(visitor)) {
    throw new GatewayError(
      'too-many-attempts',
      'Too many wrong credentials from this address; try again in a minute.',
    )
  }
  throw new GatewayError(
    'unauthenticated',
    'The admin API needs the token in the data directory’s admin.token, as "Authorization: Bearer …", or somebody who is signed in.',
  )
}

function toResponse({ code, message, details }: GatewayError): Response {
  const response = problem(STATUS_OF[code], code, message, details)
  if (code === 'too-many-attempts') response.headers.set('retry-after', '60')
  return response
}

const problem = (status: number, code: string, message: string, details?: readonly ErrorDetail[]): Response =>
  Response.json({ error: { code, message, ...(details === undefined ? {} : { details }) } }, { status })
