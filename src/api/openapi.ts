/** The OpenAPI 3.1 document, made from the contract's table. Must not say what the table does not. */
import { z } from 'zod'
import { fileRoutes, plainRoutes, routes, streams } from './contract.ts'
import { pageRoutes } from './door-routes.ts'
import type { FileRoute, PlainRoute, Route, StreamRoute } from './route.ts'
import { errorSchema } from './schemas.ts'

export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly jsonSchemaDialect: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: object
  readonly security: readonly object[]
}

export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly [string]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
  readonly security?: readonly object[]
  readonly 'x-role': string
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly schema: Schema
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>

/** The part of JSON Schema that zod writes. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly additionalProperties?: Schema | boolean
}

const DESCRIPTION =
  'JSON in camelCase, times in ISO 8601 UTC. Errors are {"error":{"code","message","details"?}}; unknown fields and ' +
  'parameters are refused with their path. Bodies say that they are application/json. Lists that have more than ' +
  'they show carry a nextCursor, which the parameter cursor takes.'

export function openApiDocument(version: string): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {}
  const add = (path: string, method: string, operation: Operation): void => {
    const templated = path.replace(/:(\w+)/g, '{$1}')
    paths[templated] = { ...paths[templated], [method]: operation }
  }
  for (const [name, route] of Object.entries<Route>(routes))
    add(route.path, route.method.toLowerCase(), operationOf(name, route))
  for (const [name, route] of Object.entries<StreamRoute>(streams))
    add(route.path, 'get', streamOperation(name, route))
  for (const [name, route] of Object.entries<PlainRoute>({ ...plainRoutes, ...pageRoutes }))
    add(
      route.path,
      'get',
      textOperation(name, route, { type: route.type === 'application/json' ? 'object' : 'string' }),
    )
  for (const [name, route] of Object.entries<FileRoute>(fileRoutes))
    add(route.path, 'get', textOperation(name, route, { type: 'string', format: 'binary' }))
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: { title: 'Spillway admin API', version, description: DESCRIPTION },
    paths,
    components: { securitySchemes: SCHEMES },
    security: [{ adminToken: [] }, { signIn: [] }],
  }
}

const SCHEMES = {
  adminToken: { type: 'http', scheme: 'bearer' },
  signIn: {
    type: 'apiKey',
    in: 'cookie',
    name: 'spillway_session',
    description:
      'Over HTTPS its name begins with __Host-. What changes something must be JSON from our own page.',
  },
}

/** "/api/accounts/:id/pause" → accounts. */
const tagOf = (path: string): string => /^\/api\/([\w-]+)/.exec(path)?.[1] ?? 'gateway'

function operationOf(name: string, route: Route): Operation {
  const { body, summary, answer, status = 200, role } = route
  return {
    operationId: name,
    summary,
    tags: [tagOf(route.path)],
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body, 'input') } }),
    responses: {
      [status]: { description: 'Done.', content: json(answer, 'output') },
      default: { description: 'What went wrong, as a sentence.', content: json(errorSchema, 'output') },
    },
    ...(role === 'anybody' ? { security: [] } : {}),
    'x-role': role,
  }
}

/** OpenAPI 3.1 has no word for events: the schema is that of one event's data. */
const streamOperation = (name: string, { events, ...route }: StreamRoute): Operation => {
  const [first, ...others] = Object.values(events).map((schema) => toSchema(schema, 'output'))
  const names = Object.keys(events).map((event) => `"${event}"`)
  const summary =
    `${route.summary} Server-sent events named ${names.join(', ')}, each with its id and JSON. ` +
    'Last-Event-ID is understood.'
  const schema = first === undefined || others.length === 0 ? (first ?? {}) : { oneOf: [first, ...others] }
  return {
    ...textOperation(name, { ...route, summary, type: 'text/event-stream' }, schema),
    parameters: queryParameters(route.query),
  }
}

const textOperation = (
  name: string,
  { path, summary, type, role }: PlainRoute,
  schema: Schema,
): Operation => ({
  operationId: name,
  summary,
  tags: [tagOf(path)],
  parameters: pathParameters(path),
  responses: {
    200: { description: 'Done.', content: { [type.split(';')[0] ?? type]: { schema } } },
    default: { description: 'What went wrong, as a sentence.', content: json(errorSchema, 'output') },
  },
  ...(role === 'anybody' ? { security: [] } : {}),
  'x-role': role,
})

const json = (schema: z.ZodType, io: 'input' | 'output'): Content => ({
  'application/json': { schema: toSchema(schema, io) },
})

/** None of the contract's schemas is a bare `true` or `false`; the dialect stands once, in the document. */
function toSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' })
  return rest as Schema
}

const pathParameters = (path: string): readonly Parameter[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

function queryParameters(query: z.ZodType | undefined): readonly Parameter[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = toSchema(query, 'input')
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}
