/**
 * Every operation of the OpenAPI document, with right, wrong and hostile input: nothing ends in
 * an internal error, every answer is what the document promises, every refusal is a sentence,
 * and the gateway is as well afterwards as before.
 */
import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import Ajv from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { type Operation, openApiDocument, type Schema } from '../../src/api/openapi.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { hostile, valuesFor } from '../support/schema-values.ts'
import { keyOf, openWorld, type World } from '../support/world.ts'

interface Door extends Operation {
  readonly method: string
  readonly path: string
}

const DOORS: readonly Door[] = Object.entries(openApiDocument('1').paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    method: method.toUpperCase(),
    path,
  })),
)
const isJson = ({ responses }: Door): boolean => jsonOf(responses) !== undefined

/** With its type left out, the schema of what a good call answers. */
const jsonOf = (responses: Door['responses']): Schema | undefined =>
  Object.entries(responses).find(([status]) => status !== 'default')?.[1].content?.['application/json']
    ?.schema

const RUNS = 25
const ajv = new Ajv({ strict: false, validateFormats: false })
const isError = ajv.compile({
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string', minLength: 1 }, message: { type: 'string', pattern: '[.!?]$' } },
    },
  },
})

let world: World

beforeAll(async () => {
  // Whatever a sign-in is tried with, nothing is asked of anybody else.
  const environment = ({ url }: Simulator) => ({
    SPILLWAY_ANTHROPIC_OAUTH_URL: url,
    SPILLWAY_ANTHROPIC_AUTHORIZE_URL: url,
    SPILLWAY_ANTHROPIC_URL: url,
  })
  world = await openWorld({ accounts: ['a'], environment })
})
afterAll(() => world.stop())

/** What an earlier call has taken away is there again. */
async function refill(): Promise<void> {
  await Promise.all([
    world.api.addAccount({
      body: { name: 'a', provider: 'console', apiKey: keyOf('a'), baseUrl: world.simulator.url },
    }),
    world.api.createKey({ body: { name: 'k' } }),
  ]).catch(() => {})
}

describe.each(DOORS.filter(isJson).map((door) => [`${door.method} ${door.path}`, door] as const))(
  '%s',
  (_name, door) => {
    it('takes whatever comes: an answer as it is promised, or a sentence', async () => {
      const fits = ajv.compile(jsonOf(door.responses) ?? {})
      await refill()
      const call = callsOf(door)
      await fc.assert(
        fc.asyncProperty(call, async (init) => {
          const answer = await send(door, init)
          const text = await answer.text()
          expect([text, answer.status < 500 || STORED_NOT.has(answer.status)]).toEqual([text, true])
          expect(text).not.toContain('CANARY-')
          const body: unknown = JSON.parse(text)
          const isAsPromised = answer.ok ? fits(body) : isError(body)
          expect({ text, errors: (answer.ok ? fits : isError).errors ?? [] }).toEqual({ text, errors: [] })
          expect(isAsPromised).toBe(true)
        }),
        { numRuns: RUNS },
      )
    })
  },
)

describe('after all of that', () => {
  it('the gateway is well, and has met no bug', async () => {
    expect(world.log()).not.toContain('because of a bug')
    expect((await fetch(`${world.url}/health`)).status).toBe(200)
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { readonly role?: string }).role).toBeUndefined()
  })
})

/** The disk or the database does not take it: said by 503 and 507, and never by 500. */
const STORED_NOT: ReadonlySet<number> = new Set([503, 507])

interface Call {
  readonly path: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
}

function callsOf({ parameters, requestBody }: Door): fc.Arbitrary<Call> {
  const fields = (place: 'path' | 'query') =>
    Object.fromEntries(
      parameters.filter((each) => each.in === place).map(({ name, schema }) => [name, valuesFor(schema)]),
    )
  const schema = requestBody?.content['application/json']?.schema
  return fc.record({
    path: fc.record(fields('path')),
    query: fc.record(fields('query'), { requiredKeys: [] }),
    body: schema === undefined ? fc.oneof(fc.constant(undefined), hostile) : valuesFor(schema),
  })
}

function send({ method, path }: Door, { path: params, query, body }: Call): Promise<Response> {
  const target = path.replace(
    /\{(\w+)\}/g,
    (_, name: string) => encodeURIComponent(wellFormed(params[name])) || 'a',
  )
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, wellFormed(value)]),
  )
  const hasBody = method !== 'GET' && body !== undefined
  return world.admin(`${target}?${search}`, {
    method,
    ...(hasBody ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
  })
}

/** As a URL can carry it. */
const wellFormed = (value: unknown): string =>
  (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed()
