/**
 * Values for a JSON schema: right ones, nearly right ones, and what somebody with bad
 * intentions would send in their place. Out of the OpenAPI document, so that a new route is
 * tried without a word.
 */
import fc, { type Arbitrary } from 'fast-check'
import type { Schema } from '../../src/api/openapi.ts'

const HOSTILE: readonly unknown[] = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  "' or 1=1 --",
  '"; drop table accounts; --',
  '<img src=x onerror=alert(1)>',
  'a\r\nset-cookie: x=1',
  '\u0000',
  '\ud800',
  '\u202egnp.exe',
  '%00',
  '=cmd|"/c calc"!A1',
  'x'.repeat(10_000),
  -1,
  0,
  1e308,
  Number.MAX_SAFE_INTEGER,
  0.1,
  true,
  null,
  [],
  {},
  [[[[]]]],
  { toString: 1, __proto__: 1 },
  JSON.parse('{"__proto__":{"role":"owner"},"constructor":{"prototype":{"role":"owner"}}}'),
]

export const hostile: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 50 }),
  fc.jsonValue({ maxDepth: 3 }),
)

/** Mostly what the schema asks for; now and then, at any depth, something else. */
export const valuesFor = (schema: Schema): Arbitrary<unknown> =>
  fc.oneof({ weight: 5, arbitrary: fitting(schema) }, { weight: 1, arbitrary: hostile })

function fitting(schema: Schema): Arbitrary<unknown> {
  const { enum: values, const: only, anyOf = [], oneOf = [] } = schema
  if (values !== undefined && values.length > 0) return fc.constantFrom(...values)
  if (only !== undefined) return fc.constant(only)
  const alternatives = [...anyOf, ...oneOf]
  if (alternatives.length > 0) return fc.oneof(...alternatives.map(valuesFor))
  switch (typeof schema.type === 'string' ? schema.type : schema.type?.[0]) {
    case 'string':
      return textFor(schema)
    case 'integer':
    case 'number':
      return numberFor(schema)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(valuesFor(schema.items ?? {}), { maxLength: 3 })
    case 'object':
      return objectFor(schema)
    default:
      return hostile
  }
}

/** Names that are there, moments and lengths: so that what is asked for exists now and then. */
const WORDS = [
  'a',
  'k',
  'default',
  'claude-sonnet-5-5',
  'opus',
  '24h',
  '90s',
  '2026-11-25T12:00:00Z',
  '5h',
  'max',
]

const textFor = ({ format }: Schema): Arbitrary<unknown> => {
  if (format === 'uuid') return fc.uuid()
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((at) => at.toISOString())
  return fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 30 }))
}

const numberFor = ({ type, minimum = -1_000, maximum = 1_000 }: Schema): Arbitrary<number> => {
  const range = { min: Math.max(minimum, -1e9), max: Math.min(maximum, 1e9) }
  return type === 'integer'
    ? fc.integer({ min: Math.ceil(range.min), max: Math.floor(range.max) })
    : fc.double({ ...range, noNaN: true })
}

function objectFor({ properties, required = [], additionalProperties }: Schema): Arbitrary<unknown> {
  if (properties === undefined) {
    const values = typeof additionalProperties === 'object' ? valuesFor(additionalProperties) : hostile
    return fc.dictionary(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 20 })), values, {
      maxKeys: 3,
    })
  }
  const fields = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, valuesFor(each)]))
  const known = fc.record(fields, { requiredKeys: required.filter((name) => Object.hasOwn(fields, name)) })
  const more = fc.dictionary(fc.string({ maxLength: 10 }), hostile, { maxKeys: 1 })
  return fc.oneof(
    { weight: 9, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, more).map(([some, others]) => ({ ...some, ...others })) },
  )
}
