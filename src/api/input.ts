/**
 * What a call brings, checked against its route's schemas: parameters, query, body. Must not
 * know what a route does.
 */
import type { Context } from 'hono'
import type { z } from 'zod'
import { type ErrorDetail, GatewayError } from '../core/error.ts'
import type { Input, RouteName } from './contract.ts'
import type { Route } from './route.ts'
import { nothingSchema } from './schemas.ts'

export async function readInput(context: Context, route: Route): Promise<Input<RouteName>> {
  const input = {
    params: context.req.param(),
    query: parse(route.query ?? nothingSchema, context.req.query()),
    body: await readBody(context, route.body),
  }
  return input as Input<RouteName>
}

/** What the caller sent is not said to be JSON. */
export class UnsupportedMediaType extends Error {
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

export function parse(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const details = result.error.issues.flatMap((issue) => detailsOf(issue))
  const [first] = details
  const message = `${first?.path === '' ? 'The input' : `"${first?.path}"`}: ${first?.message ?? 'is not valid'}.`
  throw new GatewayError('bad-request', message, { details })
}

type Issue = z.core.$ZodIssue

/** Of alternatives the one that was meant: of the right kind, with something wrong inside. */
function detailsOf(issue: Issue, within: Issue['path'] = []): readonly ErrorDetail[] {
  const path = [...within, ...issue.path]
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not known here' }))
  const meant =
    issue.code === 'invalid_union'
      ? issue.errors.filter((alternative) => alternative.every((inner) => inner.path.length > 0))
      : []
  const [only, ...others] = meant
  if (only !== undefined && others.length === 0) return only.flatMap((inner) => detailsOf(inner, path))
  return [{ path: path.join('.'), message: issue.message }]
}
