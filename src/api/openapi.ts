/** The OpenAPI 3.1 document, made from the contract's table. Must not say what the table does not. */
import { z } from 'zod'
import { plainRoutes, routes, streams } from './contract.ts'
import type { PlainRoute, Route, StreamRoute } from './route.ts'
import { errorSchema } from './schemas.ts'

export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [name, route] of Object.entries<Route>(routes)) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) }
  }
  for (const [name, route] of Object.entries<StreamRoute>(streams))
    paths[route.path] = { get: streamOperation(name, route) }
  for (const [name, route] of Object.entries<PlainRoute>(plainRoutes))
    paths[route.path] = { get: textOperation(name, route, { type: 'string' }) }
  return {
    openapi: '3.1.0',
    info: { title: 'Spillway admin API', version },
    paths,
    components: { securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } } },
    security: [{ adminToken: [] }],
  }
}

function operation(name: string, route: Route): object {
  const { body, summary, answer, status = 200, role } = route
  return {
    operationId: name,
    summary,
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body, 'input') } }),
    responses: {
      [status]: { description: 'Done.', content: json(answer, 'output') },
      default: { description: 'What went wrong, as a sentence.', content: json(errorSchema, 'output') },
    },
    ...(role === 'anybody' ? { security: [] } : { 'x-role': role }),
  }
}

/** OpenAPI 3.1 has no word for events: the schema is that of one event's data. */
const streamOperation = (name: string, { events, ...route }: StreamRoute): object => {
  const [first, ...others] = Object.values(events).map((schema) => z.toJSONSchema(schema, { io: 'output' }))
  const names = Object.keys(events).map((event) => `"${event}"`)
  const summary =
    `${route.summary} Server-sent events named ${names.join(', ')}, each with its id and JSON. ` +
    'Last-Event-ID is understood.'
  const schema = others.length === 0 ? (first ?? {}) : { oneOf: [first, ...others] }
  return textOperation(name, { ...route, summary, type: 'text/event-stream' }, schema)
}

const textOperation = (name: string, { summary, type, role }: PlainRoute, schema: object): object => ({
  operationId: name,
  summary,
  parameters: [],
  responses: {
    200: { description: 'Done.', content: { [type.split(';')[0] ?? type]: { schema } } },
    default: { description: 'What went wrong, as a sentence.', content: json(errorSchema, 'output') },
  },
  'x-role': role,
})

const json = (schema: z.ZodType, io: 'input' | 'output'): object => ({
  'application/json': { schema: z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) },
})

const pathParameters = (path: string): readonly object[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

function queryParameters(query: z.ZodType | undefined): readonly object[] {
  if (query === undefined) return []
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' })
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}
